/* A worked example: self-attention of three tokens of two numbers with one head, small enough to check by hand. Its
 * weights were made up, with four digits. What is x W in the textbook is x W^T here, so rows and columns of each W are
 * exchanged. */
#include "base/size.h"
#include "inspect/inspect.h"
#include "math/matmul.h"
#include "nn/attention.h"
#include "nn/linear.h"

enum { T = 3, D = 2 };

static const char *const words[T] = {"write", " a", " poem"};
static const real x[T * D] = {1.16f, 0.23f, 0.57f, 1.36f, 4.41f, -2.16f};
static const real weight[3 * D * D] = {
    0.5406f,  0.5869f,  -0.1657f, 0.6496f, /* Wq */
    -0.1549f, 0.1427f,  -0.3443f, 0.4153f, /* Wk */
    0.6233f,  -0.5188f, 0.6146f,  0.1323f, /* Wv */
};

void inspect_example(Json *j, Pool *pool) {
    real qkv[T * 3 * D], joined[T * D], log_sum[T], p[T * T];
    real *const shown[] = {p};
    const uint32_t start[] = {0, T};
    const AttentionShape shape = {1, 1, D, start, start, start + 1, T, false, .shown = shown};
    const AttentionInput in = {qkv, qkv + D, qkv + 2 * D, 3 * D, 3 * D};
    pool_reserve(pool, size_max(attention_scratch(T), matmul_scratch()), matmul_shared());
    linear_forward((Compute){.pool = pool}, qkv, x, weight, NULL, T, D, 3 * D);
    attention_forward(pool, joined, log_sum, in, shape, dropout_none());

    AttentionView view = {.kind = ATTENTION_ENCODER, .H = 1, .K = D, .Tq = T, .Tk = T, .p = p, .in = in};
    view.joined = joined, view.weight = weight;
    view.x = x;
    static const char *const missing[] = {"model",   "target",     "unseen",    "knocked",   "steps",      "output",
                                          "beam",    "hypotheses", "embedding", "positions", "neighbours", "galaxy",
                                          "context", "pulls",      "stream",    "maps"};
    Choice choice = {0};
    json_write(j, "{format: %s, version: 2, source: {text: %s, tokens: [", "nmt.inspect", "write a poem");
    for (size_t i = 0; i < T; i++) json_write(j, "{id: %zu, text: %s, word: %zu}", i, words[i], i);
    json_write(j, "]}");
    for (size_t i = 0; i < COUNT(missing); i++) json_write(json_key(j, missing[i]), "null");
    json_write(j, "chosen: {word: 0, word_text: %s, group: null, block: 0, head: 0, row: 0, why: %s}", words[0],
               "The first word.");
    inspect_write_attention(j, NULL, &view, 1, (Arithmetic){.choice = &choice}, SIZE_MAX);
    json_write(j, "}");
}
