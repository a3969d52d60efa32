/* ./translate --score: the log probabilities of given translations, a line for each pair. */
#pragma once

#include "cli/options.h"
#include "decode/scoring.h"

/* Refuses, by options_usage, what does not go with --score. files: (count) the arguments. */
void scoring_check(const OptionReader *reader, const Text *files, size_t count, const Knockout *knockout);

/* Reads pairs and prints, for each,
 *
 *     LOG_PROBABILITY TAB THE_SAME_FOR_EACH_TOKEN TAB TOKEN:LOG_PROBABILITY TOKEN:LOG_PROBABILITY ...
 *
 * paths: (count) none, or "-": standard input; one: a file; both with lines "source TAB target"; two: the sources' file
 * and the targets'. An empty line gives an empty line. *failed: whether a line has no TAB, or the model's numbers were
 * not finite for one. */
bool scoring_run(Scorer *scorer, const Tokenizer *tokenizer, const Command *command, const char *const *paths,
                 size_t count, bool *failed, Error *err);
