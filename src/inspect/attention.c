/* The page's attention maps, and the arithmetic of the chosen head. The probabilities are always there; vectors are
 * left out, those of the first blocks first, where the page would become too large. */
#include <stdlib.h>

#include "base/ds.h"
#include "inspect/heads.h"
#include "inspect/inspect.h"

/* A head's strongest look at another word: in cross-attention, of what is said at a word of the source. */
static void write_look(Json *j, const Observation *o, const AttentionView *v, size_t head) {
    const Look look = o ? choice_look(o, v, (int)head, -1, 1, 0) : (Look){0};
    if (look.p > 0)
        json_write(j, "looks: {row: %zu, column: %zu, p: %g}", look.row, look.column, look.p);
    else
        json_write(j, "looks: null");
}

static void write_view(Json *j, const Observation *o, const AttentionView *v, bool vectors) {
    const size_t D = v->H * v->K;
    json_write(j, "{kind: %s, layer: %zu", ATTENTION_KIND_NAMES[v->kind], v->layer);
    json_array(json_key(j, "p"), v->H, v->H * v->Tq, v->Tk, v->p, v->Tk);
    json_array(json_key(j, "x"), 0, v->Tq, D, vectors ? v->x : NULL, D);
    json_array(json_key(j, "q"), 0, v->Tq, D, vectors ? v->in.q : NULL, v->in.q_stride);
    json_array(json_key(j, "k"), 0, v->Tk, D, vectors ? v->in.k : NULL, v->in.kv_stride);
    json_array(json_key(j, "v"), 0, v->Tk, D, vectors ? v->in.v : NULL, v->in.kv_stride);
    json_write(j, "heads: [");
    for (size_t h = 0; h < v->H; h++) {
        const HeadSummary head = head_summary(v->p + h * v->Tq * v->Tk, v->Tq, v->Tk, v->kind, v->causal);
        char *does = *head.label ? memory_format("%s, %.0f%%", head.does, 100 * head.share) : NULL;
        json_write(j, "{entropy: %g, label: %s, share: %g, does: %s", head.entropy, head.label, head.share, does);
        write_look(j, o, v, h);
        json_write(j, "}");
        free(does);
    }
    json_write(j, "]}");
}

static void write_arithmetic(Json *j, const AttentionView *v, Arithmetic a, bool whole) {
    static const char *const weights[] = {"wq", "wk", "wv"}, *const biases[] = {"bq", "bk", "bv"};
    const size_t D = v->H * v->K;
    real *none = memory_new(D, sizeof *none); /* no bias */
    json_write(j, "arithmetic: {block: %zu, head: %zu, row: %zu", a.choice->block, a.choice->head, a.choice->row);
    json_array(json_key(j, "x"), 0, v->Tq, D, v->x, D);
    json_array(json_key(j, "memory"), 0, v->Tk, D, v->memory, D);
    for (size_t map = 0; map < 3; map++) {
        const size_t first = map * D + a.choice->head * v->K;
        json_array(json_key(j, weights[map]), 0, v->K, D, v->weight + first * D, D);
        json_array(json_key(j, biases[map]), 0, 0, v->K, v->bias ? v->bias + first : none, v->K);
    }
    json_array(json_key(j, "norm_weight"), 0, 0, D, a.norm_weight, D);
    json_array(json_key(j, "norm_bias"), 0, 0, D, a.norm_bias, D);
    json_array(json_key(j, "joined"), 0, v->Tq, D, v->joined, D);
    json_array(json_key(j, "wo"), 0, D, D, whole ? v->out_weight : NULL, D);
    json_array(json_key(j, "bo"), 0, 0, D, v->out_bias, D);
    json_array(json_key(j, "projected"), 0, v->Tq, D, a.projected, D);
    json_write(j, "}");
    free(none);
}

/* What cannot be left out, about; then what can. */
static size_t needed(const AttentionView *v) { return json_array_size(v->H * v->Tq * v->Tk) + 200 + 200 * v->H; }
static size_t needed_arithmetic(const AttentionView *v) {
    const size_t D = v->H * v->K;
    return 3 * json_array_size(v->Tq * D) + (v->memory ? json_array_size(v->Tk * D) : 0) +
           3 * json_array_size(v->K * D) + 3 * json_array_size(D) + 1000;
}
static size_t vectors_size(const AttentionView *v) {
    return 2 * json_array_size(v->Tq * v->H * v->K) + 2 * json_array_size(v->Tk * v->H * v->K);
}

void inspect_write_attention(Json *j, const Observation *o, const AttentionView *views, size_t count, Arithmetic a,
                             size_t budget) {
    const AttentionView *mine = &views[a.choice->block];
    const size_t D = mine->H * mine->K;
    size_t used = stbds_arrlenu(j->text) + needed_arithmetic(mine) + vectors_size(mine), left = 0;
    for (size_t i = 0; i < count; i++) used += needed(&views[i]) + 100;
    /* The chosen one's vectors are always there; its output projection, then the others', the last layers first, as far
     * as they fit. */
    bool *vectors = memory_new(count, sizeof *vectors), whole = used + json_array_size(D * D) <= budget;
    if (whole) used += json_array_size(D * D);
    vectors[a.choice->block] = true;
    for (size_t i = count; i-- > 0;) {
        if (i == a.choice->block) continue;
        vectors[i] = used + vectors_size(&views[i]) <= budget;
        used += vectors[i] ? vectors_size(&views[i]) : 0;
        left += !vectors[i];
    }
    json_write(j, "left_out: [");
    if (left > 0) {
        char *text = memory_format("The vectors of %zu of the %zu attention blocks are left out to keep "
                                   "the page small; --kind and --layer choose a block that has them.",
                                   left, count);
        json_write(j, "%s", text);
        free(text);
    }
    if (!whole && mine->out_weight)
        json_write(j, "%s", "The output projection's weights are left out to keep the page small; its result is here.");
    json_write(j, "], attention: [");
    for (size_t i = 0; i < count; i++) write_view(j, o, &views[i], vectors[i]);
    json_write(j, "]");
    write_arithmetic(j, mine, a, whole);
    free(vectors);
}
