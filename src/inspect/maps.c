/* The linear maps: what a head's query, key and value projections do to two groups of words. */
#include <stdlib.h>
#include <string.h>

#include "base/ds.h"
#include "inspect/inspect.h"
#include "inspect/project.h"
#include "nn/linear.h"

/* The words of the first two groups that are in one of them alone, group after group. */
typedef struct Words {
    size_t *at;       /* (count) their numbers in the references */
    size_t count, n1; /* n1: of the first group */
} Words;

static Words choose(const References *r, const Group *groups, const Tokenizer *tokenizer) {
    Words words = {memory_new(r->count + 1, sizeof *words.at), 0, 0};
    for (size_t i = 0; i < r->count; i++) {
        if (r->group[i] > 1) continue;
        const Group *other = &groups[1 - r->group[i]];
        bool both = false;
        for (size_t k = 0; k < stbds_arrlenu(other->words); k++)
            both = both || word_same(tokenizer, other->words[k], r->word[i]);
        if (both) continue;
        words.at[words.count++] = i;
        words.n1 += r->group[i] == 0;
    }
    return words;
}

static void write_points(Json *j, const char *key, const double *x, size_t n, size_t D, const double *axes,
                         const double *mean) {
    json_write(json_key(j, key), "[");
    for (size_t i = 0; i < n; i++) {
        double xy[2];
        project_point(xy, x + i * D, axes, mean, D);
        json_write(j, "[%f, %f]", xy[0], xy[1]);
    }
    json_write(j, "]");
}

/* The map as it is between two planes: entry (i, j) = after's axis i . W before's axis j. W: (K, D) */
static void between_planes(double matrix[2][2], const real *W, const double *before, const double *after, size_t K,
                           size_t D) {
    for (size_t i = 0; i < 2; i++)
        for (size_t j = 0; j < 2; j++) {
            matrix[i][j] = 0;
            for (size_t k = 0; k < K; k++) {
                double sum = 0;
                for (size_t c = 0; c < D; c++) sum += (double)W[k * D + c] * before[j * D + c];
                matrix[i][j] += after[i * K + k] * sum;
            }
        }
}

/* One item: before (n, D) and its axes, after (n, K). W: (K, D). */
static void write_item(Json *j, const double *before, const double *axes, const double *mean, const double *after,
                       const real *W, Words words, size_t K, size_t D) {
    double *axes_after = memory_new(3, K * sizeof *axes_after), *mean_after = axes_after + 2 * K;
    double matrix[2][2];
    principal_axes(axes_after, mean_after, after, words.count, K);
    between_planes(matrix, W, axes, axes_after, K, D);
    const PlaneMap plane = plane_map((const double(*)[2])matrix);
    json_write(j, "matrix: [[%f, %f], [%f, %f]], rotation: %f, scale: [%f, %f], shear: %f", matrix[0][0], matrix[0][1],
               matrix[1][0], matrix[1][1], plane.rotation, plane.scale[0], plane.scale[1], plane.shear);
    write_points(j, "before", before, words.count, D, axes, mean);
    write_points(j, "after", after, words.count, K, axes_after, mean_after);
    free(axes_after);
}

/* The items of one layer; best: the highest ratio so far, and whose it is. */
static void write_layer(Json *j, const References *r, const Observation *o, Words words, size_t l, double *most,
                        size_t *best, size_t *number) {
    static const char *const maps[] = {"query", "key", "value"};
    const Hyper *h = &o->file->params.hyper;
    const size_t D = h->width, H = h->heads, K = D / H, n = words.count;
    const LinearParams in = o->file->params.encoder[l].self_attention.in;
    real *x = memory_new(n, 4 * D * sizeof *x), *y = x + n * D;                          /* (n, D), (n, 3D) */
    double *before = memory_new(n + 3, 2 * D * sizeof *before), *after = before + n * D; /* (n, D), (n, K) */
    double *axes = after + n * K, *mean = axes + 2 * D;
    for (size_t i = 0; i < n; i++)
        memcpy(before + i * D, r->inputs + (words.at[i] * h->encoder_layers + l) * D, D * sizeof *before);
    for (size_t i = 0; i < n * D; i++) x[i] = (real)before[i];
    linear_forward(o->pass.net.compute, y, x, o->pass.net.w + in.weight, o->pass.net.w + in.bias, n, D, 3 * D);
    principal_axes(axes, mean, before, n, D);
    for (size_t head = 0; head < H; head++)
        for (size_t map = 0; map < 3; map++, ++*number) {
            const size_t first = map * D + head * K;
            for (size_t i = 0; i < n * K; i++) after[i] = (double)y[i / K * 3 * D + first + i % K];
            const double ratio = fisher_ratio(after, words.n1, n - words.n1, K);
            if (ratio > *most) *most = ratio, *best = *number;
            json_write(j, "{kind: %s, layer: %zu, head: %zu, map: %s, ratio: %g, ratio_before: %g", "encoder", l, head,
                       maps[map], ratio, fisher_ratio(before, words.n1, n - words.n1, D));
            write_item(j, before, axes, mean, after, o->pass.net.w + in.weight + first * D, words, K, D);
            json_write(j, "}");
        }
    free(x);
    free(before);
}

void inspect_write_maps(Json *j, const References *r, const Group *groups, const Observation *o) {
    const size_t D = o->file->params.hyper.width;
    Words words = stbds_arrlenu(groups) >= 2 ? choose(r, groups, o->tokenizer) : (Words){0};
    if (words.n1 < 2 || words.count - words.n1 < 2) { /* too few to compare */
        free(words.at);
        json_write(j, "maps: null");
        return;
    }
    json_write(j, "maps: {groups: [");
    for (size_t g = 0; g < 2; g++) {
        json_write(j, "{name: %s, words: [", groups[g].name);
        for (size_t i = 0; i < words.count; i++)
            if (r->group[words.at[i]] == g) json_write(j, "%s", r->word[words.at[i]]);
        json_write(j, "]}");
    }
    json_write(j, "]");
    double *embedding = memory_new(words.count, D * sizeof *embedding), most = -1;
    for (size_t i = 0; i < words.count; i++)
        memcpy(embedding + i * D, r->embedding + words.at[i] * D, D * sizeof *embedding);
    json_write(j, "before_ratio: %g", fisher_ratio(embedding, words.n1, words.count - words.n1, D));
    free(embedding);
    json_write(j, "items: [");
    size_t best = 0, number = 0;
    for (size_t l = 0; l < o->file->params.hyper.encoder_layers; l++)
        write_layer(j, r, o, words, l, &most, &best, &number);
    json_write(j, "], best: %zu}", best);
    free(words.at);
}
