#include "cli/print.h"

#include <stdio.h>

/* soft: a target word's shares of source words, those that do not round to 0; "-": there are none. */
static void print_shares(const TranslatorWord *word) {
    bool first = true;
    for (size_t j = 0; j < word->count; j++) {
        if (word->shares[j] < (real)0.00005) continue;
        printf(first ? "%zu:%.4f" : ",%zu:%.4f", word->first + j, (double)word->shares[j]);
        first = false;
    }
    if (first) putchar('-');
}

static void print_alignment(Alignment how, const TranslatorHypothesis *h) {
    bool first = true;
    for (size_t i = 0; i < h->word_count; i++) {
        const TranslatorWord *word = &h->words[i];
        if (word->count == 0 && how == ALIGNMENT_HARD) continue;
        if (!first) putchar(' ');
        first = false;
        if (how == ALIGNMENT_HARD)
            printf("%zu-%zu", word->largest, i);
        else
            print_shares(word);
    }
}

/* Marian's form: F0= and, with a reranker, F1= ... are what the score is the weighted sum of. */
static void print_values(const PrintHow *how, const TranslatorHypothesis *h) {
    const double *value = how->reranker ? reranker_value(how->reranker, h) : &h->log_probability;
    const size_t values = how->reranker ? reranker_values(how->reranker) : 1;
    printf(" |||");
    for (size_t i = 0; i < values; i++) printf(" F%zu= %.6g", i, value[i]);
    printf(" ||| %.6g", h->score);
}

void print_result(const PrintHow *how, const TranslatorResult *result, size_t number) {
    for (size_t rank = 0; rank < result->count; rank++) {
        const TranslatorHypothesis *h = &result->hypotheses[rank];
        if (how->n_best) printf("%zu ||| ", number);
        fwrite(h->bytes, 1, h->length, stdout);
        if (how->alignment != ALIGNMENT_NONE) {
            fputs(" ||| ", stdout);
            print_alignment(how->alignment, h);
        }
        if (how->n_best) print_values(how, h);
        if (how->confidence) printf(" ||| %.4f", confidence_value(how->calibration, h->log_probability, h->tokens));
        putchar('\n');
    }
}

bool print_options(PrintHow *how, const OptionReader *r, const ModelFile *model, Error *err) {
    double numbers[2];
    how->n_best = options_given(r, "--n-best");
    how->confidence = options_given(r, "--confidence");
    how->calibration = model->info.confidence;
    if (options_numbers(r, "--calibration", numbers, 2) == 2) how->calibration = (Confidence){numbers[0], numbers[1]};
    const bool known = how->calibration.bias != 0 || how->calibration.slope != 0 || options_given(r, "--calibration");
    if (known || !how->confidence || options_given(r, "--tune")) return true;
    return error_set(err,
                     "%s: --confidence: expected training.confidence_bias and _slope in the model, found neither; "
                     "--tune PAIRS.tsv finds numbers for --calibration",
                     model->path);
}
