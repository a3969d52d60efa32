/* The one implementation of the kernels, included by kernels_generic.c and its kin after they have set
 *
 *   ISA       the name of the table to define (generic, avx2, ...)
 *   VECTOR    bytes of a vector register
 *   TILE_ROWS, TILE_VECTORS   register tile of the matrix product: TILE_ROWS rows of TILE_VECTORS vectors
 *   MUL_WIDE(a, b)            products of the even 32-bit lanes of two vectors, as 64-bit lanes
 *
 * GNU C vectors: + - * / work lane by lane, comparison gives lanes of all ones or zeros, a cast reinterprets. This is
 * not a header in the usual sense: it has code, and no guard. */
#include <math.h>
#include <string.h>

#include "math/kernels.h"

#define PASTE_(a, b) a##b
#define PASTE(a, b)  PASTE_(a, b)
#define TEXT_(a)     #a
#define TEXT(a)      TEXT_(a)

enum { LANES = VECTOR / sizeof(real), NR = TILE_VECTORS * LANES, MR = TILE_ROWS };

typedef real vreal __attribute__((vector_size(VECTOR)));
typedef real vreal_unaligned __attribute__((vector_size(VECTOR), aligned(sizeof(real)), may_alias));

static inline vreal load(const real *x) {
    return *(const vreal_unaligned *)x;
}
static inline void store(real *x, vreal v) {
    *(vreal_unaligned *)x = v;
}
static inline vreal spread(real a) {
    return a - (vreal){0};
}

/* The first n < LANES elements, then zeros. */
static inline vreal load_part(const real *x, size_t n) {
    vreal v = {0};
    memcpy(&v, x, n * sizeof(real));
    return v;
}
static inline void store_part(real *x, vreal v, size_t n) {
    memcpy(x, &v, n * sizeof(real));
}

/* ---- matrix product ---------------------------------------------------------------------------------------------- */

/* One tile of `rows` rows, a constant where this is inlined: rows * TILE_VECTORS sums stay in registers over the whole
 * of k. Each element is one chain of multiply-adds in order of p, whatever the number of rows. */
static inline __attribute__((always_inline)) void tile_rows(const int rows, real *c, size_t ldc, const real *a,
                                                            size_t a_row, size_t a_col, const real *b, size_t k,
                                                            size_t cols, bool add, const real *bias) {
    vreal sum[MR][TILE_VECTORS];
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++)
#pragma GCC unroll 4
        for (int j = 0; j < TILE_VECTORS; j++) sum[i][j] = (vreal){0};
    for (size_t p = 0; p < k; p++, a += a_col, b += NR) {
        vreal row[TILE_VECTORS];
#pragma GCC unroll 4
        for (int j = 0; j < TILE_VECTORS; j++) row[j] = load(b + j * LANES);
#pragma GCC unroll 16
        for (int i = 0; i < rows; i++) {
            vreal x = spread(a[(size_t)i * a_row]);
#pragma GCC unroll 4
            for (int j = 0; j < TILE_VECTORS; j++) sum[i][j] += x * row[j];
        }
    }
    if (cols == NR) {
#pragma GCC unroll 16
        for (int i = 0; i < rows; i++, c += ldc)
#pragma GCC unroll 4
            for (int j = 0; j < TILE_VECTORS; j++) {
                if (add)
                    store(c + j * LANES, load(c + j * LANES) + sum[i][j]);
                else
                    store(c + j * LANES, bias ? load(bias + j * LANES) + sum[i][j] : sum[i][j]);
            }
        return;
    }
#pragma GCC unroll 16
    for (int i = 0; i < rows; i++, c += ldc) {
        real line[NR];
#pragma GCC unroll 4
        for (int j = 0; j < TILE_VECTORS; j++) store(line + j * LANES, sum[i][j]);
        for (size_t j = 0; j < cols; j++) c[j] = add ? c[j] + line[j] : bias ? bias[j] + line[j] : line[j];
    }
}

static void tile(real *c, size_t ldc, const real *a, size_t a_row, size_t a_col, const real *b, size_t k, size_t rows,
                 size_t cols, bool add, const real *bias) {
#define ROWS(r)                                                                                                        \
    case r:                                                                                                            \
        tile_rows(r <= MR ? r : MR, c, ldc, a, a_row, a_col, b, k, cols, add, bias);                                   \
        return
    switch (rows) {
        ROWS(1);
        ROWS(2);
        ROWS(3);
        ROWS(4);
#if TILE_ROWS > 4
        ROWS(5);
        ROWS(6);
#endif
#if TILE_ROWS > 6
        ROWS(7);
        ROWS(8);
#endif
#if TILE_ROWS > 8
        ROWS(9);
        ROWS(10);
        ROWS(11);
        ROWS(12);
        ROWS(13);
        ROWS(14);
#endif
    }
}

static void pack(real *out, const real *b, size_t row, size_t col, size_t k, size_t cols) {
    if (col == 1 && cols == NR) {
        for (size_t p = 0; p < k; p++) memcpy(out + p * NR, b + p * row, NR * sizeof(real));
        return;
    }
    for (size_t j = 0; j < cols; j++)
        for (size_t p = 0; p < k; p++) out[p * NR + j] = b[p * row + j * col];
    for (size_t j = cols; j < NR; j++)
        for (size_t p = 0; p < k; p++) out[p * NR + j] = 0;
}

/* As many independent chains of multiply-adds as the tile has, without a load or a store. */
static double peak(size_t rounds) {
    vreal sum[MR * TILE_VECTORS], x = spread((real)0.999), y = spread((real)1e-3);
#pragma GCC unroll 32
    for (int i = 0; i < MR * TILE_VECTORS; i++) sum[i] = spread((real)i);
    for (size_t r = 0; r < rounds; r++) {
        __asm__ volatile("" : "+r"(r)); /* keeps the loop as it is written */
#pragma GCC unroll 32
        for (int i = 0; i < MR * TILE_VECTORS; i++) sum[i] = sum[i] * x + y;
    }
    vreal total = {0};
#pragma GCC unroll 32
    for (int i = 0; i < MR * TILE_VECTORS; i++) total += sum[i];
    __asm__ volatile("" : : "m"(total));
    return 2.0 * (double)rounds * MR * TILE_VECTORS * LANES;
}

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

/* With y = (in - mean) * rstd and g = dout * w:  din += rstd * (g - mean(g) - y * mean(g * y)). */
static void normalise_backward(real *restrict din, const real *restrict dout, const real *restrict in, real mean,
                               real rstd, const real *restrict w, size_t n) {
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

/* ---- exp and what is made of it ---------------------------------------------------------------------------------- */

#ifdef NMT_DOUBLE

static inline vreal exp_lanes(vreal x) {
    for (size_t l = 0; l < LANES; l++) x[l] = exp(x[l]);
    return x;
}

/* Phi(x), the standard normal distribution function. */
static inline vreal phi_lanes(vreal x) {
    for (size_t l = 0; l < LANES; l++) x[l] = 0.5 * erfc(-x[l] * 0.70710678118654752440);
    return x;
}

#else

typedef int32_t vint __attribute__((vector_size(VECTOR)));

static inline vreal choose(vint mask, vreal yes, vreal no) {
    return (vreal)((mask & (vint)yes) | (~mask & (vint)no));
}

/* exp(x) = 2^n * exp(r), n = round(x / ln 2), |r| <= ln(2) / 2, exp(r) by a polynomial (Cephes' expf coefficients).
 * Error below 2 units in the last place; 0 below -87.3, where the result would be denormal; clamped above 88.3. */
static inline vreal exp_lanes(vreal x) {
    const float magic = 12582912.0f; /* 1.5 * 2^23: adding it rounds to an integer, left in the low bits */
    vint tiny = x < -87.3f;
    x = choose(x > 88.3f, spread(88.3f), choose(tiny, spread(-87.3f), x));
    vreal shifted = x * 1.44269504f + magic;
    vreal n = shifted - magic;
    vreal r = x - n * 0.693359375f;
    r = r - n * -2.12194440e-4f;
    vreal p = r * 1.9875691500e-4f + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    vint exponent = ((vint)shifted - (vint)spread(magic) + 127) << 23;
    return choose(tiny, (vreal){0}, p * (vreal)exponent);
}

/* Phi(x) = erfc(-x / sqrt 2) / 2, with erfc(z) = t exp(-z^2 + polynomial(t)), t = 1 / (1 + z / 2) for z >= 0
 * (Numerical Recipes, 6.2: relative error below 1.2e-7) and erfc(-z) = 2 - erfc(z). */
static inline vreal phi_lanes(vreal x) {
    vint negative = x < 0.0f;
    vreal z = choose(negative, -x, x) * 0.70710678f;
    vreal t = 1.0f / (1.0f + 0.5f * z);
    vreal p = t * 0.17087277f - 0.82215223f;
    p = p * t + 1.48851587f;
    p = p * t - 1.13520398f;
    p = p * t + 0.27886807f;
    p = p * t - 0.18628806f;
    p = p * t + 0.09678418f;
    p = p * t + 0.37409196f;
    p = p * t + 1.00002368f;
    p = p * t - 1.26551223f;
    vreal half = 0.5f * t * exp_lanes(p - z * z);
    return choose(negative, half, 1.0f - half);
}

#endif

/* out = exp(x - shift); returns the sum of out. */
static real exp_sum(real *out, const real *x, real shift, size_t n) {
    vreal sum = {0};
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        vreal e = exp_lanes(load(x + i) - shift);
        store(out + i, e);
        sum += e;
    }
    if (i < n) {
        vreal e = exp_lanes(load_part(x + i, n - i) - shift);
        store_part(out + i, e, n - i);
        sum += load_part(out + i, n - i);
    }
    return add_lanes(sum);
}

/* gelu(x) = x Phi(x) (Hendrycks, Gimpel 2016), the exact form. */
static void gelu(real *out, const real *in, size_t n) {
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) {
        vreal x = load(in + i);
        store(out + i, x * phi_lanes(x));
    }
    if (i < n) {
        vreal x = load_part(in + i, n - i);
        store_part(out + i, x * phi_lanes(x), n - i);
    }
}

/* gelu'(x) = Phi(x) + x exp(-x^2 / 2) / sqrt(2 pi) */
static inline vreal gelu_slope(vreal x) {
    const real inverse_root_2pi = (real)0.39894228040143267794;
    return phi_lanes(x) + x * exp_lanes(x * x * (real)-0.5) * inverse_root_2pi;
}

static void gelu_backward(real *din, const real *dout, const real *in, size_t n) {
    size_t i = 0;
    for (; i + LANES <= n; i += LANES) store(din + i, load(din + i) + load(dout + i) * gelu_slope(load(in + i)));
    if (i < n) {
        size_t left = n - i;
        vreal slope = gelu_slope(load_part(in + i, left));
        store_part(din + i, load_part(din + i, left) + load_part(dout + i, left) * slope, left);
    }
}

/* ---- dropout ----------------------------------------------------------------------------------------------------- */

/* Element `index` of a site is kept when its 16 random bits are below `keep`. They come from blocks of 128 elements
 * made by 16 calls of Philox: element e of a block is half (e / 16) % 2 of word e / 32 of call e % 16. So 16
 * neighbouring elements stand in the same word of 16 calls, which are computed side by side in vector lanes. */
enum { CALLS = 16, BLOCK = 128 };
typedef uint32_t vword __attribute__((vector_size(VECTOR)));
typedef uint64_t vlong __attribute__((vector_size(VECTOR)));
enum { WORDS = VECTOR / 4, VECTORS = CALLS / WORDS };

/* The high and low halves of the 32-bit lanes of x times m. */
static inline void multiply(vword *high, vword *low, vword x, uint32_t m) {
    vword multiplier = m - (vword){0};
    vlong even = MUL_WIDE(x, multiplier);
    vlong odd = MUL_WIDE((vword)((vlong)x >> 32), multiplier);
    const vlong upper = 0xffffffff00000000u - (vlong){0};
    *high = (vword)((even >> 32) | (odd & upper));
    *low = (vword)((even & ~upper) | (odd << 32));
}

/* Philox4x32-10 (base/rng.h) for CALLS consecutive indices; word w of call c at random[w][c]. */
static void philox_calls(uint32_t random[4][CALLS], RngSite site, uint64_t index) {
    for (size_t v = 0; v < VECTORS; v++) {
        uint32_t first[2][WORDS];
        for (size_t l = 0; l < WORDS; l++) {
            uint64_t i = index + v * WORDS + l;
            first[0][l] = (uint32_t)i;
            first[1][l] = (uint32_t)(i >> 32);
        }
        vword c0, c1, c2 = site.site - (vword){0}, c3 = site.step - (vword){0};
        memcpy(&c0, first[0], sizeof c0);
        memcpy(&c1, first[1], sizeof c1);
        uint32_t k0 = (uint32_t)site.seed, k1 = (uint32_t)(site.seed >> 32);
        for (int round = 0; round < 10; round++) {
            vword h0, l0, h1, l1;
            multiply(&h0, &l0, c0, 0xD2511F53u);
            multiply(&h1, &l1, c2, 0xCD9E8D57u);
            c0 = h1 ^ c1 ^ k0;
            c1 = l1;
            c2 = h0 ^ c3 ^ k1;
            c3 = l0;
            k0 += 0x9E3779B9u;
            k1 += 0xBB67AE85u;
        }
        memcpy(&random[0][v * WORDS], &c0, sizeof c0);
        memcpy(&random[1][v * WORDS], &c1, sizeof c1);
        memcpy(&random[2][v * WORDS], &c2, sizeof c2);
        memcpy(&random[3][v * WORDS], &c3, sizeof c3);
    }
}

/* out = [add +] in * scale where kept, else 0 [or add]. index: that of the first element. */
static void dropout(real *out, const real *in, const real *add, uint32_t keep, real scale, RngSite site, uint64_t index,
                    size_t n) {
    size_t i = 0;
    while (i < n) {
        uint32_t random[4][CALLS];
        real mask[BLOCK];
        philox_calls(random, site, (index + i) / BLOCK * CALLS);
        for (size_t word = 0; word < 4; word++)
            for (size_t c = 0; c < CALLS; c++) {
                mask[word * 32 + c] = (random[word][c] & 0xffff) < keep ? scale : 0;
                mask[word * 32 + 16 + c] = random[word][c] >> 16 < keep ? scale : 0;
            }
        size_t skip = (index + i) % BLOCK, count = BLOCK - skip < n - i ? BLOCK - skip : n - i;
        const real *m = mask + skip;
        if (add)
            for (size_t e = 0; e < count; e++) out[i + e] = add[i + e] + in[i + e] * m[e];
        else
            for (size_t e = 0; e < count; e++) out[i + e] = in[i + e] * m[e];
        i += count;
    }
}

static const Kernels table = {
    .name = TEXT(ISA),
    .mr = MR,
    .nr = NR,
    .tile = tile,
    .pack = pack,
    .peak = peak,
    .dot = dot,
    .sum = sum_of,
    .max = max_of,
    .square_sum = square_sum,
    .scale = scale_by,
    .add = add_to,
    .axpy = axpy,
    .exp_sum = exp_sum,
    .softmax_backward = softmax_backward,
    .gelu = gelu,
    .gelu_backward = gelu_backward,
    .relu = relu,
    .relu_backward = relu_backward,
    .normalise = normalise,
    .normalise_backward = normalise_backward,
    .dropout = dropout,
    .adam = adam,
};
const Kernels *const PASTE(kernels_, ISA) = &table;
