#include <stdlib.h>
#include <string.h>

#include "base/ds.h"
#include "inspect/heads.h"
#include "inspect/inspect.h"
#include "text/utf8.h"

/* Shades, and the probability from which on each is drawn. */
static const char *const shades[] = {" ", "\u2591", "\u2592", "\u2593", "\u2588"};
static const double from[] = {0, 0.05, 0.2, 0.4, 0.7};

enum { LABEL_COLUMNS = 14, CELL_COLUMNS = 2, TEXT_CANDIDATES = 4 };
static const char STRONG[] = "\033[1;36m", PLAIN[] = "\033[0m";

/* A token's text as it is printed, in a fresh stb_ds array with a NUL: no space in front, nothing that would move the
 * cursor, at most `most` characters. */
static char *printable(const Observation *o, int32_t id, size_t most) {
    size_t length;
    const char *bytes = tokenizer_token_bytes(o->tokenizer, id, &length);
    char *out = NULL;
    for (size_t at = length > 1 && bytes[0] == ' ', size; at < length && most-- > 0; at += size) {
        uint32_t code;
        size = utf8_decode(&code, bytes + at, length - at);
        if (code == ' ')
            ds_append(out, "\u2423", 3); /* the sign for a space */
        else if (code < 0x20 || (code >= 0x7F && code < 0xA0) || code >= UTF8_BAD)
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

/* The keys from `first` to last - 1 as columns of letters, read downwards. */
static void print_header(FILE *f, const Observation *o, const int32_t *keys, size_t first, size_t last) {
    char **labels = NULL;
    size_t deepest = 0;
    for (size_t k = first; k < last; k++) {
        char *label = printable(o, keys[k], 10);
        if (characters(label) > deepest) deepest = characters(label);
        stbds_arrput(labels, label);
    }
    for (size_t line = 0; line < deepest; line++) {
        fprintf(f, "%*s", LABEL_COLUMNS + 1, "");
        for (size_t k = 0; k < last - first; k++) {
            const size_t skip = deepest - characters(labels[k]);
            const char *at = labels[k];
            uint32_t code;
            for (size_t i = skip; i < line; i++) at += utf8_decode(&code, at, strlen(at));
            const size_t size = line >= skip ? utf8_decode(&code, at, strlen(at)) : 0;
            fprintf(f, "%.*s%*s", (int)size, at, size ? CELL_COLUMNS - 1 : CELL_COLUMNS, "");
        }
        fputc('\n', f);
    }
    for (size_t k = 0; k < stbds_arrlenu(labels); k++) stbds_arrfree(labels[k]);
    stbds_arrfree(labels);
}

static void print_rows(FILE *f, const Observation *o, const AttentionView *v, const real *p, size_t first, size_t last,
                       bool colours) {
    const int32_t *queries = v->kind == ATTENTION_ENCODER ? o->source
                             : v->kind == ATTENTION_CROSS ? o->says
                                                          : o->target;
    for (size_t i = 0; i < v->Tq; i++) {
        const real *row = p + i * v->Tk;
        size_t largest = 0;
        for (size_t k = 1; k < v->Tk; k++)
            if (row[k] > row[largest]) largest = k;
        char *label = printable(o, queries[i], LABEL_COLUMNS);
        print_padded(f, label, LABEL_COLUMNS, true);
        stbds_arrfree(label);
        fputc(' ', f);
        for (size_t k = first; k < last; k++) {
            size_t shade = 4;
            while (shade > 0 && !((double)row[k] >= from[shade])) shade--;
            const char *block = shades[shade];
            const bool strong = colours && k == largest;
            fprintf(f, "%s%s%s%s", strong ? STRONG : "", block, block, strong ? PLAIN : "");
        }
        fputc('\n', f);
    }
}

static void print_attention(FILE *f, const InspectRequest *request, const Observation *o, size_t width, bool colours) {
    static const char *const whose[] = {
        [ATTENTION_ENCODER] = "what source tokens (rows) see of each other",
        [ATTENTION_DECODER] = "what the decoder's tokens (rows) see before them",
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
    fprintf(f, "%s, layer %zu, ", whose[v.kind], v.layer);
    if (request->head >= 0) {
        const HeadSummary head = head_summary(p, v.Tq, v.Tk, v.kind);
        fprintf(f, "head %d%s%s\n", request->head, *head.label ? ": " : "", head.label);
    } else {
        fprintf(f, "mean of %zu heads\n", v.H);
    }
    const size_t room = width > LABEL_COLUMNS + 1 + CELL_COLUMNS ? (width - LABEL_COLUMNS - 1) / CELL_COLUMNS : 1;
    const int32_t *keys = v.kind == ATTENTION_DECODER ? o->target : o->source;
    for (size_t first = 0; first < v.Tk; first += room) {
        const size_t last = v.Tk - first < room ? v.Tk : first + room;
        fputc('\n', f);
        print_header(f, o, keys, first, last);
        print_rows(f, o, &v, p, first, last, colours);
    }
    free(p);
    fputs("\nfrom", f);
    for (size_t shade = 1; shade < 5; shade++)
        fprintf(f, "  %s%s %.0f%%", shades[shade], shades[shade], 100 * from[shade]);
}

/* What each row says, beside what was most likely. */
static void print_steps(FILE *f, const Observation *o, size_t width, bool colours) {
    for (size_t i = 0; i < o->T; i++) {
        int32_t best[TEXT_CANDIDATES];
        double p[TEXT_CANDIDATES];
        const size_t count = inspect_candidates(o, i, best, p, TEXT_CANDIDATES);
        char *said = printable(o, o->says[i], LABEL_COLUMNS);
        print_padded(f, said, LABEL_COLUMNS, true);
        stbds_arrfree(said);
        for (size_t k = 0; k < count && LABEL_COLUMNS + 16 * (k + 1) <= width; k++) {
            char *text = printable(o, best[k], 7);
            const bool strong = colours && best[k] == o->says[i];
            fprintf(f, "  %5.1f%% %s", 100 * p[k], strong ? STRONG : "");
            print_padded(f, text, k + 1 < count ? 7 : 0, false);
            if (strong) fputs(PLAIN, f);
            stbds_arrfree(text);
        }
        fputc('\n', f);
    }
}

void inspect_text(FILE *f, const InspectRequest *request, const Observation *o, size_t width, bool colours) {
    print_attention(f, request, o, width, colours);
    fputs("\n\nwhat each step says, of what was most likely\n\n", f);
    print_steps(f, o, width, colours);
}
