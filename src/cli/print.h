/* How ./translate prints a translation. */
#pragma once

#include "cli/options.h"
#include "decode/confidence.h"
#include "decode/rerank.h"
#include "decode/translator.h"

typedef enum Alignment { ALIGNMENT_NONE = -1, ALIGNMENT_HARD, ALIGNMENT_SOFT } Alignment;

typedef struct PrintHow {
    bool n_best; /* with the text's number, log probabilities and score */
    Alignment alignment;
    bool confidence;
    Confidence calibration;
    const Reranker *reranker; /* whose values are printed; NULL: none */
} PrintHow;

/* What the options say of n_best and confidence. Fails where the calibration is not known. */
bool print_options(PrintHow *how, const OptionReader *reader, const ModelFile *model, Error *err);

/* Prints the hypotheses of a result, a line each. number: of the text, from 0. */
void print_result(const PrintHow *how, const TranslatorResult *result, size_t number);
