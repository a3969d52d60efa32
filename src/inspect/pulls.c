/* Who pulls a word, and how far: each step of its path along the line between two groups (inspect/line.h), taken apart.
 *
 * In a layer, attention adds to the word's row x the sum of weight * value over heads and words, through Wo; then the
 * rest of the layer, f, works on that row alone:
 *
 *     after = u . f(x + bo + sum of a)      a = weight * Wo value, of a head and a word      u: along the line
 *
 * f is not linear: it has the feed-forward block, which makes far more of a hint than the hint itself. So a word's
 * share is its part of the integral of f's slope on the straight way from no attention to all of it (the integrated
 * gradients of Sundararajan, Taly, Yan 2017):
 *
 *     move = a . g      g = mean over t from 0 to 1 of the gradient of u . f at x + bo + t (sum of a)
 *
 * The moves add up to what attention does, u . f(x + bo + sum of a) - u . f(x + bo). So
 *
 *     after - before = place + alone + sum over heads and words of moves
 *
 * That is so from what the word's heads usually bring (its weighted sums on average, in the plain sentences of both
 * groups), not from nothing, which a layer never reads. So a head's moves are weight * (value - usual), and `from` is x
 * + bo + what is usual.
 *
 * place: how far the position vector moves it, against that of the first place (first layer only; 0 in the places that
 * inspect/line.c leaves out of the line). alone: what the layer makes of the word with what is usual, and by how much
 * the line's zero moves; it is what is left, so it also has the error of the integral, which is a sum of PARTS terms.
 */
#include <math.h>
#include <stdlib.h>

#include "base/memory.h"
#include "inspect/inspect.h"
#include "math/vector.h"
#include "nn/activation.h"
#include "nn/linear.h"

enum { PARTS = 192 };

static double along(const double *g, const real *x, size_t D) {
    double sum = 0;
    for (size_t k = 0; k < D; k++) sum += g[k] * (double)x[k];
    return sum;
}

/* The gradient of a norm, in place: g is that of out, then of in (D). */
static void through_norm(double *g, const real *in, const real *weight, size_t D) {
    const double epsilon = 1e-5;
    double mean = 0, variance = 0, mean_g = 0, mean_gy = 0;
    for (size_t k = 0; k < D; k++) mean += (double)in[k] / (double)D;
    for (size_t k = 0; k < D; k++) variance += ((double)in[k] - mean) * ((double)in[k] - mean) / (double)D;
    const double rstd = 1 / sqrt(variance + epsilon);
    for (size_t k = 0; k < D; k++) {
        g[k] *= (double)weight[k];
        mean_g += g[k] / (double)D, mean_gy += g[k] * ((double)in[k] - mean) * rstd / (double)D;
    }
    for (size_t k = 0; k < D; k++) g[k] = rstd * (g[k] - mean_g - ((double)in[k] - mean) * rstd * mean_gy);
}

/* The rest of a layer behind attention, f, at n rows z (n, D), and its gradient. */
typedef struct Rest {
    const Observation *o;
    const EncoderLayerParams *params;
    size_t n, D, F;
    bool post;
    real *block; /* has those that follow */
    /* middle: the row that feed-forward adds to. pre, act: (n, F); the others (n, D) */
    real *z, *middle, *normed, *made, *pre, *act;
} Rest;

static Rest rest_make(const Observation *o, size_t layer, size_t n) {
    const Hyper *h = &o->file->params.hyper;
    Rest r = {o, &o->file->params.encoder[layer], n, h->width, h->feedforward, .post = h->norm == NORM_POST};
    r.block = memory_new(n, (4 * r.D + 2 * r.F) * sizeof *r.block);
    r.z = r.block, r.middle = r.z + n * r.D, r.normed = r.middle + n * r.D, r.made = r.normed + n * r.D;
    r.pre = r.made + n * r.D, r.act = r.pre + n * r.F;
    return r;
}

static void norm_rows(const Rest *r, real *out, const real *in, LayernormParams params) {
    real *moments = memory_new(2 * r->n, sizeof *moments);
    const Net *net = &r->o->pass.net;
    layernorm_forward(net->compute.pool, stored_reals(out, r->D), moments, moments + r->n, in, net->w + params.weight,
                      net->w + params.bias, r->n, r->D);
    free(moments);
}

/* made = middle + feed-forward: what f gives, before the last norm where norm is post. */
static void rest_forward(Rest *r) {
    const Net *net = &r->o->pass.net;
    const LinearParams fc1 = r->params->feedforward.fc1, fc2 = r->params->feedforward.fc2;
    const Activation activation = r->o->file->params.hyper.activation;
    if (r->post) {
        norm_rows(r, r->middle, r->z, r->params->self_attention_norm);
        vector_copy(r->normed, r->middle, r->n * r->D);
    } else {
        vector_copy(r->middle, r->z, r->n * r->D);
        norm_rows(r, r->normed, r->middle, r->params->final_norm);
    }
    linear_forward(net->compute, r->pre, r->normed, net->w + fc1.weight, net->w + fc1.bias, r->n, r->D, r->F);
    activation_forward(r->act, r->pre, activation, r->n * r->F);
    linear_forward(net->compute, r->made, r->act, net->w + fc2.weight, net->w + fc2.bias, r->n, r->F, r->D);
    vector_add(r->made, r->middle, r->n * r->D);
}

/* g (D): the mean over the rows of the gradient of u . f. */
static void rest_gradient(Rest *r, double *g, const double *u) {
    const Net *net = &r->o->pass.net;
    const real *w = net->w;
    const LinearParams fc1 = r->params->feedforward.fc1, fc2 = r->params->feedforward.fc2;
    const size_t n = r->n, D = r->D, F = r->F;
    real *d = memory_new(n, 2 * D * sizeof *d), *back = d + n * D;
    double *row = memory_new(D, sizeof *row);
    for (size_t i = 0; i < n; i++) { /* of made */
        for (size_t k = 0; k < D; k++) row[k] = u[k];
        if (r->post) through_norm(row, r->made + i * D, w + r->params->final_norm.weight, D);
        for (size_t k = 0; k < D; k++) d[i * D + k] = (real)row[k];
    }
    matmul(net->compute, MATMUL_WRITE, r->act, F, matrix(d, D), matrix(w + fc2.weight, F), n, F, D, NULL);
    activation_backward(r->act, r->act, r->pre, r->o->file->params.hyper.activation, n * F);
    matmul(net->compute, MATMUL_WRITE, back, D, matrix(r->act, F), matrix(w + fc1.weight, D), n, D, F, NULL);
    for (size_t k = 0; k < D; k++) g[k] = 0;
    for (size_t i = 0; i < n; i++) { /* of z */
        for (size_t k = 0; k < D; k++) row[k] = (double)back[i * D + k];
        if (!r->post) through_norm(row, r->z + i * D, w + r->params->final_norm.weight, D);
        for (size_t k = 0; k < D; k++) row[k] += (double)d[i * D + k];
        if (r->post) through_norm(row, r->z + i * D, w + r->params->self_attention_norm.weight, D);
        for (size_t k = 0; k < D; k++) g[k] += row[k] / (double)n;
    }
    free(d);
    free(row);
}

/* Adds one row's share of the moves, divided by the number of the word's rows. */
static void add_row(PullStep *step, const Observation *o, const Line *line, size_t layer, size_t row, size_t rows,
                    const double *usual) {
    const size_t D = line->D, S = o->S;
    const AttentionView view = observation_view(o, observation_number(o, ATTENTION_ENCODER, layer));
    const SublayerTape *self = view.tape;
    /* what attention added, and the row without it */
    real *added = memory_new(4, D * sizeof *added), *from = added + D, *joined = from + D;
    double *g = memory_new(D + view.K, sizeof *g), *push = g + D;
    for (size_t k = 0; k < D; k++) joined[k] = (real)usual[k];
    linear_forward(o->pass.net.compute, from, joined, view.out_weight, view.out_bias, 1, D, D);
    vector_add(from, self->x + row * D, D);
    for (size_t k = 0; k < D; k++) joined[k] = view.joined[row * D + k] - joined[k];
    linear_forward(o->pass.net.compute, added, joined, view.out_weight, NULL, 1, D, D);
    Rest rest = rest_make(o, layer, PARTS);
    for (size_t i = 0; i < PARTS; i++) {
        vector_copy(rest.z + i * D, from, D);
        vector_axpy(rest.z + i * D, ((real)i + 0.5f) / PARTS, added, D);
    }
    rest_forward(&rest);
    rest_gradient(&rest, g, line->axes);
    free(rest.block);
    for (size_t head = 0; head < view.H; head++) {
        for (size_t k = 0; k < view.K; k++) {
            push[k] = 0;
            for (size_t d = 0; d < D; d++) push[k] += g[d] * (double)view.out_weight[d * D + head * view.K + k];
        }
        double offset = 0;
        for (size_t k = 0; k < view.K; k++) offset += push[k] * usual[head * view.K + k];
        for (size_t s = 0; s < S; s++) {
            const double p = (double)view.p[(head * view.Tq + row) * S + s] / (double)rows;
            step->weights[head * S + s] += p;
            step->moves[head * S + s] +=
                p * (along(push, view.in.v + s * view.in.kv_stride + head * view.K, view.K) - offset);
        }
    }
    free(added);
    free(g);
}

/* Where the mean of the word's rows of x is at a layer. */
static double place_of(const Line *line, const real *x, size_t first, size_t count, size_t layer) {
    double *mean = memory_new(line->D, sizeof *mean), xy[2];
    for (size_t row = first; row < first + count; row++)
        for (size_t k = 0; k < line->D; k++) mean[k] += (double)x[row * line->D + k] / (double)count;
    line_point(xy, line, mean, layer);
    free(mean);
    return xy[0];
}

Pulls pulls_make(const Observation *o, const Line *line, const double *usual, const double *start, size_t first,
                 size_t count) {
    const size_t n = line->layers - 1, H = o->file->params.hyper.heads, S = o->S;
    Pulls pulls = {n, H, S, .steps = memory_new(n, sizeof *pulls.steps)};
    double *numbers = memory_new(n, 2 * H * S * sizeof *numbers);
    for (size_t l = 0; l < n; l++) {
        const EncoderLayerTape *tape = &o->model.encoder.layers[l];
        PullStep *step = &pulls.steps[l];
        step->weights = numbers + 2 * l * H * S, step->moves = step->weights + H * S;
        for (size_t row = first; row < first + count; row++) add_row(step, o, line, l, row, count, usual + l * line->D);
        const double enters = place_of(line, tape->self.sublayer.x, first, count, l) - (l == 0 ? line->place : 0);
        double before[2] = {enters, 0};
        if (l == 0) line_point(before, line, start, 0);
        step->before = before[0];
        step->place = fabs(enters - before[0]) < 1e-6 ? 0 : enters - before[0]; /* rounding */
        step->after = place_of(line, tape->feedforward.sublayer.out, first, count, l + 1);
        step->alone = step->after - enters;
        for (size_t i = 0; i < H * S; i++) step->alone -= step->moves[i];
    }
    return pulls;
}

void pulls_free(Pulls *pulls) {
    if (pulls->steps) free(pulls->steps[0].weights);
    free(pulls->steps);
    *pulls = (Pulls){0};
}

static void write_row(Json *j, const char *key, const double *x, size_t n) {
    json_write(json_key(j, key), "[");
    for (size_t i = 0; i < n; i++) json_write(j, "%f", x[i]);
    json_write(j, "]");
}

void inspect_write_pulls(Json *j, const Meaning *c) {
    if (c->pulls.layers == 0) {
        json_write(j, "pulls: null");
        return;
    }
    const Pulls *pulls = &c->pulls;
    json_write(j, "pulls: {word: %zu, count: %zu, axis: [%s, %s], layers: [", c->probes[0].first, c->probes[0].count,
               c->references.groups[0]->name, c->references.groups[1]->name);
    double *total = memory_new(pulls->S, sizeof *total);
    for (size_t l = 0; l < pulls->layers; l++) {
        const PullStep *step = &pulls->steps[l];
        json_write(j, "{layer: %zu, heads: [", l);
        for (size_t s = 0; s < pulls->S; s++) total[s] = 0;
        for (size_t h = 0; h < pulls->H; h++) {
            json_write(j, "{head: %zu", h);
            write_row(j, "weights", step->weights + h * pulls->S, pulls->S);
            write_row(j, "moves", step->moves + h * pulls->S, pulls->S);
            json_write(j, "}");
            for (size_t s = 0; s < pulls->S; s++) total[s] += step->moves[h * pulls->S + s];
        }
        json_write(j, "]");
        write_row(j, "total", total, pulls->S);
        json_write(j, "place: %g, alone: %g, position_before: %g, position_after: %g}", step->place, step->alone,
                   step->before, step->after);
    }
    json_write(j, "]}");
    free(total);
}
