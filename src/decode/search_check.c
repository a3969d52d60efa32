#include "decode/search.h"
#include "text/tokenizer.h"

/* Every hypothesis may begin with the prefix and end behind it. */
static bool check_prefix(const SearchOptions *o, const Hyper *h, const char *where, Error *err) {
    if (o->prefix_length >= h->max_length)
        return error_set(err, "%s: decode.prefix_length: expected less than model.max_length (%zu), found %zu", where,
                         h->max_length, o->prefix_length);
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
