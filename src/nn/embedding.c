#include "nn/embedding.h"

#include <math.h>

#include "base/size.h"
#include "nn/rows.h"

void embedding_positions(real *position, size_t P, size_t D) {
    for (size_t i = 0; i < D; i += 2) {
        const double slowness = pow(10000.0, (double)i / (double)D);
        for (size_t p = 0; p < P; p++) {
            const double angle = (double)p / slowness;
            position[p * D + i] = (real)sin(angle);
            position[p * D + i + 1] = (real)cos(angle);
        }
    }
}

typedef struct Embedding {
    real *out, *dtable, *dposition;
    const int32_t *token;
    const uint32_t *start;
    const real *table, *position, *dout;
    real scale; /* sqrt(D) */
    size_t B, D;
} Embedding;

static void forward_sentences(void *context, size_t first, size_t last) {
    const Embedding *e = context;
    const size_t D = e->D;
    for (size_t b = first; b < last; b++)
        for (size_t n = e->start[b]; n < e->start[b + 1]; n++) {
            const real *row = e->table + (size_t)e->token[n] * D;
            if (!e->position) {
                for (size_t d = 0; d < D; d++) e->out[n * D + d] = row[d] * e->scale;
                continue;
            }
            const real *position = e->position + (n - e->start[b]) * D;
            for (size_t d = 0; d < D; d++) e->out[n * D + d] = row[d] * e->scale + position[d];
        }
}

void embedding_forward(Pool *pool, real *out, const int32_t *token, const uint32_t *start, const real *table,
                       const real *position, size_t B, size_t D) {
    Embedding e = {.token = token, .start = start, .scale = (real)sqrt((double)D), .B = B, .D = D};
    e.out = out, e.table = table, e.position = position;
    rows_run(pool, "embedding", B, B ? (start[B] / B + 1) * D : 1, forward_sentences, &e);
}

enum { COLUMNS = 32 }; /* of a task, at least: with few, threads would write to the same cache lines */

/* A token may come in any row of dout, so threads take columns: a task owns its columns of every row. first, last: in
 * units of COLUMNS. */
static void backward_columns(void *context, size_t first, size_t last) {
    const Embedding *e = context;
    const size_t D = e->D, begin = first * COLUMNS, end = size_min(D, last * COLUMNS);
    for (size_t b = 0; b < e->B; b++)
        for (size_t n = e->start[b]; n < e->start[b + 1]; n++) {
            const real *dout = e->dout + n * D;
            real *dtable = e->dtable + (size_t)e->token[n] * D;
            for (size_t d = begin; d < end; d++) dtable[d] += dout[d] * e->scale; /* forward: row[d] * scale */
            if (!e->dposition) continue;
            real *dposition = e->dposition + (n - e->start[b]) * D;
            for (size_t d = begin; d < end; d++) dposition[d] += dout[d]; /* forward: + position[d] */
        }
}

void embedding_backward(Pool *pool, real *dtable, real *dposition, const real *dout, const int32_t *token,
                        const uint32_t *start, size_t B, size_t D) {
    Embedding e = {.token = token, .start = start, .scale = (real)sqrt((double)D), .B = B, .D = D};
    e.dout = dout, e.dtable = dtable, e.dposition = dposition;
    rows_run(pool, "embedding", size_divide_up(D, COLUMNS), COLUMNS * size_max(start[B], 1), backward_columns, &e);
}
