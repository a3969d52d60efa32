/* ./inspect and what it is made of: JSON, projections, labels of heads; the observation of small random models, whose
 * numbers must be those of the pass; and the command from outside. */
#include "inspect/inspect.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/ds.h"
#include "base/rng.h"
#include "command.h"
#include "decode/align.h"
#include "decode/translator.h"
#include "inspect/heads.h"
#include "inspect/line.h"
#include "inspect/project.h"
#include "page/pages.h"

/* ---- A small JSON reader: checks what it passes over ---------------------------------------------------------------
 */

static const char *json_skip(const char *at);

static const char *skip_string(const char *at) {
    if (*at++ != '"') return NULL;
    for (; *at != '"'; at++) {
        if ((unsigned char)*at < 0x20 || *at == '<') return NULL;
        if (*at != '\\') continue;
        at++;
        if (*at == 'u') {
            for (int i = 0; i < 4; i++)
                if (!strchr("0123456789abcdefABCDEF", *++at) || !*at) return NULL;
        } else if (!*at || !strchr("\"\\/bfnrt", *at)) {
            return NULL;
        }
    }
    return at + 1;
}

/* What is between brackets: values, each with a key where it is an object, and commas between. */
static const char *skip_list(const char *at, char end) {
    for (at++; *at != end; at++) {
        if (end == '}') {
            if (!(at = skip_string(at)) || *at++ != ':') return NULL;
        }
        if (!(at = json_skip(at))) return NULL;
        if (*at == end) break;
        if (*at != ',' || at[1] == end) return NULL;
    }
    return at + 1;
}

/* The end of the value that begins here; NULL: none does. */
static const char *json_skip(const char *at) {
    static const char *const words[] = {"true", "false", "null"};
    if (*at == '{') return skip_list(at, '}');
    if (*at == '[') return skip_list(at, ']');
    if (*at == '"') return skip_string(at);
    for (size_t i = 0; i < 3; i++)
        if (strncmp(at, words[i], strlen(words[i])) == 0) return at + strlen(words[i]);
    if (*at != '-' && (*at < '0' || *at > '9')) return NULL;
    char *end;
    strtod(at, &end);
    return end > at ? end : NULL;
}

/* A member of an object, an element of an array; NULL when there is none (or no object). */
static const char *member(const char *at, const char *key) {
    if (!at || *at != '{') return NULL;
    for (at++; *at == '"'; at += *at == ',') {
        const bool same = strncmp(at + 1, key, strlen(key)) == 0 && at[1 + strlen(key)] == '"';
        at = skip_string(at) + 1;
        if (same) return at;
        at = json_skip(at);
    }
    return NULL;
}
static const char *element(const char *at, size_t number) {
    if (!at || *at != '[') return NULL;
    for (at++; *at != ']'; at += *at == ',') {
        if (number-- == 0) return at;
        at = json_skip(at);
    }
    return NULL;
}
static size_t elements(const char *at) {
    size_t count = 0;
    while (element(at, count)) count++;
    return count;
}
static double number_at(const char *at) { return at ? strtod(at, NULL) : NAN; }
static bool is_null(const char *at) { return at && strncmp(at, "null", 4) == 0; }
static bool is_text(const char *at, const char *text) {
    return at && *at == '"' && strncmp(at + 1, text, strlen(text)) == 0 && at[1 + strlen(text)] == '"';
}

/* The floats of an array, in a fresh block of *count. */
static float *floats(const char *array, size_t *count) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *at = member(array, "f32");
    *count = 1;
    for (size_t i = 0; i < elements(member(array, "shape")); i++)
        *count *= (size_t)number_at(element(member(array, "shape"), i));
    unsigned char *bytes = memory_new(*count * 4 + 4, 1);
    size_t bits = 0, have = 0, size = 0;
    for (at++; *at != '"' && *at != '='; at++) {
        bits = bits << 6 | (size_t)(strchr(letters, *at) - letters), have += 6;
        if (have >= 8 && size < *count * 4) bytes[size++] = (unsigned char)(bits >> (have -= 8) & 255);
    }
    EXPECT_INT(size, *count * 4);
    float *out = memory_new(*count, sizeof *out);
    memcpy(out, bytes, *count * sizeof *out); /* the tests' machine is little-endian */
    free(bytes);
    return out;
}

static bool same_floats(const char *array, const real *expected, size_t rows, size_t cols, size_t stride) {
    if (!array || *array != '{') return false;
    size_t count;
    float *found = floats(array, &count);
    bool same = count == rows * cols;
    for (size_t i = 0; same && i < count; i++) same = found[i] == (float)expected[i / cols * stride + i % cols];
    free(found);
    return same;
}

/* The text with a NUL; checks that it is one whole JSON value. */
static const char *finish(Json *json) {
    stbds_arrput(json->text, '\0');
    const char *end = json_skip(json->text);
    EXPECT(end && *end == '\0');
    return json->text;
}

/* ---- Parts ------------------------------------------------------------------------------------------------------- */

static void test_json(void) {
    Json j = {0};
    json_write(&j, "{");
    json_write(json_key(&j, "a\"b"), "%s", "<\\\n\xC3\xA9\xFF\xE2\x80\xA8");
    json_write(&j, "n: [%g, %g, %g, %g, %f", 0.1, -1.0 / 3, NAN, INFINITY, 1.0 / 3);
    json_write(&j, "%d, %i, [], %zu, %td, %lld], z: null, none:", -7, true, (size_t)5, (ptrdiff_t)-1, -1LL);
    json_write(&j, "{}}");
    EXPECT_STR(finish(&j), "{\"a\\\"b\":\"\\u003c\\\\\\u000a\xC3\xA9\\\\xFF\\u2028\",\"n\":[0.1,-0.333333333,null,null,"
                           "0.33333,-7,true,[],5,-1,-1],\"z\":null,\"none\":{}}");
    json_free(&j);
}

static void test_base64(void) {
    static const char *const pairs[][2] = {{"", ""},
                                           {"f", "Zg=="},
                                           {"fo", "Zm8="},
                                           {"foo", "Zm9v"},
                                           {"foob", "Zm9vYg=="},
                                           {"fooba", "Zm9vYmE="},
                                           {"foobar", "Zm9vYmFy"}}; /* RFC 4648 */
    for (size_t i = 0; i < COUNT(pairs); i++) {
        char *text = NULL;
        json_base64(&text, (const unsigned char *)pairs[i][0], strlen(pairs[i][0]));
        stbds_arrput(text, '\0');
        EXPECT_STR(text, pairs[i][1]);
        stbds_arrfree(text);
    }
    /* Rows that are 3 apart; 1 is 00 00 80 3F. */
    const real rows[] = {1, 2, 9, -1.5f, 0.1f, 9};
    Json j = {0};
    json_array(&j, 0, 2, 2, rows, 3);
    EXPECT_STR(finish(&j), "{\"shape\":[2,2],\"f32\":\"AACAPwAAAEAAAMC/zczMPQ==\"}");
    EXPECT(same_floats(j.text, rows, 2, 2, 3));
    EXPECT(strlen(j.text) <= json_array_size(4));
    json_free(&j);
    json_array(&j, 2, 2, 3, rows, 3);
    EXPECT_HAS(finish(&j), "[2,1,3]");
    json_free(&j);
    json_array(&j, 0, 0, 6, rows, 6);
    EXPECT_HAS(finish(&j), "[6]");
    json_free(&j);
}

static void test_principal_axes(void) {
    /* Points 2 apart along (3, 4, 0)/5, 1 apart along (0, 0, 1), around (1, 2, 3). */
    const double x[] = {1 + 1.2, 2 + 1.6, 3, 1 - 1.2, 2 - 1.6, 3, 1, 2, 4, 1, 2, 2};
    double axes[6], mean[3], xy[2];
    principal_axes(axes, mean, x, 4, 3);
    const double expected[] = {0.6, 0.8, 0, 0, 0, 1};
    for (size_t i = 0; i < 6; i++) EXPECT_NEAR(axes[i], expected[i], 1e-12);
    for (size_t i = 0; i < 3; i++) EXPECT_NEAR(mean[i], (double)i + 1, 1e-12);
    project_point(xy, x + 3, axes, mean, 3);
    EXPECT_NEAR(xy[0], -2, 1e-12);
    EXPECT_NEAR(xy[1], 0, 1e-12);
    /* Points on a line have one axis; a point alone has none. */
    principal_axes(axes, mean, x, 2, 3);
    EXPECT_NEAR(axes[0], 0.6, 1e-12);
    EXPECT(axes[3] == 0 && axes[4] == 0 && axes[5] == 0);
    principal_axes(axes, mean, x, 1, 3);
    EXPECT(axes[0] == 0 && axes[5] == 0);
    /* Random points: axes at right angles, and no direction has more variance than the first. */
    enum { N = 12, D = 7 };
    double y[N * D], first[2 * D], centre[D], most = 0;
    for (size_t i = 0; i < N * D; i++) y[i] = rng_normal((RngSite){5, 0, 0}, i);
    principal_axes(first, centre, y, N, D);
    for (size_t trial = 0; trial < 50; trial++) {
        double direction[2 * D] = {0}, length = 0, variance = 0;
        for (size_t k = 0; k < D; k++) {
            direction[k] = trial == 0 ? first[k] : rng_normal((RngSite){6, (uint32_t)trial, 0}, k);
            length += direction[k] * direction[k];
        }
        for (size_t i = 0; i < N; i++) {
            project_point(xy, y + i * D, direction, centre, D);
            variance += xy[0] * xy[0] / length;
        }
        if (trial == 0) most = variance;
        EXPECT(variance <= most * (1 + 1e-12));
    }
    EXPECT_NEAR(dot_product(first, first + D, D), 0, 1e-12);
    /* Mirrored points have the same axes: which way they point is settled. */
    double mirrored[2 * D];
    for (size_t i = 0; i < N * D; i++) y[i] = -y[i];
    principal_axes(mirrored, centre, y, N, D);
    for (size_t k = 0; k < 2 * D; k++) EXPECT_NEAR(mirrored[k], first[k], 1e-9);
    for (size_t axis = 0; axis < 2; axis++) {
        double lowest = 0, highest = 0;
        for (size_t k = 0; k < D; k++) {
            lowest = fmin(lowest, first[axis * D + k]);
            highest = fmax(highest, first[axis * D + k]);
        }
        EXPECT(highest > -lowest);
    }
}

static void test_flatten(void) {
    double x[] = {1, 2, 3, -1, 0, 5};
    const double unit[] = {0.6, 0, 0.8};
    flatten_points(x, 2, unit, 3);
    for (size_t i = 0; i < 2; i++) EXPECT_NEAR(x[3 * i] * 0.6 + x[3 * i + 2] * 0.8, 0, 1e-12);
    EXPECT_NEAR(x[0], 1 - 3 * 0.6, 1e-12);
    EXPECT_NEAR(x[1], 2, 0);
}

static void test_plane_map(void) {
    const double angle = 0.7, s1 = 2, s2 = -0.5, k = 0.3, c = cos(angle), s = sin(angle);
    const double matrix[2][2] = {{c * s1, c * s1 * k - s * s2}, {s * s1, s * s1 * k + c * s2}};
    const PlaneMap map = plane_map(matrix);
    EXPECT_NEAR(map.rotation, angle * 180 / acos(-1), 1e-12);
    EXPECT_NEAR(map.scale[0], s1, 1e-12);
    EXPECT_NEAR(map.scale[1], s2, 1e-12);
    EXPECT_NEAR(map.shear, k, 1e-12);
    const double zero[2][2] = {{0, 0}, {0, 0}};
    EXPECT(plane_map(zero).scale[0] == 0 && isfinite(plane_map(zero).shear));
}

static void expect_head(const real *p, size_t Tq, size_t Tk, AttentionKind kind, const char *label, double share,
                        double entropy) {
    const HeadSummary head = head_summary(p, Tq, Tk, kind, kind == ATTENTION_DECODER);
    EXPECT_STR(head.label, label);
    EXPECT_NEAR(head.share, share, 1e-6);
    EXPECT_NEAR(head.entropy, entropy, 1e-6);
}

static void test_heads(void) {
    const real same[] = {1, 0, 0, 0, 1, 0, 0, 0, 1}, next[] = {0, 1, 0, 0, 0, 1, 1, 0, 0};
    const real last[] = {0, 0, 1, 0, 0, 1, 0, 0, 1}, even[] = {.25, .25, .25, .25, .25, .25, .25, .25};
    const real before[] = {1, 0, 0, .75, .25, 0, 0, .75, .25},
               causal_even[] = {1, 0, 0, .5, .5, 0, .3333333f, .3333333f, .3333333f};
    const real none[] = {.4f, .3f, .3f, 0, .3f, .3f, .4f, 0};
    expect_head(same, 3, 3, ATTENTION_ENCODER, "same token", 1, 0);
    expect_head(next, 3, 3, ATTENTION_ENCODER, "next token", 1, 0);
    expect_head(last, 3, 3, ATTENTION_ENCODER, "start or end", 1, 0);
    expect_head(last, 3, 3, ATTENTION_CROSS, "start or end", 1, 0);
    expect_head(next, 3, 3, ATTENTION_CROSS, "aligned", 2.0 / 3, 0);
    expect_head(even, 2, 4, ATTENTION_CROSS, "spread", 1, 2);
    const double bits = -0.75 * log2(0.75) - 0.25 * log2(0.25);
    expect_head(before, 3, 3, ATTENTION_DECODER, "previous token", 0.75, bits * 2 / 3);
    expect_head(causal_even, 3, 3, ATTENTION_DECODER, "spread", 1, (1 + log2(3)) / 3);
    const real start[] = {1, 0, 0, 1, 0, 0, 1, 0, 0};
    expect_head(start, 3, 3, ATTENTION_DECODER, "start or end", 1, 0);
    const HeadSummary unmasked = head_summary(next, 3, 3, ATTENTION_DECODER, false);
    EXPECT_STR(unmasked.label, "next token");
    EXPECT_NEAR(unmasked.share, 1, 1e-6);
    expect_head(none, 2, 4, ATTENTION_CROSS, "", 0, -0.4 * log2(0.4) - 0.6 * log2(0.3));
}

/* ---- Observations of random models ---------------------------------------------------------------------------------
 */

enum { P = 96 };

typedef struct Fixture {
    ModelFile file;
    Tokenizer *tokenizer;
    Pool *pool;
    real *w;
} Fixture;

static Fixture fixture_of(const uint32_t *merges, size_t merge_count, NormPlace norm, Positions positions, Tying tying,
                          double size) {
    Error err;
    Fixture f = {0};
    const Hyper hyper = {.vocab = TOKEN_FIRST_MERGE + merge_count,
                         .width = 24,
                         .heads = 3,
                         .feedforward = 40,
                         .encoder_layers = 3,
                         .decoder_layers = 4,
                         .max_length = P,
                         .norm = norm,
                         .activation = ACTIVATION_RELU,
                         .tying = tying,
                         .positions = positions};
    f.file.info = (ModelInfo){.hyper = hyper,
                              .text = {.lowercase = true, .spaces = true},
                              .merges = merges,
                              .merge_count = merge_count,
                              .decode = {.beam = 4, .n_best = 1, .length_alpha = 1, .max_ratio = 1, .max_extra = 2},
                              .config = "",
                              .step = 17};
    f.file.path = memory_string("random.gguf");
    f.file.params = parameters_create(&hyper);
    f.w = memory_new(f.file.params.count, sizeof *f.w);
    parameters_init(&f.file.params, f.w, 7);
    for (size_t i = 0; i < f.file.params.count; i++) f.w[i] *= (real)size;
    f.file.w = f.w;
    if (tying == TYING_NONE) { /* a bias: the first number that the output layer reads is 1, and </s> likes that */
        f.w[f.file.params.decoder_norm.weight] = 0, f.w[f.file.params.decoder_norm.bias] = 1;
        for (size_t v = 0; v < hyper.vocab; v++) f.w[f.file.params.output + v * hyper.width] = v == TOKEN_END ? 5 : 0;
    }
    f.tokenizer = modelfile_tokenizer(&f.file, &err);
    f.pool = pool_create(2, &err);
    CHECK(f.tokenizer && f.pool, "a fixture");
    return f;
}

static Fixture fixture_make(NormPlace norm, Positions positions, Tying tying, double size) {
    static const uint32_t merges[] = {2 + ' ', 2 + 'a', 2 + 'p', 2 + 'p'};
    return fixture_of(merges, 2, norm, positions, tying, size);
}

static void fixture_free(Fixture *f) {
    tokenizer_free(f->tokenizer);
    pool_free(f->pool);
    parameters_free(&f->file.params);
    free(f->file.path);
    free(f->w);
}

/* A request with the default groups. */
static InspectRequest request_make(void) {
    return (InspectRequest){.kind = INSPECT_NONE, .layer = INSPECT_NONE, .head = INSPECT_NONE};
}

/* p of every attention is softmax(q k^T / sqrt(K)) of what is on the tapes, and joined = p v. */
static void expect_attention(const AttentionView *v) {
    const size_t K = v->K;
    for (size_t h = 0; h < v->H; h++)
        for (size_t i = 0; i < v->Tq; i++) {
            const real *p = v->p + (h * v->Tq + i) * v->Tk;
            const size_t seen = v->kind == ATTENTION_DECODER ? i + 1 : v->Tk;
            double weights[P], sum = 0;
            for (size_t k = 0; k < seen; k++) {
                double score = 0;
                for (size_t c = h * K; c < (h + 1) * K; c++)
                    score += (double)v->in.q[i * v->in.q_stride + c] * (double)v->in.k[k * v->in.kv_stride + c];
                sum += weights[k] = exp(score / sqrt((double)K));
            }
            for (size_t k = 0; k < v->Tk; k++) EXPECT_NEAR(p[k], k < seen ? weights[k] / sum : 0, 1e-5);
            for (size_t c = h * K; c < (h + 1) * K; c++) {
                double joined = 0;
                for (size_t k = 0; k < seen; k++) joined += weights[k] / sum * (double)v->in.v[k * v->in.kv_stride + c];
                EXPECT_NEAR(v->joined[i * v->H * K + c], joined, 1e-5);
            }
        }
}

static void check_observation(const Fixture *f, const Observation *o) {
    const Hyper *h = &f->file.params.hyper;
    EXPECT_INT(observation_attentions(o), 11);
    for (size_t i = 0; i < 11; i++) {
        const AttentionView view = observation_view(o, i);
        EXPECT_INT(observation_number(o, view.kind, view.layer), i);
        expect_attention(&view);
        /* x as the projection to queries reads it */
        real *x = memory_new(view.Tq, h->width * sizeof *x);
        observation_inputs(o, &view, x);
        for (size_t row = 0; row < view.Tq; row++) {
            double q = (double)view.bias[1];
            for (size_t k = 0; k < h->width; k++)
                q += (double)view.weight[h->width + k] * (double)x[row * h->width + k];
            EXPECT_NEAR(view.in.q[row * view.in.q_stride + 1], q, 1e-5);
        }
        free(x);
    }
    /* The mean over the last layer's heads is what alignment has, to the bit. */
    size_t count;
    Error err;
    const Translation best = search_hypotheses(o->search, 0, &count)[0];
    const uint32_t start[] = {0, (uint32_t)o->S};
    real *shares = memory_new(o->T, o->S * sizeof *shares);
    Transformer model = transformer_new(&f->file.params.hyper, (Compute){.pool = f->pool});
    EXPECT(align_run(&model, f->w, (Packed){1, o->source, start, o->S}, &best, shares, &err));
    transformer_free(&model);
    const real *p = o->shown[observation_number(o, ATTENTION_CROSS, 3)];
    size_t different = 0;
    for (size_t i = 0; i < best.length; i++)
        for (size_t k = 0; k < o->S; k++) {
            real sum = 0;
            for (size_t head = 0; head < 3; head++) sum += p[(head * o->T + i) * o->S + k];
            different += fabsf(sum / 3 - shares[i * o->S + k]) > 1e-7f;
        }
    EXPECT_INT(different, 0);
    free(shares);
    /* What the rows say is what the search found. */
    double log_probability = 0;
    for (size_t i = 0; i < o->T; i++)
        log_probability += log((double)o->probabilities[i * h->vocab + (size_t)o->says[i]]);
    EXPECT_NEAR(log_probability, best.log_probability, 1e-4);
    EXPECT_INT(o->T, best.length + best.finished);
}

/* The search's tree: as long as the translation or longer, its best path gives it, children of what was kept. */
static size_t check_beam(const Observation *o) {
    size_t count, early = 0; /* finished with worse ones behind them that went on */
    const Translation best = search_hypotheses(o->search, 0, &count)[0];
    EXPECT(stbds_arrlenu(o->beam) >= o->T);
    for (size_t t = 0; t < stbds_arrlenu(o->beam); t++) {
        size_t marked = 0, kept = 0;
        for (size_t i = 0; i < stbds_arrlenu(o->beam[t]); i++) {
            const Considered *one = &o->beam[t][i];
            EXPECT(i == 0 || one->log_probability <= o->beam[t][i - 1].log_probability);
            EXPECT((one->parent == -1) == (t == 0));
            if (t > 0) {
                const Considered *parent = &o->beam[t - 1][one->parent];
                EXPECT(parent->kept && parent->token != TOKEN_END && parent->log_probability >= one->log_probability);
            }
            early += one->kept && one->token == TOKEN_END && i + 1 < stbds_arrlenu(o->beam[t]) && one[1].kept;
            kept += one->kept, marked += one->best;
            if (one->best) EXPECT_INT(one->token, o->says[t]);
            if (one->best && t + 1 == o->T) EXPECT_NEAR(one->log_probability, best.log_probability, 0);
        }
        EXPECT_INT(marked, t < o->T);
        EXPECT(kept >= 1 && kept <= 4 && stbds_arrlenu(o->beam[t]) <= 8);
    }
    /* No continuation is there twice. */
    for (size_t t = 1; t < stbds_arrlenu(o->beam); t++)
        for (size_t i = 0; i < stbds_arrlenu(o->beam[t]); i++)
            for (size_t k = 0; k < i; k++)
                EXPECT(o->beam[t][i].token != o->beam[t][k].token || o->beam[t][i].parent != o->beam[t][k].parent);
    return early;
}

/* The line between two groups turns away from what differs among the entries of one, and from positions. */
static void test_line(void) {
    enum { D = 3, COUNT = 4 };
    /* The means differ by (2, 2, 2); the entries of a group vary by `wide` along the second axis. */
    for (int wide = 0; wide < 9; wide += 4) {
        double x[COUNT * D], means[2 * D] = {-1, -1, -1, 1, 1, 1};
        for (int i = 0; i < COUNT; i++)
            for (int k = 0; k < D; k++) x[i * D + k] = means[i / 2 * D + k] + (k == 1 ? (i % 2 ? wide : -wide) : 0);
        const References r = {.count = COUNT, .first = 2, .layers = x, .means = means};
        for (int places = 0; places < 2; places++) { /* these differ along the third axis */
            const real positions[] = {1, 0, 0, 1, 0, 5};
            Line line = line_make(&r, places ? positions : NULL, places ? 2 : 0, 1, D, 0);
            const double *along = line.axes, square = (double)(wide * wide);
            EXPECT_NEAR(along[1] / along[0], wide ? square / (square * 5) : 1, 1e-9);
            EXPECT_NEAR(along[2] / along[0], places ? 0 : 1, 1e-9);
            double from[2], to[2];
            line_point(from, &line, means, 0), line_point(to, &line, means + D, 0);
            EXPECT_NEAR(from[0], -1, 1e-9);
            EXPECT_NEAR(to[0], 1, 1e-9);
            line_free(&line);
        }
    }
}

/* However few directions there are, some are left, and the means are where they are said to be. */
static void test_narrow_line(void) {
    enum { PLACES = 12, WIDEST = 14, COUNT = 6 };
    for (size_t D = 1; D <= WIDEST; D++) {
        real positions[PLACES * WIDEST];
        double x[COUNT * WIDEST], means[2 * WIDEST] = {0}, from[2], to[2], apart = 0, size = 0;
        for (size_t i = 0; i < PLACES * D; i++) positions[i] = (real)rng_normal((RngSite){7, 0, 0}, i);
        for (size_t i = 0; i < COUNT * D; i++) {
            x[i] = rng_normal((RngSite){8, 0, 0}, i);
            means[i / (3 * D) * D + i % D] += x[i] / 3;
        }
        const References r = {.count = COUNT, .first = 3, .layers = x, .means = means};
        Line line = line_make(&r, positions, PLACES, 1, D, 0);
        line_point(from, &line, means, 0), line_point(to, &line, means + D, 0);
        EXPECT_NEAR(from[0], -1, 1e-6);
        EXPECT_NEAR(to[0], 1, 1e-6);
        for (size_t k = 0; k < D; k++) {
            apart += line.axes[k] * (double)(positions[D + k] - positions[k]);
            size += line.axes[k] * line.axes[k];
        }
        EXPECT(size < 1e6); /* a large number would be rounding, made large */
        if (D > 1) EXPECT_NEAR(apart, 0, 1e-5 * sqrt(size));
        line_free(&line);
    }
}

/* ---- Pictures and what is said about them: from the same numbers ---------------------------------------------------
 */

static double point_at(const char *points, size_t layer, size_t axis) {
    return number_at(element(element(points, layer), axis));
}

/* The verdicts of the context view are the drawn path's own ends, and the groups' means are where they are said to be.
 */
static void check_context(const char *context) {
    const size_t last = (size_t)number_at(member(context, "layers")) - 1;
    const char *paths = member(context, "paths"), *nearest = member(context, "nearest");
    const char *const names[] = {member(context, "from"), member(context, "to")};
    for (size_t g = 0; g < 2; g++) {
        const char *mean = member(element(member(context, "groups"), g), "mean");
        EXPECT_NEAR(point_at(mean, last, 0), g ? 1 : -1, 1e-4);
        for (size_t l = 0; l <= last; l++) /* half-way between the means is 0, at every layer */
            EXPECT_NEAR(point_at(mean, l, 0),
                        -point_at(member(element(member(context, "groups"), 1 - g), "mean"), l, 0), 1e-4);
    }
    for (size_t i = 0; i < elements(nearest); i++) {
        const char *one = element(nearest, i), *xy = member(element(paths, i), "xy");
        const double start = point_at(xy, 0, 0), end = point_at(xy, last, 0);
        EXPECT_NEAR(number_at(member(one, "start")), start, 0);
        EXPECT_NEAR(number_at(member(one, "end")), end, 0);
        const char *group = names[end > 0], *towards = names[end > start];
        EXPECT(strncmp(member(one, "group"), group, (size_t)(skip_string(group) - group)) == 0);
        EXPECT(strncmp(member(one, "towards"), towards, (size_t)(skip_string(towards) - towards)) == 0);
    }
    /* The same word in two sentences starts at one point. */
    for (size_t axis = 0; axis < 2 && elements(nearest) == 2; axis++)
        EXPECT_NEAR(point_at(member(element(paths, 0), "xy"), 0, axis),
                    point_at(member(element(paths, 1), "xy"), 0, axis), 1e-4);
}

/* The parts of each step add up to the drawn step; weights are the model's. */
static void check_pulls(const Observation *o, const char *pulls, const char *context) {
    const char *path = member(element(member(context, "paths"), 0), "xy"), *layers = member(pulls, "layers");
    const size_t first = (size_t)number_at(member(pulls, "word")), count = (size_t)number_at(member(pulls, "count"));
    EXPECT_INT(elements(layers), 3);
    for (size_t l = 0; l < 3; l++) {
        const char *one = element(layers, l), *heads = member(one, "heads");
        const double before = number_at(member(one, "position_before")),
                     after = number_at(member(one, "position_after"));
        double sum = number_at(member(one, "place")) + number_at(member(one, "alone"));
        EXPECT_NEAR(before, point_at(path, l, 0), 1e-3 * fmax(1, fabs(before)));
        EXPECT_NEAR(after, point_at(path, l + 1, 0), 1e-3 * fmax(1, fabs(after)));
        EXPECT_NEAR(number_at(member(one, "place")), 0,
                    1e-4); /* these are first places, of which the line knows nothing */
        for (size_t s = 0; s < o->S; s++) {
            double total = 0;
            for (size_t h = 0; h < 3; h++) {
                double weight = 0;
                for (size_t row = first; row < first + count; row++)
                    weight += (double)o->shown[l][(h * o->S + row) * o->S + s] / (double)count;
                EXPECT_NEAR(number_at(element(member(element(heads, h), "weights"), s)), weight, 1e-4);
                total += number_at(element(member(element(heads, h), "moves"), s));
            }
            EXPECT_NEAR(number_at(element(member(one, "total"), s)), total, 1e-3 * fmax(1, fabs(total)));
            sum += total;
        }
        EXPECT_NEAR(sum, after - before, 2e-3 * fmax(1, fabs(after - before)));
    }
}

static void check_chosen(const char *text, size_t block, size_t head) {
    const char *chosen = member(text, "chosen"), *arithmetic = member(text, "arithmetic");
    EXPECT_INT(number_at(member(chosen, "block")), block);
    EXPECT_INT(number_at(member(chosen, "head")), head);
    EXPECT_INT(number_at(member(arithmetic, "row")), number_at(member(chosen, "row")));
    EXPECT(is_text(member(chosen, "word_text"), "apple") && is_text(member(chosen, "why"), "This head was asked for."));
    EXPECT_INT(number_at(member(chosen, "word")), number_at(member(member(text, "pulls"), "word")));
    EXPECT(strncmp(member(chosen, "group"), member(element(member(member(text, "context"), "nearest"), 0), "group"),
                   5) == 0);
}

/* The score is the drawn distance of the groups' means, and the drawn scatter is 1. */
static void check_maps(const char *maps) {
    const size_t n1 = elements(member(element(member(maps, "groups"), 0), "words"));
    const size_t n = n1 + elements(member(element(member(maps, "groups"), 1), "words"));
    const char *items = member(maps, "items");
    const double most = number_at(member(element(items, (size_t)number_at(member(maps, "best"))), "score"));
    EXPECT_INT(elements(items), 3 * 3 * 3);
    for (size_t i = 0; i < 27; i++) {
        const char *item = element(items, i);
        EXPECT(number_at(member(item, "score")) <= most);
        for (int after = 0; after < 2; after++) {
            const char *points = member(item, after ? "after" : "before");
            double means[2][2] = {{0, 0}, {0, 0}}, squares = 0;
            EXPECT_INT(elements(points), n);
            for (size_t k = 0; k < n; k++)
                for (size_t axis = 0; axis < 2; axis++)
                    means[k >= n1][axis] += point_at(points, k, axis) / (double)(k >= n1 ? n - n1 : n1);
            for (size_t k = 0; k < n; k++)
                for (size_t axis = 0; axis < 2; axis++)
                    squares += pow(point_at(points, k, axis) - means[k >= n1][axis], 2) / (double)n;
            const double score = number_at(member(item, after ? "score" : "score_before"));
            EXPECT_NEAR(means[1][0] - means[0][0], score, 1e-3 * score);
            EXPECT_NEAR(means[1][1], means[0][1], 1e-3 * score);
            EXPECT_NEAR(sqrt(squares), 1, 1e-3);
        }
        /* the map takes the one line to the other */
        const char *matrix = member(item, "matrix");
        EXPECT(point_at(matrix, 0, 0) > 0);
        EXPECT_NEAR(point_at(matrix, 1, 0), 0, 1e-3 * point_at(matrix, 0, 0));
        const double score = number_at(member(item, "score"));
        EXPECT_NEAR(point_at(matrix, 0, 0) * number_at(member(item, "score_before")), score, 1e-3 * score);
    }
}

/* The tree of the search, as it was. */
static void check_search(const char *beam, const Observation *o) {
    EXPECT_INT(elements(beam), stbds_arrlenu(o->beam));
    for (size_t t = 0; t < stbds_arrlenu(o->beam); t++)
        for (size_t i = 0; i < stbds_arrlenu(o->beam[t]); i++) {
            const Considered *one = &o->beam[t][i];
            const char *shown = element(element(beam, t), i);
            EXPECT_INT(number_at(member(shown, "parent")), one->parent);
            EXPECT(strncmp(member(shown, "kept"), one->kept ? "true" : "false", 4) == 0);
            EXPECT_NEAR(number_at(member(shown, "log_probability")), one->log_probability, 1e-4);
            EXPECT(strncmp(member(shown, "finished"), one->kept && one->token == TOKEN_END ? "true" : "false", 4) == 0);
            EXPECT(strncmp(member(shown, "best"), one->best ? "true" : "false", 4) == 0);
        }
}

/* The text of tokens, all of them. */
static void expect_said(const char *shown, const Observation *o, const int32_t *ids, size_t count) {
    char *text = NULL;
    Json said = {0};
    tokenizer_decode(o->tokenizer, &text, ids, count);
    json_string(&said, text, stbds_arrlenu(text));
    stbds_arrput(said.text, '\0');
    EXPECT(shown && strncmp(shown, said.text, strlen(said.text)) == 0);
    json_free(&said);
    stbds_arrfree(text);
}

static void check_hypotheses(const char *hypotheses, const Observation *o) {
    size_t count;
    const Translation *all = search_hypotheses(o->search, 0, &count);
    EXPECT_INT(elements(hypotheses), count);
    for (size_t i = 0; i < count; i++) {
        const char *one = element(hypotheses, i);
        expect_said(member(one, "text"), o, all[i].ids, all[i].length);
        EXPECT_NEAR(number_at(member(one, "log_probability")), all[i].log_probability, 1e-4);
        EXPECT_NEAR(number_at(member(one, "score")), all[i].score, 1e-4);
        EXPECT(strncmp(member(one, "finished"), all[i].finished ? "true" : "false", 4) == 0);
    }
    EXPECT(fabs(all[0].score - all[0].log_probability) > 0.1); /* else the test above is of no use */
}

/* The nearest words of each source token: not itself, the nearest first. And positions at each distance. */
static void check_embedding(const char *text, const Observation *o) {
    const Parameters *params = &o->file->params;
    const size_t D = params->hyper.width, V = params->hyper.vocab;
    const real *table = o->file->w + params->encoder_embedding;
    const char *first = element(member(text, "neighbours"), 0), *near = member(first, "near");
    const size_t id = (size_t)number_at(member(first, "id"));
    double best = -2;
    EXPECT_INT(id, o->source[0]);
    for (size_t v = 0; v < V; v++) {
        double dot = 0, a = 0, b = 0;
        for (size_t d = 0; d < D; d++) {
            const double x = (double)table[id * D + d], y = (double)table[v * D + d];
            dot += x * y, a += x * x, b += y * y;
        }
        if (v != id) best = fmax(best, dot / sqrt(a * b));
    }
    EXPECT_INT(elements(near), 8);
    EXPECT_NEAR(number_at(member(element(near, 0), "cosine")), best, 1e-4);
    for (size_t i = 0; i < 8; i++) EXPECT(number_at(member(element(near, i), "id")) != (double)id);
    const char *positions = member(text, "positions");
    if (is_null(positions) || params->hyper.positions != POSITIONS_SINUSOIDAL) return;
    size_t count, cells;
    float *dots = floats(member(positions, "dots"), &count), *picture = floats(member(positions, "picture"), &cells);
    EXPECT_INT(cells, count * D);
    for (size_t d = 0; d < count; d++) { /* of sine waves, the same wherever the two begin */
        double dot = 0;
        for (size_t k = 0; k < D; k++) dot += (double)picture[k] * (double)picture[d * D + k];
        EXPECT_NEAR(dots[d], dot, 1e-4 * (double)D / 2);
    }
    EXPECT_NEAR(dots[0], (double)D / 2, 1e-4);
    free(dots);
    free(picture);
}

/* The rows of a table of embeddings. */
static void expect_rows(const char *array, const real *table, const int32_t *ids, size_t count) {
    size_t found;
    float *rows = floats(array, &found);
    EXPECT_INT(found, count * 24);
    for (size_t i = 0; i < found; i++) EXPECT_NEAR(rows[i], table[(size_t)ids[i / 24] * 24 + i % 24], 0);
    free(rows);
}

static void check_json(const Fixture *f, const Observation *o) {
    Error err;
    InspectRequest request = request_make();
    request.kind = ATTENTION_CROSS, request.layer = 1, request.head = 2;
    request.compare = "apple unveiled";
    size_t size[2] = {0, 0};
    for (int turn = 0; turn < 2; turn++) { /* with all the room, and with none */
        Json json = {0};
        request.budget = turn == 0 ? SIZE_MAX : 1;
        EXPECT(inspect_write(&json, &request, o, &err));
        const char *text = finish(&json);
        size[turn] = strlen(text);
        EXPECT(is_text(member(text, "format"), "nmt.inspect"));
        EXPECT_INT(number_at(member(member(text, "model"), "step")), 17);
        EXPECT(is_text(member(member(text, "source"), "text"), "buy an apple"));
        EXPECT_INT(elements(member(member(text, "source"), "tokens")), o->S);
        EXPECT_INT(elements(member(text, "steps")), o->T);
        EXPECT_INT(elements(member(element(member(text, "steps"), 0), "candidates")), INSPECT_CANDIDATES);
        check_search(member(text, "beam"), o);
        expect_said(member(member(text, "target"), "text"), o, o->says, o->T);
        check_hypotheses(member(text, "hypotheses"), o);
        EXPECT_INT(elements(member(text, "attention")), 11);
        for (size_t i = 0; i < 11; i++) {
            const AttentionView v = observation_view(o, i);
            const char *one = element(member(text, "attention"), i);
            EXPECT(same_floats(member(one, "p"), v.p, v.H * v.Tq, v.Tk, v.Tk));
            EXPECT_INT(elements(member(one, "heads")), 3);
            if (turn == 0 || i == 8) {
                EXPECT_INT(number_at(element(member(member(one, "x"), "shape"), 0)), v.Tq);
                EXPECT(same_floats(member(one, "q"), v.in.q, v.Tq, 24, v.in.q_stride));
                EXPECT(same_floats(member(one, "k"), v.in.k, v.Tk, 24, v.in.kv_stride));
                EXPECT(same_floats(member(one, "v"), v.in.v, v.Tk, 24, v.in.kv_stride));
            } else {
                EXPECT(is_null(member(one, "q")) && is_null(member(one, "k")) && is_null(member(one, "v")));
            }
        }
        const char *stream = member(text, "stream");
        EXPECT(is_null(stream) == (turn == 1));
        for (size_t l = 0; turn == 0 && l < 3; l++) { /* each layer begins where the one before ends */
            const EncoderLayerTape *tape = &o->model.encoder.layers[l];
            const char *one = element(stream, l);
            EXPECT(same_floats(member(one, "before"), tape->self.sublayer.x, o->S, 24, 24));
            EXPECT(same_floats(member(one, "middle"), tape->self.sublayer.out, o->S, 24, 24));
            EXPECT(l == 2 || same_floats(member(one, "after"), tape[1].self.sublayer.x, o->S, 24, 24));
            const size_t F = f->file.params.hyper.feedforward;
            EXPECT(same_floats(member(one, "inside"), stored_floats(tape->feedforward.pre), o->S, F, F));
        }
        EXPECT_INT(elements(member(text, "left_out")), turn == 0 ? 0 : 2);
        const char *arithmetic = member(text, "arithmetic");
        const MultiheadParams at = f->file.params.decoder[1].cross_attention;
        EXPECT_INT(number_at(member(arithmetic, "block")), 8);
        EXPECT(same_floats(member(arithmetic, "memory"), o->memory, o->S, 24, 24));
        EXPECT(same_floats(member(arithmetic, "wk"), f->w + at.in.weight + (24 + 16) * 24, 8, 24, 24));
        EXPECT(is_null(member(arithmetic, "wo")) == (turn == 1));
        EXPECT(is_null(member(arithmetic, "norm_weight")) == (f->file.params.hyper.norm == NORM_POST));
        const char *embedding = member(text, "embedding");
        expect_rows(member(embedding, "source"), f->w + f->file.params.encoder_embedding, o->source, o->S);
        expect_rows(member(embedding, "target"), f->w + f->file.params.decoder_embedding, o->target, o->T);
        EXPECT(same_floats(member(embedding, "source_positions"), pass_positions(&o->pass, STACK_ENCODER),
                           o->S > o->T ? o->S : o->T, 24, 24));
        EXPECT(is_null(member(embedding, "target_positions")) ==
               (f->file.params.hyper.positions == POSITIONS_SINUSOIDAL));
        check_embedding(text, o);
        const char *context = member(text, "context");
        EXPECT(is_text(member(context, "word"), "apple"));
        EXPECT_INT(elements(member(element(member(context, "paths"), 0), "xy")), 4);
        EXPECT_INT(elements(member(context, "groups")), 2);
        EXPECT_INT(elements(member(context, "nearest")), 2);
        check_context(context);
        check_pulls(o, member(text, "pulls"), context);
        check_chosen(text, 8, 2);
        EXPECT(is_null(member(text, "galaxy"))); /* of a vocabulary without whole words */
        EXPECT_INT(elements(member(member(text, "maps"), "items")), 3 * 3 * 3);
        check_maps(member(text, "maps"));
        json_free(&json);
    }
    EXPECT(size[1] < size[0]);
}

static void test_observation(void) {
    Error err;
    for (int kind = 0; kind < 3; kind++) {
        Fixture f = fixture_make(kind == 1 ? NORM_POST : NORM_PRE, kind == 1 ? POSITIONS_LEARNED : POSITIONS_SINUSOIDAL,
                                 kind == 2 ? TYING_NONE : TYING_ALL, kind == 2 ? 2 : 1);
        Observation o;
        EXPECT(observation_make(&o, &f.file, f.tokenizer, f.pool, "buy an  apple", 0, &err));
        check_observation(&f, &o);
        const size_t early = check_beam(&o);
        if (kind == 2) EXPECT(early > 0);
        EXPECT((o.says[o.T - 1] == TOKEN_END) == (kind == 2)); /* the others are cut, so their last token is text */
        check_json(&f, &o);
        observation_free(&o);
        fixture_free(&f);
    }
}

/* Without what the heads bring, a layer makes of a word what is said: the same as a model whose heads of that layer are
 * muted. So the moves are what attention does, all of it. */
static void test_pulls(void) {
    for (int kind = 0; kind < 4; kind++) {
        const bool post = kind % 2;
        Error err;
        Fixture f = fixture_make(post ? NORM_POST : NORM_PRE, POSITIONS_SINUSOIDAL, TYING_ALL, post ? 1 : 2);
        f.file.params.hyper.activation = kind < 2 ? ACTIVATION_RELU : ACTIVATION_GELU;
        Observation o, without;
        Meaning meaning;
        Knockout knockout = {0};
        knockout.muted[ATTENTION_ENCODER][0] = 7;
        EXPECT(observation_make(&o, &f.file, f.tokenizer, f.pool, "buy an apple", 0, &err));
        f.file.info.decode.knockout = &knockout;
        EXPECT(observation_make(&without, &f.file, f.tokenizer, f.pool, "buy an apple", 0, &err));
        f.file.info.decode.knockout = NULL;
        Group *groups = groups_default(&o);
        EXPECT(meaning_make(&meaning, &o, groups, "apple", NULL, &err));
        const References *r = &meaning.references;
        for (size_t at = 0; at < 3 * 24; at++) { /* half of each group, however many entries that has */
            double half[2] = {0, 0};
            for (size_t i = 0; i < r->count; i++)
                half[i >= r->first] +=
                    r->joined[i * 3 * 24 + at] / (double)(i < r->first ? r->first : r->count - r->first);
            EXPECT_NEAR(r->usual[at], (half[0] + half[1]) / 2, 1e-9);
        }
        const size_t D = 24, first = meaning.probes[0].first, count = meaning.probes[0].count;
        double *usual = memory_new(3, D * sizeof *usual), *mean = memory_new(D, sizeof *mean), xy[2], moves = 0;
        Pulls pulls = pulls_make(&o, &meaning.line, usual, meaning.references.probes, first, count);
        for (size_t i = 0; i < pulls.H * pulls.S; i++) moves += pulls.steps[0].moves[i];
        const real *out = without.model.encoder.layers[0].feedforward.sublayer.out;
        for (size_t row = first; row < first + count; row++)
            for (size_t k = 0; k < D; k++) mean[k] += (double)out[row * D + k] / (double)count;
        line_point(xy, &meaning.line, mean, 1);
        const PullStep *step = &pulls.steps[0];
        EXPECT(fabs(moves) > 1e-3);
        EXPECT_NEAR(step->alone, xy[0] - step->before - step->place, 0.02 * fabs(moves));
        EXPECT_NEAR(step->before + step->place + step->alone + moves, step->after, 2e-6);
        pulls_free(&pulls);
        free(usual);
        free(mean);
        meaning_free(&meaning);
        observation_free(&o);
        observation_free(&without);
        groups_free(groups);
        fixture_free(&f);
    }
}

/* The line is that of the model and the groups: where a word ends does not depend on which of two sentences is shown.
 */
static void test_same_line(void) {
    static const char *const sentences[] = {"an apple", "please buy an apple and an orange for the old man"};
    for (int kind = 0; kind < 2; kind++) {
        Error err;
        Fixture f = fixture_make(NORM_PRE, kind ? POSITIONS_LEARNED : POSITIONS_SINUSOIDAL, TYING_ALL, 1);
        double ends[2][2];
        for (int shown = 0; shown < 2; shown++) {
            Observation o;
            Json json = {0};
            InspectRequest request = request_make();
            request.compare = sentences[1 - shown];
            EXPECT(observation_make(&o, &f.file, f.tokenizer, f.pool, sentences[shown], 1, &err));
            EXPECT(inspect_write(&json, &request, &o, &err));
            const char *nearest = member(member(finish(&json), "context"), "nearest");
            for (size_t i = 0; i < 2; i++) ends[shown][i] = number_at(member(element(nearest, i), "end"));
            json_free(&json);
            observation_free(&o);
        }
        for (int i = 0; i < 2; i++) EXPECT_NEAR(ends[0][i], ends[1][1 - i], 1e-4 * fmax(1, fabs(ends[0][i])));
        fixture_free(&f);
    }
}

/* Muting heads that the model does not have leaves the pulls as they are, and muting one that it has leaves none. */
static void test_muted_pulls(void) {
    static const struct {
        size_t heads;
        const char *without;
        bool pulls;
    } rows[] = {{1, "only:0", true},
                {3, "only:0", false},
                {3, "heads:encoder.2.1", false},
                {3, "heads:decoder.2.1,heads:cross.0.0,positions,mask,root", true},
                {3, "attention", false},
                {3, "feedforward", false}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        Error err;
        Fixture f = fixture_make(NORM_PRE, POSITIONS_SINUSOIDAL, TYING_ALL, 1);
        Knockout knockout = {0};
        Observation o;
        Meaning meaning;
        f.file.params.hyper.heads = rows[i].heads;
        EXPECT(knockout_parse(&knockout, rows[i].without, &err));
        EXPECT(knockout_check(&knockout, &f.file.params.hyper, &err));
        f.file.info.decode.knockout = &knockout;
        EXPECT(observation_make(&o, &f.file, f.tokenizer, f.pool, "buy an apple", 1, &err));
        Group *groups = groups_default(&o);
        EXPECT(meaning_make(&meaning, &o, groups, NULL, NULL, &err));
        EXPECT((meaning.pulls.layers > 0) == rows[i].pulls);
        meaning_free(&meaning);
        groups_free(groups);
        observation_free(&o);
        fixture_free(&f);
    }
}

/* The grid of --text: each row has the shades of the head that was asked for, or of the mean over heads. */
static void test_text(void) {
    static const char *const shades[] = {" ", "\u2591", "\u2592", "\u2593", "\u2588"};
    static const double from[] = {0, 0.05, 0.2, 0.4, 0.7};
    Error err;
    Fixture f = fixture_make(NORM_PRE, POSITIONS_SINUSOIDAL, TYING_ALL, 3);
    InspectRequest request = request_make();
    Observation o;
    EXPECT(observation_make(&o, &f.file, f.tokenizer, f.pool, "buy an apple", 0, &err));
    const AttentionView v = observation_view(&o, 1);
    request.kind = ATTENTION_ENCODER, request.layer = 1;
    for (int head = INSPECT_NONE; head < 3; head++) {
        char *text = NULL;
        size_t size;
        FILE *file = open_memstream(&text, &size);
        request.head = head;
        inspect_text(file, &request, &o, 500, false);
        fclose(file);
        const char *line = strchr(strstr(text, "\n\n") + 2, '\n') + 1;
        for (size_t i = 0; i < v.Tq; i++) {
            char *row = memory_string("");
            for (size_t k = 0; k < v.Tk; k++) {
                double p = 0;
                for (size_t h = 0; h < v.H; h++)
                    if (head < 0 || h == (size_t)head)
                        p += (double)v.p[(h * v.Tq + i) * v.Tk + k] / (head < 0 ? (double)v.H : 1);
                size_t shade = 4, length;
                while (p < from[shade]) shade--;
                const char *bytes = tokenizer_token_bytes(o.tokenizer, o.source[k], &length);
                row = memory_join(row, "", memory_string(" "));
                for (size_t c = size_max(2, length - (length > 1 && bytes[0] == ' ')); c > 0; c--)
                    row = memory_join(row, "", memory_string(shades[shade]));
            }
            const size_t length = strcspn(line, "\n");
            if (length < strlen(row) || memcmp(line + length - strlen(row), row, strlen(row)) != 0)
                TEST_FAIL("head %d, row %zu: expected \"%s\", found \"%.*s\"", head, i, row, (int)length, line);
            line += length + 1;
            free(row);
        }
        line = strstr(text, "what each step says");
        EXPECT_HAS(line, "of what was most likely\n\n");
        line = strstr(line, "\n\n") + 2;
        for (size_t i = 0; i < o.T; i++) { /* four candidates in a line, with what the model gives each */
            int32_t best[4];
            double p[4];
            const char *end = strchr(line, '\n');
            inspect_candidates(&o, i, best, p, 4);
            for (size_t k = 0; k < 4; k++) {
                char *share = memory_format(" %5.1f%% ", 100 * (double)o.probabilities[i * 260 + (size_t)best[k]]);
                line = line ? strstr(line, share) : NULL;
                if (!line || line >= end) TEST_FAIL("row %zu: expected \"%s\", candidate %zu", i, share, k);
                if (line) line += strlen(share);
                free(share);
            }
            line = end + 1;
        }
        EXPECT_STR(line, "");
        free(text);
    }
    observation_free(&o);
    fixture_free(&f);
}

/* What --text calls a view of the decoder's own attention, with the mask and without; and what must not reach a
 * terminal. */
static void test_text_of_decoder(void) {
    Error err;
    for (int without = 0; without < 2; without++) {
        /* two merges that make one token of U+202E, which turns the direction of text round */
        static const uint32_t merges[] = {2 + 0xE2, 2 + 0x80, 258, 2 + 0xAE};
        Fixture f = fixture_make(NORM_PRE, POSITIONS_SINUSOIDAL, TYING_ALL, 1);
        InspectRequest request = request_make();
        Knockout knockout = {.mask = true};
        Observation o;
        char *text = NULL;
        size_t size;
        FILE *file = open_memstream(&text, &size);
        tokenizer_free(f.tokenizer);
        f.tokenizer = tokenizer_create(merges, 2, (Normalisation){.spaces = true}, &err);
        f.file.info.decode.knockout = without ? &knockout : NULL;
        EXPECT(observation_make(&o, &f.file, f.tokenizer, f.pool, "a\u202Eb", 1, &err));
        EXPECT_INT(o.source[2], 259);
        request.kind = ATTENTION_DECODER;
        inspect_text(file, &request, &o, 500, false);
        request.kind = ATTENTION_ENCODER;
        inspect_text(file, &request, &o, 500, false);
        fclose(file);
        EXPECT_HAS(text, without ? "what the decoder's tokens (rows) see of each other, layer 0"
                                 : "what the decoder's tokens (rows) see of themselves and those before, layer 0");
        EXPECT_HAS(text, "what source tokens (rows) see of each other, layer 0");
        EXPECT_HAS(text, " a  ?  b  </s>\n");
        EXPECT(!strstr(text, "\u202E"));
        free(text);
        observation_free(&o);
        fixture_free(&f);
    }
}

/* The galaxy: a word of two groups is in none, so it moves neither group's mean. */
static void test_galaxy(void) {
    /* " a", " ab", " ac", " ad", " ae" */
    static const uint32_t merges[] = {2 + ' ', 2 + 'a', 258, 2 + 'b', 258, 2 + 'c', 258, 2 + 'd', 258, 2 + 'e'};
    static const struct {
        const char *text;
        int group;
        double along;
    } words[] = {{" ab", -1, NAN}, {" ac", 0, -1}, {" ad", 1, 1}, {" ae", -1, NAN}};
    Error err;
    Fixture f = fixture_of(merges, 5, NORM_PRE, POSITIONS_SINUSOIDAL, TYING_ALL, 1);
    InspectRequest request = request_make();
    Observation o;
    Json json = {0};
    EXPECT(groups_add(&request.groups, "one=ab,ac", &err));
    EXPECT(groups_add(&request.groups, "two=ad,ab", &err));
    EXPECT(observation_make(&o, &f.file, f.tokenizer, f.pool, "ab ac ae", 1, &err));
    EXPECT(inspect_write(&json, &request, &o, &err));
    const char *galaxy = member(finish(&json), "galaxy");
    EXPECT_INT(elements(member(galaxy, "words")), COUNT(words)); /* " a" is too short */
    EXPECT_INT(number_at(member(galaxy, "near")), 0);            /* each group has one word */
    for (size_t i = 0; i < COUNT(words); i++) {
        size_t at = 0;
        while (at < COUNT(words) && !is_text(member(element(member(galaxy, "words"), at), "text"), words[i].text)) at++;
        const char *one = element(member(galaxy, "words"), at);
        EXPECT_INT(number_at(member(one, "group")), words[i].group);
        EXPECT(strncmp(member(one, "here"), i != 2 ? "true" : "false", 4) == 0);
        if (words[i].group >= 0) EXPECT_NEAR(number_at(element(member(one, "xy"), 0)), words[i].along, 1e-4);
    }
    json_free(&json);
    groups_free(request.groups);
    observation_free(&o);
    fixture_free(&f);
}

static void count_calls(void *context, size_t b, size_t position, const SearchConsidered *list, size_t count) {
    (void)b, (void)position, (void)list;
    *(size_t *)context += count;
}

/* To watch a search changes nothing. */
static void test_watch_changes_nothing(void) {
    Error err;
    Fixture f = fixture_make(NORM_PRE, POSITIONS_SINUSOIDAL, TYING_ALL, 2);
    const int32_t ids[] = {40, 41, 42, TOKEN_END, 99, 98, TOKEN_END, 77, TOKEN_END};
    const uint32_t start[] = {0, 4, 7, 9};
    for (size_t beam = 1; beam <= 8; beam += beam) {
        SearchOptions how = f.file.info.decode;
        how.beam = how.n_best = beam;
        Search *plain = search_create(&f.file.params, f.w, f.pool, how);
        Search *watched = search_create(&f.file.params, f.w, f.pool, how);
        size_t calls = 0;
        Translation a[3], b[3];
        search_watch(watched, count_calls, &calls);
        EXPECT(search_run(plain, (Packed){3, ids, start, 4}, a, &err));
        EXPECT(search_run(watched, (Packed){3, ids, start, 4}, b, &err));
        EXPECT(calls > 0);
        for (size_t s = 0; s < 3; s++) {
            size_t x, y;
            const Translation *p = search_hypotheses(plain, s, &x), *q = search_hypotheses(watched, s, &y);
            EXPECT_INT(x, y);
            for (size_t i = 0; i < x && i < y; i++)
                EXPECT(p[i].length == q[i].length && p[i].log_probability == q[i].log_probability &&
                       memcmp(p[i].ids, q[i].ids, p[i].length * sizeof *p[i].ids) == 0);
        }
        search_free(plain);
        search_free(watched);
    }
    fixture_free(&f);
}

/* What is asked for in vain: an error that names it. */
static void expect_refused(const Fixture *f, const char *text, InspectRequest *request, const char *message) {
    Error err = {""};
    Observation o;
    bool ok = inspect_check(request, &f->file, &err);
    if (ok && (ok = observation_make(&o, &f->file, f->tokenizer, f->pool, text, 0, &err))) {
        Json json = {0};
        ok = inspect_write(&json, request, &o, &err);
        json_free(&json);
        observation_free(&o);
    }
    EXPECT(!ok);
    EXPECT_HAS(err.text, message);
}

static void test_refused(void) {
    Error err;
    Fixture f = fixture_make(NORM_PRE, POSITIONS_SINUSOIDAL, TYING_ALL, 1);
    InspectRequest request = request_make();
    char lengthy[4 * P] = {0};
    memset(lengthy, 'x', sizeof lengthy - 1);
    expect_refused(&f, "", &request, "found a text without a word");
    expect_refused(&f, lengthy, &request, "expected at most 95");
    request.word = "pear";
    expect_refused(&f, "buy an apple", &request, "--word: expected a word of \"buy an apple\", found \"pear\"");
    request.word = "appl"; /* part of a word */
    expect_refused(&f, "buy an apple", &request, "--word: expected a word");
    request.word = NULL, request.compare = "the cat";
    expect_refused(&f, "buy an apple", &request, "--compare: expected a word that both");
    request.compare = lengthy; /* a sentence that is too long says so, and not that it has no such word */
    expect_refused(&f, "buy an apple", &request, "xxx\": expected at most 95 tokens, found 384");
    request.compare = "the cat";
    request.word = "apple";
    expect_refused(&f, "buy an apple", &request, "--compare: expected a word of \"the cat\", found \"apple\"");
    request.compare = NULL;
    request.layer = 3;
    expect_refused(&f, "x", &request, "--layer: expected 0 to 2, found 3");
    request.layer = 4, request.kind = ATTENTION_CROSS;
    expect_refused(&f, "x", &request, "--layer: expected 0 to 3, found 4");
    request.layer = 2, request.head = 3;
    expect_refused(&f, "x", &request, "--head: expected 0 to 2, found 3");
    request.head = request.layer = request.kind = INSPECT_NONE;
    EXPECT(groups_add(&request.groups, "alone=apple", &err));
    expect_refused(&f, "buy an apple", &request, "--group: expected two or more");
    groups_free(request.groups);
    static const char *const bad[] = {
        "", "fruits", "=a", "fruits=", "fruits=,", "fruits=a:no star", "fruits=a:*/* and *"};
    for (size_t i = 0; i < COUNT(bad); i++) {
        Group *groups = NULL;
        EXPECT(!groups_add(&groups, bad[i], &err));
        groups_free(groups);
    }

    /* A sentence without a word of a group: no context, and no error. */
    request = request_make();
    Observation o;
    Json json = {0};
    EXPECT(observation_make(&o, &f.file, f.tokenizer, f.pool, "\xFF x", 1, &err));
    EXPECT(inspect_write(&json, &request, &o, &err));
    EXPECT(is_null(member(finish(&json), "context")));
    EXPECT_HAS(json.text, "\\\\xFF");
    json_free(&json);
    observation_free(&o);

    /* Numbers that are no numbers. */
    f.w[f.file.params.encoder[0].self_attention.in.weight] = NAN;
    expect_refused(&f, "buy", &request, "random.gguf: the model's numbers are not finite");
    fixture_free(&f);
}

/* A word among marks is found, and one within a longer word is not, whatever the tokens; and the word is not among its
 * own references, however it is spelt. */
static void test_words(void) {
    static const struct {
        const char *sentence, *word;
        size_t first, count; /* count 0: not there */
        const char *excerpt;
    } rows[] = {
        {"ab apple", "apple", 2, 4, "ab apple"},
        {"ab Apple.", "aPPle", 2, 4, "ab apple."},
        {"a (apple) b", "apple", 3, 4, "a (apple) b"},
        {"a (apples) (apple)", "apple", 11, 4, "(apples) (apple)"},
        {"\302\253apple\302\273", "apple", 3, 4, "\302\253apple\302\273"},
        {"apple\303\266", "apple", 0, 0, NULL},
        {"\303\266apple", "apple", 0, 0, NULL},
        {"apple7", "apple", 0, 0, NULL},
        {"a cat's", "cat", 2, 3, "a cat's"}, /* " ", "c", "a", "t": a space alone is no part of the word */
        {"x \303\251", "\303\251", 3, 2, "x \303\251"},
        {"a bc d", "bc d", 2, 4, "a bc d"},
        {"c d bat e f", "bat", 5, 3, "d bat e"},
        {"bat e f", "bat", 1, 3, "bat e"},
        {"a b", "", 0, 0, NULL},
        {"a b", " ", 0, 0, NULL},
        {"appl", "apple", 0, 0, NULL},
    };
    Fixture f = fixture_make(NORM_PRE, POSITIONS_SINUSOIDAL, TYING_ALL, 1);
    const Observation o = {.file = &f.file, .tokenizer = f.tokenizer};
    for (size_t i = 0; i < COUNT(rows); i++) {
        Mention m;
        Error err;
        const bool found = mention_make(&m, &o, rows[i].sentence, rows[i].word, "--word", &err);
        EXPECT(found == (rows[i].count > 0));
        if (!found) continue;
        if (m.first != rows[i].first || m.count != rows[i].count)
            TEST_FAIL("\"%s\": found %zu tokens at %zu", rows[i].sentence, m.count, m.first);
        char *excerpt = mention_excerpt(&m, f.tokenizer);
        EXPECT_STR(excerpt, rows[i].excerpt);
        free(excerpt);
        stbds_arrfree(m.ids);
    }
    Error err;
    Observation whole;
    InspectRequest request = request_make();
    EXPECT(observation_make(&whole, &f.file, f.tokenizer, f.pool, "buy an apple", 1, &err));
    size_t paths[2];
    for (int i = 0; i < 2; i++) {
        Json json = {0};
        request.word = i == 0 ? "apple" : "APPLE";
        EXPECT(inspect_write(&json, &request, &whole, &err));
        paths[i] = elements(member(member(finish(&json), "context"), "paths"));
        json_free(&json);
    }
    EXPECT_INT(paths[0], 1 + 8 + 8); /* the word in this sentence, and in eight of each group */
    EXPECT_INT(paths[1], paths[0]);
    observation_free(&whole);
    fixture_free(&f);
}

/* Sentences of the default groups that the model does not take are left out, pairs of which one has none left as well,
 * and without groups there is nothing to follow a word between. A sentence of the user's groups is not left out. */
static void test_long_groups(void) {
    Error err;
    Fixture f = fixture_make(NORM_PRE, POSITIONS_SINUSOIDAL, TYING_ALL, 1);
    InspectRequest request = request_make();
    for (size_t most = 6; most <= P; most += 5) {
        f.file.params.hyper.max_length = most;
        Observation o;
        Json json = {0};
        EXPECT(observation_make(&o, &f.file, f.tokenizer, f.pool, "bat", 0, &err));
        Group *groups = groups_default(&o);
        const size_t count = stbds_arrlenu(groups);
        for (size_t g = 0; g < count; g++) EXPECT(stbds_arrlenu(groups[g].sentences) > 0);
        EXPECT(count % 2 == 0 && count <= 16 && (most > 12 || count == 0) && (most < P || count == 16));
        for (size_t g = 0; g < count; g += 2) /* the pairs are those that they were */
            EXPECT(strcmp(groups[g].name, "fruits") != 0 || strcmp(groups[g + 1].name, "companies") == 0);
        request.word = count == 0 ? "bat" : NULL;
        EXPECT(inspect_write(&json, &request, &o, &err));
        const char *text = finish(&json);
        if (count == 0) EXPECT(is_null(member(text, "context")) && is_null(member(text, "galaxy")));
        EXPECT(is_text(member(member(text, "chosen"), "word_text"), "bat"));
        EXPECT(is_null(member(text, "context")) == is_null(member(text, "pulls")));
        EXPECT(is_null(member(text, "maps")) == (count == 0));
        json_free(&json);
        groups_free(groups);
        observation_free(&o);
    }
    f.file.params.hyper.max_length = 16;
    request.word = NULL;
    EXPECT(groups_add(&request.groups, "animals=bat,cat:the * slept in the church", &err));
    EXPECT(groups_add(&request.groups, "things=bat,ball:the *", &err));
    expect_refused(&f, "bat", &request,
                   "--group: \"the bat slept in the church\": expected at most 15 tokens, found 28");
    groups_free(request.groups);
    fixture_free(&f);
}

static void expect_choice(const Observation *o, const Meaning *meaning, size_t block, size_t head, size_t row,
                          size_t word, const char *why) {
    const Choice choice = choice_make(o, meaning, INSPECT_NONE, INSPECT_NONE, INSPECT_NONE);
    EXPECT_INT(choice.block, block);
    EXPECT_INT(choice.head, head);
    EXPECT_INT(choice.row, row);
    EXPECT_INT(choice.word, word);
    EXPECT_STR(choice.why, why);
    free(choice.why);
}

/* What a page opens on where no word has two meanings, with looks that are put in by hand. */
static void test_strongest_look(void) {
    enum { S = 8, C = 1, A = 2, B = 4, LAST = 6 }; /* " ", "c", " a", " ", "b", " ", "d", </s>; rarer: "d" and " a" */
    Error err;
    Fixture f = fixture_make(NORM_PRE, POSITIONS_SINUSOIDAL, TYING_ALL, 1);
    Observation o;
    EXPECT(observation_make(&o, &f.file, f.tokenizer, f.pool, "c a b d", 0, &err));
    EXPECT_INT(o.S, S);
    for (size_t l = 0; l < 3; l++) memset(o.shown[l], 0, sizeof(real) * 3 * S * S);
    real *rare = &o.shown[1][(2 * S + A) * S + LAST], *far = &o.shown[0][B * S + C],
         *next = &o.shown[2][(S + C) * S + A];
    real *own = &o.shown[0][(2 * S + B) * S + LAST];
    Meaning none = {0}, asked = {.asked = true, .probes = {{.first = B, .count = 1}}};
    *rare = 0.4f, *far = 0.9f, *next = 0.95f, *own = 0.1f;
    expect_choice(&o, &none, 1, 2, A, A,
                  "\"a\" looks at \"d\" with 40% of its attention: the strongest look at one of the rarer words, "
                  "further away than the next.");
    *rare = 0;
    expect_choice(&o, &none, 0, 0, B, B,
                  "\"b\" looks at \"c\" with 90% of its attention: the strongest look at a word further away than the "
                  "next.");
    *far = 0;
    expect_choice(&o, &none, 2, 1, C, C,
                  "\"c\" looks at \"a\" with 95% of its attention: the strongest look at another word.");
    expect_choice(&o, &asked, 0, 2, B, B,
                  "\"b\" looks at \"d\" with 10% of its attention: its strongest look at another word.");
    *own = 0; /* the word looks at no other one, so another word's look is shown */
    expect_choice(&o, &asked, 2, 1, C, B,
                  "\"c\" looks at \"a\" with 95% of its attention: the strongest look at another word.");
    *next = 0;
    expect_choice(&o, &none, 0, 0, 0, 0, "There are no two different words with letters.");
    expect_choice(&o, &asked, 0, 0, B, B, "There are no two different words with letters.");
    observation_free(&o);
    fixture_free(&f);
}

/* "A worked example" with known numbers. */
static void test_example(void) {
    static const double p[] = {0.3573, 0.4011, 0.2416, 0.3410, 0.6047, 0.0542, 0.0722, 0.0320, 0.8959};
    static const double joined[] = {1.0100, 1.0641, 0.2040, 0.7057, 3.4989, 2.2427};
    static const double scores[] = {-0.0990, 0.0648, -0.6523, -0.4022, 0.4078, -3.0024, 0.4842, -0.6683, 4.0461};
    Error err;
    Pool *pool = pool_create(1, &err);
    Json json = {0};
    inspect_example(&json, pool);
    const char *text = finish(&json), *block = element(member(text, "attention"), 0);
    size_t count;
    float *found = floats(member(block, "p"), &count);
    EXPECT_INT(count, 9);
    for (size_t i = 0; i < 9; i++) EXPECT_NEAR(found[i], p[i], 5e-4);
    free(found);
    found = floats(member(member(text, "arithmetic"), "joined"), &count);
    EXPECT_INT(count, 6);
    for (size_t i = 0; i < 6; i++) EXPECT_NEAR(found[i], joined[i], 5e-4);
    free(found);
    float *q = floats(member(block, "q"), &count), *k = floats(member(block, "k"), &count);
    for (size_t i = 0; i < 9; i++)
        EXPECT_NEAR(q[i / 3 * 2] * k[i % 3 * 2] + q[i / 3 * 2 + 1] * k[i % 3 * 2 + 1], scores[i],
                    5e-4 * fmax(1, fabs(scores[i])));
    free(q);
    free(k);
    EXPECT(is_null(member(text, "model")) && is_null(member(text, "context")));
    json_free(&json);
    pool_free(pool);
}

/* ---- The command ---------------------------------------------------------------------------------------------------
 */

/* Writes a random model into the folder the tests are in. */
static void write_model(void) {
    Error err;
    Fixture f = fixture_make(NORM_PRE, POSITIONS_SINUSOIDAL, TYING_ALL, 1);
    GgufWriter *writer = modelfile_writer(&f.file.info, &f.file.params, f.w);
    EXPECT(gguf_write(writer, "model.gguf", &err));
    gguf_writer_free(writer);
    fixture_free(&f);
}

static void expect_command(int code, const char *const *arguments, const char *part) {
    CommandRun run = command_run(arguments, NULL);
    EXPECT_INT(run.code, code);
    EXPECT_HAS(run.err, part);
    EXPECT_STR(run.out, "");
    command_free(&run);
}

static void test_command(void) {
    world_enter();
    write_model();
    expect_command(2, ARGS("inspect"), "expected a sentence");
    expect_command(2, ARGS("inspect", "a", "b"), "put it in quotes");
    expect_command(2, ARGS("inspect", "--json", "--text", "a"), "--json or --text");
    expect_command(2, ARGS("inspect", "--example", "a"), "--example");
    expect_command(2, ARGS("inspect", "--kind", "self", "a"), "expected encoder|decoder|cross, found \"self\"");
    expect_command(2, ARGS("inspect", "--group", "x", "a"), "--group: \"x\": expected NAME=");
    expect_command(1, ARGS("inspect", "a"), "no model yet");
    expect_command(1, ARGS("inspect", "-m", "none.gguf", "a"), "none.gguf");
    expect_command(1, ARGS("inspect", "-m", "tiny.ini", "a"), "tiny.ini");
    expect_command(1, ARGS("inspect", "-m", "model.gguf", "  "), "found a text without a word");
    expect_command(1, ARGS("inspect", "-m", "model.gguf", "--head", "3", "a"), "--head");
    expect_command(1, ARGS("inspect", "-m", "model.gguf", "-o", "no/where.html", "a"), "no/where.html");
    EXPECT(!file_exists("inspect.html"));

    expect_command(0, ARGS("inspect", "-m", "model.gguf", "buy an apple"), "inspect.html");
    size_t size = 0;
    char *page = read_bytes("inspect.html", &size);
    EXPECT(page && strlen(page) == size);
    if (page) {
        EXPECT_HAS(page, "\"format\":\"nmt.inspect\"");
        EXPECT(!strstr(page, "/*data*/") && !strstr(page, "/*include "));
        const PageFile *script = page_find("inspect.js");
        EXPECT(script && strstr(page, (const char *)script->bytes));
    }
    free(page);

    CommandRun run = command_run(ARGS("inspect", "-m", "model.gguf", "--json", "buy an apple"), NULL);
    EXPECT_INT(run.code, 0);
    EXPECT(strncmp(run.err, "inspect: the translation is cut after ", 38) == 0); /* a model that has learnt nothing */
    EXPECT(strchr(run.err, '\n') == run.err + strlen(run.err) - 1);
    const char *end = json_skip(run.out);
    EXPECT(end && strcmp(end, "\n") == 0);
    command_free(&run);
    run = command_run(ARGS("inspect", "--example", "--json"), NULL);
    EXPECT_INT(run.code, 0);
    EXPECT_HAS(run.out, " poem");
    command_free(&run);

    run = command_run(
        ARGS("inspect", "-m", "model.gguf", "--text", "buy an apple and an orange, a pear and a caf\xC3\xA9"), NULL);
    EXPECT_INT(run.code, 0);
    EXPECT_HAS(run.out, "layer 3, mean of 3 heads");
    EXPECT(!strchr(run.out, '\033'));
    size_t widest = 0, columns = 0;
    for (const char *at = run.out; *at; at++) {
        columns = *at == '\n' ? 0 : columns + (((unsigned char)*at & 0xC0) != 0x80);
        if (columns > widest) widest = columns;
    }
    EXPECT(widest <= 80 && widest > 70); /* as many columns of keys as fit into 80 */
    /* Names are upright above their columns, which are as wide as they are. */
    EXPECT_HAS(run.out, "\n  \u2423  b  u  y  a  n  a  pp l  e  ");
    command_free(&run);
    world_leave();
}

int main(void) {
    RUN(test_json);
    RUN(test_base64);
    RUN(test_principal_axes);
    RUN(test_flatten);
    RUN(test_line);
    RUN(test_narrow_line);
    RUN(test_plane_map);
    RUN(test_heads);
    RUN(test_observation);
    RUN(test_pulls);
    RUN(test_same_line);
    RUN(test_muted_pulls);
    RUN(test_text);
    RUN(test_text_of_decoder);
    RUN(test_galaxy);
    RUN(test_watch_changes_nothing);
    RUN(test_refused);
    RUN(test_words);
    RUN(test_long_groups);
    RUN(test_strongest_look);
    RUN(test_example);
    RUN(test_command);
    return test_finish();
}
