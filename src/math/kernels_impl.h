/* The one implementation of the kernels, included by kernels_generic.c and its kin after they have set
 *
 *   ISA       the name of the table to define (generic, avx2, ...)
 *   VECTOR    bytes of a vector register
 *   TILE_ROWS, TILE_VECTORS   register tile of the matrix product: TILE_ROWS rows of TILE_VECTORS vectors
 *   MUL_WIDE(a, b)            products of the even 32-bit lanes of two vectors, as 64-bit lanes
 *
 * This is not a header in the usual sense: it has code, and no guard. */
#include <math.h>
#include <string.h>

#include "math/kernels.h"

#define PASTE_(a, b) a##b
#define PASTE(a, b)  PASTE_(a, b)
#define TEXT_(a)     #a
#define TEXT(a)      TEXT_(a)

#include "math/kernels_vector.h"

#include "math/kernels_product.h"

/* ---- reductions: four vectors of partial sums -------------------------------------------------------------------- */

static inline real add_lanes(vreal v) {
    real lane[LANES];
    memcpy(lane, &v, sizeof lane);
    for (size_t half = LANES / 2; half > 0; half /= 2)
        for (size_t i = 0; i < half; i++) lane[i] += lane[i + half];
    return lane[0];
}

enum { GROUP = 4 * LANES };

static inline void dot_group(vreal sum[4], const real *x, const real *y) {
    for (int s = 0; s < 4; s++) sum[s] += load(x + s * LANES) * load(y + s * LANES);
}

static inline void sum_group(vreal sum[4], const real *x) {
    for (int s = 0; s < 4; s++) sum[s] += load(x + s * LANES);
}

/* The last elements are filled up with zeros to a whole group, not added by code of its own: a compiler might fuse
 * multiplication and addition in one of the two and round in between in the other. */
static real dot(const real *x, const real *y, size_t n) {
    vreal sum[4] = {{0}, {0}, {0}, {0}};
    size_t i = 0;
    for (; i + GROUP <= n; i += GROUP) dot_group(sum, x + i, y + i);
    if (i < n) {
        real rest_x[GROUP] = {0}, rest_y[GROUP] = {0};
        memcpy(rest_x, x + i, (n - i) * sizeof(real));
        memcpy(rest_y, y + i, (n - i) * sizeof(real));
        dot_group(sum, rest_x, rest_y);
    }
    return add_lanes((sum[0] + sum[1]) + (sum[2] + sum[3]));
}

static real sum_of(const real *x, size_t n) {
    vreal sum[4] = {{0}, {0}, {0}, {0}};
    size_t i = 0;
    for (; i + GROUP <= n; i += GROUP) sum_group(sum, x + i);
    if (i < n) {
        real rest[GROUP] = {0};
        memcpy(rest, x + i, (n - i) * sizeof(real));
        sum_group(sum, rest);
    }
    return add_lanes((sum[0] + sum[1]) + (sum[2] + sum[3]));
}

static real max_of(const real *x, size_t n) {
    real best = x[0];
    if (n >= LANES) {
        vreal top = load(x);
        for (size_t i = LANES; i < n; i += LANES) {
            vreal v = load(i + LANES <= n ? x + i : x + n - LANES);
            /* lane by lane the larger of the two; auto-vectorised to a max instruction */
            for (size_t l = 0; l < LANES; l++) top[l] = v[l] > top[l] ? v[l] : top[l];
        }
        for (size_t l = 0; l < LANES; l++) best = top[l] > best ? top[l] : best;
        return best;
    }
    for (size_t i = 1; i < n; i++) best = x[i] > best ? x[i] : best;
    return best;
}

/* In double whatever `real` is: the sum of a whole gradient block's squares outgrows float's digits. */
static double square_sum(const real *x, size_t n) {
    double sum[16] = {0};
    size_t i = 0;
    for (; i + 16 <= n; i += 16)
        for (size_t l = 0; l < 16; l++) sum[l] += (double)x[i + l] * (double)x[i + l];
    for (size_t l = 0; i < n; i++, l++) sum[l] += (double)x[i] * (double)x[i];
    for (size_t half = 8; half > 0; half /= 2)
        for (size_t l = 0; l < half; l++) sum[l] += sum[l + half];
    return sum[0];
}

/* ---- element by element ------------------------------------------------------------------------------------------ */

static void scale_by(real *x, real a, size_t n) {
    for (size_t i = 0; i < n; i++) x[i] *= a;
}

static void add_to(real *restrict y, const real *restrict x, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] += x[i];
}

static void sum_of_two(real *out, const real *x, const real *y, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = x[i] + y[i];
}

static void affine(real *x, real a, real b, size_t n) {
    for (size_t i = 0; i < n; i++) x[i] = a * x[i] + b;
}

static void axpy(real *restrict y, real a, const real *restrict x, size_t n) {
    for (size_t i = 0; i < n; i++) y[i] += a * x[i];
}

static void relu(real *restrict out, const real *restrict in, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = in[i] > 0 ? in[i] : 0;
}

static void relu_backward(real *restrict din, const real *restrict dout, const real *restrict in, size_t n) {
    for (size_t i = 0; i < n; i++) din[i] += in[i] > 0 ? dout[i] : 0;
}

static void normalise(real *restrict out, const real *restrict in, real mean, real rstd, const real *restrict w,
                      const real *restrict b, size_t n) {
    for (size_t i = 0; i < n; i++) out[i] = (in[i] - mean) * rstd * w[i] + b[i];
}

/* The variance from centred values: sum(x^2) - mean^2 would lose all digits where |mean| >> deviation. */
static void moments(const real *x, real *mean, real *variance, size_t n) {
    const real m = sum_of(x, n) / (real)n;
    vreal sum[2] = {{0}, {0}};
    size_t i = 0;
    for (; i + 2 * LANES <= n; i += 2 * LANES)
        for (int s = 0; s < 2; s++) {
            vreal off = load(x + i + s * LANES) - m;
            sum[s] += off * off;
        }
    for (int s = 0; i < n; i += LANES, s++) {
        real rest[LANES];
        for (size_t l = 0; l < LANES; l++) rest[l] = i + l < n ? x[i + l] - m : 0;
        sum[s] += load(rest) * load(rest);
    }
    *mean = m;
    *variance = add_lanes(sum[0] + sum[1]) / (real)n;
}

/* With y = (in - mean) * rstd and g = dout * w:  din += rstd * (g - mean(g) - y * mean(g * y)),  dw += dout * y,
 * db += dout. */
static void normalise_backward(real *restrict din, real *restrict dw, real *restrict db, const real *restrict dout,
                               const real *restrict in, real mean, real rstd, const real *restrict w, size_t n) {
    vreal sum_g = {0}, sum_gy = {0};
    for (size_t i = 0; i < n; i += LANES) {
        size_t left = n - i;
        vreal g, y;
        if (left >= LANES) {
            g = load(dout + i) * load(w + i);
            y = (load(in + i) - mean) * rstd;
        } else {
            g = load_part(dout + i, left) * load_part(w + i, left);
            y = (load_part(in + i, left) - mean) * rstd;
        }
        sum_g += g;
        sum_gy += g * y;
    }
    real mean_g = add_lanes(sum_g) / (real)n, mean_gy = add_lanes(sum_gy) / (real)n;
    for (size_t i = 0; i < n; i++) {
        real y = (in[i] - mean) * rstd;
        din[i] += rstd * (dout[i] * w[i] - mean_g - y * mean_gy);
        dw[i] += dout[i] * y;
        db[i] += dout[i];
    }
}

/* p = softmax(s), dp = gradient of p, mean = sum(p * dp):  ds = p * (dp - mean) * scale. */
static void softmax_backward(real *ds, const real *p, const real *dp, real mean, real scale, size_t n) {
    for (size_t i = 0; i < n; i++) ds[i] = p[i] * (dp[i] - mean) * scale;
}

static void adam(real *restrict w, real *restrict m, real *restrict v, const real *restrict gradient,
                 const AdamStep *step, size_t n) {
    const AdamStep s = *step;
    for (size_t i = 0; i < n; i++) {
        real g = gradient[i] * s.scale;
        m[i] = s.beta1 * m[i] + (1 - s.beta1) * g;
        v[i] = s.beta2 * v[i] + (1 - s.beta2) * g * g;
#ifdef NMT_DOUBLE
        real root = sqrt(v[i] * s.correct2);
#else
        real root = sqrtf(v[i] * s.correct2);
#endif
        w[i] -= s.rate * (m[i] * s.correct1) / (root + s.epsilon) + s.decay * w[i];
    }
}

#include "math/kernels_exp.h"

#include "math/kernels_dropout.h"

static const Kernels table = {
    .name = TEXT(ISA),
    .product =
        {
            [PRECISION_FLOAT32] =
                {.mr = MR, .nr = NR, .run = 1, .per_cell = 1, .tile = tile, .pack = pack, .slivers = slivers},
            [PRECISION_BFLOAT16] = {.mr = MR,
                                    .nr = NR,
                                    .run = 1,
                                    .per_cell = 1,
                                    .tile = tile,
                                    .pack = pack_rounded,
                                    .slivers = slivers_rounded},
        },
    .peak = peak,
    .dot = dot,
    .sum = sum_of,
    .max = max_of,
    .square_sum = square_sum,
    .scale = scale_by,
    .add = add_to,
    .sum_of = sum_of_two,
    .axpy = axpy,
    .affine = affine,
    .exp_sum = exp_sum,
    .softmax_backward = softmax_backward,
    .gelu = gelu,
    .gelu_backward = gelu_backward,
    .relu = relu,
    .relu_backward = relu_backward,
    .normalise = normalise,
    .normalise_backward = normalise_backward,
    .moments = moments,
    .dropout = dropout,
    .adam = adam,
};
const Kernels *const PASTE(kernels_, ISA) = &table;
