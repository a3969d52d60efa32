/* A run that starts from a trained model, train.init: what it takes from that file, and how it remembers it.
 *
 * The file gives the weights, the sizes and form of the network, the vocabulary and [text]. The corpus, dropout, the
 * optimiser, the learning rate and the search are those of the new config. The run's own files then have
 *
 *     nmt.train.init     (last.gguf) the checksum of that file: a run continues with the same one, under any name
 *     training.history   what the model was trained on from the beginning, a line of text each time
 *     training.words     the words of all of it, not of the new text alone */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/ini.h"
#include "decode/modelfile.h"

#define START_KEY "nmt.train.init"

/* Opens the model, and gives its sizes and its [text] to those keys that the config leaves out. Fails if the config has
 * another value; the message has both. Dropout stays the config's. Close with modelfile_close. config: what messages
 * call it. */
bool start_open(ModelFile *start, const char *path, const Ini *ini, Hyper *hyper, Normalisation *text,
                const char *config, Error *err);

/* Fails if the run of this last.gguf started from another model. */
bool start_check(const ModelFile *start, const ModelFile *last, Error *err);

/* The lines of training.history: those of the model that the run started from, and one for its own `step` steps on the
 * text `origin`. (*count) fresh strings in a fresh array: free them with start_free_history. */
GgufString *start_history(size_t *count, const ModelFile *start, uint64_t step, const char *origin);
void start_free_history(GgufString *lines, size_t count);
