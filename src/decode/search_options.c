#include "decode/search.h"
#include "text/tokenizer.h"

const Field search_fields[] = {
    ROW_INTEGER("decode.beam", SearchOptions, beam, "4", 1, SEARCH_MAX_BEAM, "hypotheses kept; 1: greedy search"),
    ROW_REAL("decode.length_alpha", SearchOptions, length_alpha, "1", 0, 10,
             "hypotheses are ranked by log probability / length ^ length_alpha"),
    ROW_REAL("decode.max_ratio", SearchOptions, max_ratio, "2", 0, 1000,
             "a translation has at most max_ratio times the source's tokens, ..."),
    ROW_INTEGER("decode.max_extra", SearchOptions, max_extra, "10", 0, HYPER_MAX_LENGTH, "... and max_extra more"),
    ROW_END,
};

const Field search_more_fields[] = {
    ROW_INTEGER("decode.n_best", SearchOptions, n_best, "1", 1, SEARCH_MAX_BEAM, "hypotheses wanted"),
    ROW_INTEGER("decode.max_length", SearchOptions, max_length, "0", 1, HYPER_MAX_LENGTH, "tokens at most",
                .or_zero = true),
    ROW_INTEGER("decode.min_length", SearchOptions, min_length, "0", 0, HYPER_MAX_LENGTH, "tokens at least"),
    ROW_INTEGER("decode.no_repeat_ngram", SearchOptions, no_repeat_ngram, "0", 1, HYPER_MAX_LENGTH,
                "no n tokens in a row come twice", .or_zero = true),
    ROW_REAL("decode.temperature", SearchOptions, temperature, "1", 0.01, 100,
             "draw by probability ^ (1 / temperature)", .or_zero = true),
    ROW_INTEGER("decode.top_k", SearchOptions, top_k, "0", 1, SEARCH_MAX_BEAM, "draw from the k most likely tokens",
                .or_zero = true),
    ROW_INTEGER("decode.seed", SearchOptions, seed, "1", 0, 0x1p63, "of the draws"),
    ROW_END,
};

/* Every hypothesis may begin with the prefix and end behind it. */
static bool check_prefix(const SearchOptions *o, const Hyper *h, const char *where, Error *err) {
    if (o->prefix_length >= h->max_length)
        return error_set(err, "%s: decode.prefix_length: expected less than model.max_length (%zu), found %zu", where,
                         h->max_length, o->prefix_length);
    if (o->max_length > 0 && o->prefix_length >= o->max_length)
        return error_set(err, "%s: decode.prefix_length: expected less than decode.max_length (%zu), found %zu", where,
                         o->max_length, o->prefix_length);
    if (o->prefix_length > 0 && !o->prefix)
        return error_set(err, "%s: decode.prefix: expected %zu tokens, found NULL", where, o->prefix_length);
    for (size_t i = 0; i < o->prefix_length; i++)
        if (o->prefix[i] < TOKEN_FIRST_BYTE || (size_t)o->prefix[i] >= h->vocab)
            return error_set(err, "%s: decode.prefix: expected tokens from %d to %zu, found %d", where,
                             TOKEN_FIRST_BYTE, h->vocab - 1, (int)o->prefix[i]);
    return true;
}

bool search_check(const SearchOptions *o, const Hyper *h, const char *where, Error *err) {
    if (!fields_check(search_fields, o, where, err) || !fields_check(search_more_fields, o, where, err)) return false;
    if (o->n_best > o->beam)
        return error_set(err, "%s: decode.n_best: expected 1 to decode.beam (%zu), found %zu", where, o->beam,
                         o->n_best);
    if (o->max_length > 0 && o->min_length >= o->max_length)
        return error_set(err, "%s: decode.min_length: expected less than decode.max_length (%zu), found %zu", where,
                         o->max_length, o->min_length);
    if (o->min_length >= h->max_length)
        return error_set(err, "%s: decode.min_length: expected less than model.max_length (%zu), found %zu", where,
                         h->max_length, o->min_length);
    if (o->sample && o->beam > 1)
        return error_set(err, "%s: decode.sample: expected decode.beam 1, found %zu", where, o->beam);
    return check_prefix(o, h, where, err);
}
