#include <stdlib.h>
#include <string.h>

#include "base/ds.h"
#include "base/memory.h"
#include "base/plain.h"
#include "base/size.h"
#include "inspect/heads.h"
#include "inspect/inspect.h"
#include "text/utf8.h"

/* Shades, and the probability from which on each is drawn. */
static const char *const shades[] = {" ", "\u2591", "\u2592", "\u2593", "\u2588"};
static const double from[] = {0, 0.05, 0.2, 0.4, 0.7};

enum {
    LABEL_MOST = 20, /* characters of a name */
    CELL_LEAST = 2,  /* columns of a key */
    TEXT_CANDIDATES = 4,
};
static const char STRONG[] = "\033[1;36m", PLAIN[] = "\033[0m";

/* A token's text as it is printed, in a fresh stb_ds array with a NUL: no space in front, nothing that a terminal
 * obeys, at most `most` characters. */
static char *printable(const Observation *o, int32_t id, size_t most) {
    size_t length;
    const char *bytes = tokenizer_token_bytes(o->tokenizer, id, &length);
    char *out = NULL;
    for (size_t at = length > 1 && bytes[0] == ' ', size; at < length && most-- > 0; at += size) {
        uint32_t code;
        size = utf8_decode(&code, bytes + at, length - at);
        if (code == ' ')
            ds_append(out, "\u2423", 3); /* the sign for a space */
        else if (plain_character(bytes + at, length - at) == 0)
            stbds_arrput(out, '?');
        else
            ds_append(out, bytes + at, size);
    }
    stbds_arrput(out, '\0');
    return out;
}

static size_t characters(const char *text) {
    size_t count = 0;
    for (; *text; text++) count += ((unsigned char)*text & 0xC0) != 0x80;
    return count;
}

static void print_padded(FILE *f, const char *text, size_t columns, bool right) {
    const size_t shown = characters(text), pad = columns > shown ? columns - shown : 0;
    fprintf(f, "%*s%s%*s", right ? (int)pad : 0, "", text, right ? 0 : (int)pad, "");
}

/* The names of tokens, and the columns that the longest takes. Release with names_free. */
typedef struct Names {
    char **text; /* (count) */
    size_t count, longest;
} Names;

static Names names_of(const Observation *o, const int32_t *ids, size_t count) {
    Names names = {memory_new(count, sizeof *names.text), count, 0};
    for (size_t i = 0; i < count; i++) {
        names.text[i] = printable(o, ids[i], LABEL_MOST);
        names.longest = size_max(names.longest, characters(names.text[i]));
    }
    return names;
}

static void names_free(Names *names) {
    for (size_t i = 0; i < names->count; i++) stbds_arrfree(names->text[i]);
    free(names->text);
}

/* Columns of a key: as many as its name has. */
static size_t cell_width(const Names *keys, size_t k) { return size_max(characters(keys->text[k]), CELL_LEAST); }

/* How many keys from `first` on fit side by side; 1 at least. */
static size_t keys_beside(const Names *keys, size_t first, size_t room) {
    size_t last = first, used = 0;
    while (last < keys->count && (last == first || used + cell_width(keys, last) <= room))
        used += cell_width(keys, last++) + 1;
    return last;
}

/* The keys from `first` to last - 1 as columns, and the queries as rows. */
static void print_grid(FILE *f, const Names *queries, const Names *keys, const real *p, size_t first, size_t last,
                       bool colours) {
    fprintf(f, "\n%*s", (int)queries->longest, "");
    for (size_t k = first; k < last; k++) {
        fputc(' ', f);
        print_padded(f, keys->text[k], k + 1 < last ? cell_width(keys, k) : 0, false);
    }
    fputc('\n', f);
    for (size_t i = 0; i < queries->count; i++) {
        const real *row = p + i * keys->count;
        size_t largest = 0;
        for (size_t k = 1; k < keys->count; k++)
            if (row[k] > row[largest]) largest = k;
        print_padded(f, queries->text[i], queries->longest, true);
        for (size_t k = first; k < last; k++) {
            size_t shade = COUNT(from) - 1;
            while (shade > 0 && !((double)row[k] >= from[shade])) shade--;
            const bool strong = colours && k == largest;
            fputs(strong ? STRONG : "", f);
            fputc(' ', f);
            for (size_t cell = cell_width(keys, k); cell > 0; cell--) fputs(shades[shade], f);
            fputs(strong ? PLAIN : "", f);
        }
        fputc('\n', f);
    }
}

static void print_attention(FILE *f, const InspectRequest *request, const Observation *o, size_t width, bool colours) {
    static const char *const whose[] = {
        [ATTENTION_ENCODER] = "what source tokens (rows) see of each other",
        [ATTENTION_DECODER] = "what the decoder's tokens (rows) see of each other",
        [ATTENTION_CROSS] = "where the translation (rows) looks in the source",
    };
    const bool chosen = request->kind != INSPECT_NONE || request->layer >= 0 || request->head >= 0;
    const AttentionKind kind = request->kind < 0 ? ATTENTION_ENCODER : (AttentionKind)request->kind;
    const size_t number = chosen ? observation_number(o, kind, request->layer > 0 ? (size_t)request->layer : 0)
                                 : observation_attentions(o) - 1;
    const AttentionView v = observation_view(o, number);
    const size_t cells = v.Tq * v.Tk;
    real *p = memory_new(cells, sizeof *p);
    for (size_t i = 0; i < cells; i++) {
        for (size_t head = 0; head < v.H; head++) p[i] += v.p[head * cells + i] / (real)v.H;
        if (request->head >= 0) p[i] = v.p[(size_t)request->head * cells + i];
    }
    fprintf(f, "%s, layer %zu, ",
            v.causal ? "what the decoder's tokens (rows) see of themselves and those before" : whose[v.kind], v.layer);
    if (request->head >= 0) {
        const HeadSummary head = head_summary(p, v.Tq, v.Tk, v.kind, v.causal);
        fprintf(f, "head %d%s%s\n", request->head, *head.label ? ": " : "", head.label);
    } else {
        fprintf(f, "mean of %zu heads\n", v.H);
    }
    const int32_t *rows = v.kind == ATTENTION_ENCODER ? o->source : v.kind == ATTENTION_CROSS ? o->says : o->target;
    Names queries = names_of(o, rows, v.Tq);
    Names keys = names_of(o, v.kind == ATTENTION_DECODER ? o->target : o->source, v.Tk);
    const size_t room = width > queries.longest + 1 ? width - queries.longest - 1 : 1;
    for (size_t first = 0, last; first < v.Tk; first = last) {
        last = keys_beside(&keys, first, room);
        print_grid(f, &queries, &keys, p, first, last, colours);
    }
    names_free(&queries);
    names_free(&keys);
    free(p);
    fputs("\nfrom", f);
    for (size_t shade = 1; shade < 5; shade++)
        fprintf(f, "  %s%s %.0f%%", shades[shade], shades[shade], 100 * from[shade]);
}

/* What each row says, beside what was most likely. */
static void print_steps(FILE *f, const Observation *o, size_t width, bool colours) {
    enum { SHARE = 8 }; /* columns: "  93.7% " */
    int32_t *best = memory_new(o->T * TEXT_CANDIDATES, sizeof *best);
    double *p = memory_new(o->T * TEXT_CANDIDATES, sizeof *p);
    size_t widest[TEXT_CANDIDATES] = {0}, count = 0;
    Names said = names_of(o, o->says, o->T);
    for (size_t i = 0; i < o->T; i++)
        count = inspect_candidates(o, i, best + i * TEXT_CANDIDATES, p + i * TEXT_CANDIDATES, TEXT_CANDIDATES);
    Names names = names_of(o, best, o->T * TEXT_CANDIDATES);
    for (size_t i = 0; i < names.count; i++)
        widest[i % TEXT_CANDIDATES] = size_max(widest[i % TEXT_CANDIDATES], characters(names.text[i]));
    size_t columns = 0;
    for (size_t used = said.longest; columns < count && used + SHARE + widest[columns] < width;)
        used += SHARE + widest[columns++];
    for (size_t i = 0; i < o->T; i++) {
        print_padded(f, said.text[i], said.longest, true);
        for (size_t k = 0; k < columns; k++) {
            const size_t at = i * TEXT_CANDIDATES + k;
            const bool strong = colours && best[at] == o->says[i];
            fprintf(f, " %5.1f%% %s", 100 * p[at], strong ? STRONG : "");
            print_padded(f, names.text[at], k + 1 < columns ? widest[k] : 0, false);
            if (strong) fputs(PLAIN, f);
        }
        fputc('\n', f);
    }
    names_free(&said);
    names_free(&names);
    free(best);
    free(p);
}

void inspect_text(FILE *f, const InspectRequest *request, const Observation *o, size_t width, bool colours) {
    print_attention(f, request, o, width, colours);
    fputs("\n\nwhat each step says, of what was most likely\n\n", f);
    print_steps(f, o, width, colours);
}
