/* The models of a command that takes several: opened together, and with the same vocabulary. */
#pragma once

#include "cli/options.h"
#include "decode/mixture.h"
#include "decode/modelfile.h"

typedef struct Models {
    ModelFile files[MIXTURE_MOST];
    size_t count;
    Hyper hyper; /* of the first, with the smallest max_length of all */
} Models;

/* Opens the models of these paths; without any, the newest (options_open_model). Release with models_close, also after
 * a failure. */
bool models_open(Models *models, const Command *command, const char *const *paths, size_t count, Error *err);
void models_close(Models *models);
