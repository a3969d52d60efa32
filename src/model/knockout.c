#include "model/knockout.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* The switches, by name. */
static const struct {
    const char *name;
    size_t offset;
} switches[] = {
    {"positions", offsetof(Knockout, positions)},
    {"mask", offsetof(Knockout, mask)},
    {"root", offsetof(Knockout, root)},
    {"attention", offsetof(Knockout, attention)},
    {"feedforward", offsetof(Knockout, feedforward)},
};

static bool *switch_of(const Knockout *k, size_t i) { return (bool *)((uintptr_t)k + switches[i].offset); }

/* A number below `limit` at *text, which is moved behind it. */
static bool read_number(const char **text, size_t limit, size_t *number) {
    char *end;
    if (**text < '0' || **text > '9') return false;
    errno = 0;
    const unsigned long long value = strtoull(*text, &end, 10);
    *text = end;
    *number = (size_t)value;
    return !errno && value < limit;
}

/* KIND.LAYER.HEAD */
static bool read_head(Knockout *k, const char *text) {
    for (int kind = 0; kind < ATTENTION_KINDS; kind++) {
        const size_t length = strlen(ATTENTION_KIND_NAMES[kind]);
        size_t layer, head;
        if (strncmp(text, ATTENTION_KIND_NAMES[kind], length) != 0 || text[length] != '.') continue;
        const char *at = text + length + 1;
        if (!read_number(&at, HYPER_MAX_LAYERS, &layer) || *at++ != '.') return false;
        if (!read_number(&at, KNOCKOUT_HEADS, &head) || *at) return false;
        k->muted[kind][layer] |= (uint64_t)1 << head;
        return true;
    }
    return false;
}

static bool add(Knockout *k, const char *name, Error *err) {
    const char *at;
    size_t head;
    for (size_t i = 0; i < COUNT(switches); i++)
        if (strcmp(name, switches[i].name) == 0) {
            *switch_of(k, i) = true;
            return true;
        }
    if (strncmp(name, "heads:", 6) == 0) {
        if (read_head(k, name + 6)) return true;
        return error_set(err,
                         "\"%s\": expected heads:KIND.LAYER.HEAD, as in heads:encoder.0.3; KIND is encoder, decoder "
                         "or cross, layers and heads count from 0, and the head is below %d",
                         name, KNOCKOUT_HEADS);
    }
    if (strncmp(name, "only:", 5) == 0) {
        at = name + 5;
        if (read_number(&at, KNOCKOUT_HEADS, &head) && !*at) {
            k->only = head + 1;
            return true;
        }
        return error_set(err, "\"%s\": expected only:HEAD, as in only:2, with a head from 0 to %d", name,
                         KNOCKOUT_HEADS - 1);
    }
    return error_set(err,
                     "expected positions, mask, root, attention, feedforward, heads:KIND.LAYER.HEAD or only:HEAD, "
                     "found \"%s\"",
                     name);
}

bool knockout_parse(Knockout *k, const char *names, Error *err) {
    for (const char *at = names;; at++) {
        const size_t length = strcspn(at, ",");
        char *name = memory_string_n(at, length);
        const bool known = add(k, name, err);
        free(name);
        if (!known) return false;
        at += length;
        if (!*at) return true;
    }
}

static size_t layers_of(const Hyper *h, int kind) {
    return kind == ATTENTION_ENCODER ? h->encoder_layers : h->decoder_layers;
}

bool knockout_check(const Knockout *k, const Hyper *h, Error *err) {
    if (k->only > h->heads)
        return error_set(err, "only:%zu: expected a head from 0 to %zu, which the model has", k->only - 1,
                         h->heads - 1);
    if (k->only > 0 && h->heads > KNOCKOUT_HEADS)
        return error_set(err, "only:%zu: expected a model of at most %d heads, found %zu", k->only - 1, KNOCKOUT_HEADS,
                         h->heads);
    for (int kind = 0; kind < ATTENTION_KINDS; kind++)
        for (size_t layer = 0; layer < HYPER_MAX_LAYERS; layer++)
            for (size_t head = 0; head < KNOCKOUT_HEADS; head++)
                if (k->muted[kind][layer] >> head & 1 && (layer >= layers_of(h, kind) || head >= h->heads))
                    return error_set(err,
                                     "heads:%s.%zu.%zu: expected a layer from 0 to %zu and a head from 0 to %zu, which "
                                     "the model has",
                                     ATTENTION_KIND_NAMES[kind], layer, head, layers_of(h, kind) - 1, h->heads - 1);
    return true;
}

bool knockout_name(const Knockout *k, size_t number, char name[KNOCKOUT_NAME]) {
    for (size_t i = 0; i < COUNT(switches); i++)
        if (*switch_of(k, i) && number-- == 0) return snprintf(name, KNOCKOUT_NAME, "%s", switches[i].name) > 0;
    for (int kind = 0; kind < ATTENTION_KINDS; kind++)
        for (size_t layer = 0; layer < HYPER_MAX_LAYERS; layer++)
            for (size_t head = 0; head < KNOCKOUT_HEADS; head++)
                if (k->muted[kind][layer] >> head & 1 && number-- == 0)
                    return snprintf(name, KNOCKOUT_NAME, "heads:%s.%zu.%zu", ATTENTION_KIND_NAMES[kind], layer, head) >
                           0;
    return k->only > 0 && number == 0 && snprintf(name, KNOCKOUT_NAME, "only:%zu", k->only - 1) > 0;
}

uint64_t knockout_muted(const Knockout *k, AttentionKind kind, size_t layer) {
    return k->muted[kind][layer] | (k->only > 0 ? ~((uint64_t)1 << (k->only - 1)) : 0);
}
