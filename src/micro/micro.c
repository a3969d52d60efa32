/* The transformer of "Attention is all you need" (Vaswani et al. 2017) in one file of plain C. It learns from the
 * English-French pairs in data/tiny/train.tsv for two minutes, on one core, and then translates its arguments:
 *
 *     $ build/micro "the cat sat" "the banana that the boy took is small"
 *     le chat s'est assis
 *     la banane que le garçon a prise est petite
 *
 * Read it from top to bottom: 1. numbers and their gradients, 2. layers, 3. the model, 4. learning, 5. words, 6. the
 * program. "Section" is a section of the paper. The model is the paper's, except that layer norm comes before each
 * block, not after it ("pre-norm", as in most models since), and that there is no dropout. The rest of src/ is the same
 * algorithm, fast and for larger texts; tests/test_micro.c compares the numbers of both.
 *
 * One letter is one size. Matrices are row-major: element d of row n of an (N, D) matrix is x[n * D + d].
 *
 *     N   rows of a matrix, one for each word of a sentence     D   width of the model: the numbers of a word
 *     S   words of the source sentence (English)                H   heads of an attention
 *     T   words of the target sentence (French)                 K   width of a head, D / H
 *     V   words of the vocabulary, both languages together      F   width inside a feed-forward block
 *     P   most words of a sentence, <s> and </s> included       L   layers of the encoder, and of the decoder */
#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { D = 64, H = 4, K = D / H, F = 256, L = 2, P = 64 };
enum { STEPS = 2000, BATCH = 32 };                             /* training steps; sentence pairs in each */
static const double RATE = 0.003, WARMUP = 400;                /* highest learning rate; the step that has it */
static const double BETA1 = 0.9, BETA2 = 0.98, EPSILON = 1e-9; /* Adam's constants (section 5.3) */
static const double SMOOTHING = 0.1;                           /* of the loss (section 5.4) */

#ifdef MICRO_DOUBLE
typedef double real; /* for an exact test */
#else
typedef float real;
#endif

static void fail(const char *message, const char *what) {
    fprintf(stderr, "micro: %s: %s\n", what, message);
    exit(1);
}

/* ==== 1. Numbers and their gradients ================================================================================
 *
 * The model computes one number, the loss, which says how wrong it is. Training asks of every number x on the way
 * there: how much does the loss grow when x grows a little? That is its gradient, dx = d loss / d x.
 *
 * A layer is a pair of functions. Forward computes x of its output from x of its inputs. Backward applies the chain
 * rule: from dx of its output it computes dx of its inputs and parameters. It *adds* them, because a matrix that is
 * read in several places gets a share of its gradient from each. The backward functions run in the opposite order, so
 * that a matrix has all its shares when the layer that made it takes its turn. */

typedef struct Matrix {
    int rows, cols;
    real *x, *dx; /* (rows, cols) */
} Matrix;

/* Room for what the model learns, and for what its layers compute, which is used again for each sentence. */
enum { ROOM = 1 << 21 };
static struct Memory {
    real x[ROOM], dx[ROOM];
    int used;
} parameters, activations;

/* A matrix full of zeros. */
static Matrix matrix(struct Memory *memory, int rows, int cols) {
    const int first = memory->used, count = rows * cols;
    if (count > ROOM - first) fail("too small for this model", "ROOM");
    memory->used += count;
    memset(&memory->x[first], 0, count * sizeof(real));
    memset(&memory->dx[first], 0, count * sizeof(real));
    return (Matrix){rows, cols, &memory->x[first], &memory->dx[first]};
}

/* A matrix of parameters: random numbers between -spread and spread to begin with. */
static Matrix parameter(int rows, int cols, double spread) {
    const Matrix m = matrix(&parameters, rows, cols);
    for (int i = 0; i < rows * cols; i++) m.x[i] = spread * (2.0 * rand() / RAND_MAX - 1);
    return m;
}

/* Two loops do nearly all of the work. This one returns the sum over i of a[i] b[i], for n a multiple of 8. It makes
 * eight sums side by side, so that the compiler can use vector instructions. */
static real dot(const real *a, const real *b, int n) {
    real sum[8] = {0};
    for (int i = 0; i < n; i += 8)
        for (int j = 0; j < 8; j++) sum[j] += a[i + j] * b[i + j];
    return ((sum[0] + sum[4]) + (sum[1] + sum[5])) + ((sum[2] + sum[6]) + (sum[3] + sum[7]));
}

/* And this one computes y += scale x. */
static void add_scaled(real *restrict y, real scale, const real *restrict x, int n) {
    for (int i = 0; i < n; i++) y[i] += scale * x[i];
}

/* ==== 2. Layers =====================================================================================================
 *
 * In a backward function, a comment quotes the line of forward that is differentiated next. "by in" marks the line that
 * computes its derivative with respect to in. */

/* ---- Residual connection (section 3.1) ----
 *
 *     out = in + change                        in, change, out (N, D) */
static Matrix residual_forward(Matrix in, Matrix change) {
    const Matrix out = matrix(&activations, in.rows, in.cols);
    for (int i = 0; i < in.rows * in.cols; i++) out.x[i] = in.x[i] + change.x[i];
    return out;
}

static void residual_backward(Matrix out, Matrix in, Matrix change) {
    for (int i = 0; i < in.rows * in.cols; i++) { /* out = in + change */
        in.dx[i] += out.dx[i];                    /* by in */
        change.dx[i] += out.dx[i];                /* by change */
    }
}

/* ---- ReLU ----
 *
 *     out = max(0, in)                         in, out (N, F) */
static Matrix relu_forward(Matrix in) {
    const Matrix out = matrix(&activations, in.rows, in.cols);
    for (int i = 0; i < in.rows * in.cols; i++) out.x[i] = in.x[i] > 0 ? in.x[i] : 0;
    return out;
}

static void relu_backward(Matrix out, Matrix in) {
    for (int i = 0; i < in.rows * in.cols; i++) /* out = max(0, in) */
        if (in.x[i] > 0) in.dx[i] += out.dx[i]; /* by in */
}

/* ---- Linear layer ----
 *
 *     out = in W^T + b                         in (N, I)   W (O, I)   b (1, O), or none   out (N, O)
 *
 * A layer with parameters is a struct: the parameters come first, and then what forward keeps for backward. */
typedef struct Linear {
    Matrix W, b, in, out;
} Linear;

/* With the spread of Glorot and Bengio (2010), numbers and gradients have about the same size in all layers. */
static Linear linear_new(int I, int O) {
    const Matrix W = parameter(O, I, sqrt(6.0 / (I + O)));
    return (Linear){.W = W, .b = parameter(1, O, 0)};
}

static Matrix linear_forward(Linear *l, Matrix in) {
    const int N = in.rows, I = l->W.cols, O = l->W.rows;
    l->in = in;
    l->out = matrix(&activations, N, O);
    for (int o = 0; o < O; o++)
        for (int n = 0; n < N; n++)
            l->out.x[n * O + o] = dot(&in.x[n * I], &l->W.x[o * I], I) + (l->b.x ? l->b.x[o] : 0);
    return l->out;
}

static void linear_backward(const Linear *l) {
    const int N = l->in.rows, I = l->W.cols, O = l->W.rows;
    for (int o = 0; o < O; o++)
        for (int n = 0; n < N; n++) { /* out[n][o] = in[n] W[o] + b[o] */
            const real dout = l->out.dx[n * O + o];
            add_scaled(&l->in.dx[n * I], dout, &l->W.x[o * I], I); /* by in[n] */
            add_scaled(&l->W.dx[o * I], dout, &l->in.x[n * I], I); /* by W[o] */
            if (l->b.x) l->b.dx[o] += dout;                        /* by b[o] */
        }
}

/* ---- Embedding (sections 3.4 and 3.5) ----
 *
 *     out[n] = table[word[n]] sqrt(D) + position[n]
 *     position[n][2i] = sin(n / 10000^(2i/D))     position[n][2i + 1] = cos(n / 10000^(2i/D))
 *
 * table (V, D)   word (N)   position (P, D)   out (N, D) */
typedef struct Embedding {
    Matrix table, out;
    const int *word;
} Embedding;

static real position[P * D];

static void position_fill(void) {
    for (int n = 0; n < P; n++)
        for (int i = 0; i < D; i += 2) {
            const double angle = n / pow(10000, (double)i / D);
            position[n * D + i] = sin(angle);
            position[n * D + i + 1] = cos(angle);
        }
}

static Matrix embedding_forward(Embedding *e, const int *word, int N) {
    e->word = word;
    e->out = matrix(&activations, N, D);
    for (int n = 0; n < N; n++) {
        add_scaled(&e->out.x[n * D], sqrt(D), &e->table.x[word[n] * D], D);
        add_scaled(&e->out.x[n * D], 1, &position[n * D], D);
    }
    return e->out;
}

static void embedding_backward(const Embedding *e) {
    for (int n = 0; n < e->out.rows; n++)
        add_scaled(&e->table.dx[e->word[n] * D], sqrt(D), &e->out.dx[n * D], D); /* out[n] += table[word[n]] sqrt(D) */
}

/* ---- Layer norm (Ba, Kiros, Hinton 2016) ----
 *
 *     rstd = 1 / sqrt(variance + 1e-5)     y = (in - mean) rstd     out = y weight + bias
 *
 * with the mean and the variance of each row.     in, y, out (N, D)   rstd (N, 1)   weight, bias (1, D) */
typedef struct Norm {
    Matrix weight, bias, in, rstd, y, out;
} Norm;

static Norm norm_new(void) {
    Norm norm = {.weight = parameter(1, D, 0), .bias = parameter(1, D, 0)};
    for (int d = 0; d < D; d++) norm.weight.x[d] = 1;
    return norm;
}

static Matrix norm_forward(Norm *l, Matrix in) {
    const int N = in.rows;
    l->in = in;
    l->rstd = matrix(&activations, N, 1), l->y = matrix(&activations, N, D), l->out = matrix(&activations, N, D);
    for (int n = 0; n < N; n++) {
        const real *x = &in.x[n * D];
        real *y = &l->y.x[n * D], *out = &l->out.x[n * D];
        real mean = 0, variance = 0;
        for (int d = 0; d < D; d++) mean += x[d] / D;
        for (int d = 0; d < D; d++) variance += (x[d] - mean) * (x[d] - mean) / D;
        l->rstd.x[n] = 1 / sqrt(variance + 1e-5);
        for (int d = 0; d < D; d++) y[d] = (x[d] - mean) * l->rstd.x[n];
        for (int d = 0; d < D; d++) out[d] = y[d] * l->weight.x[d] + l->bias.x[d];
    }
    return l->out;
}

/* in changes y in three ways: directly, through the mean and through rstd. The sum of the three derivatives is
 *     din = rstd (dy - mean(dy) - y mean(dy y)) */
static void norm_backward(const Norm *l) {
    for (int n = 0; n < l->in.rows; n++) {
        const real *y = &l->y.x[n * D], *dout = &l->out.dx[n * D];
        real *dy = &l->y.dx[n * D], *din = &l->in.dx[n * D];
        real mean_dy = 0, mean_dy_y = 0;
        for (int d = 0; d < D; d++) {          /* out = y weight + bias */
            l->weight.dx[d] += dout[d] * y[d]; /* by weight */
            l->bias.dx[d] += dout[d];          /* by bias */
            dy[d] += dout[d] * l->weight.x[d]; /* by y */
        }
        for (int d = 0; d < D; d++) mean_dy += dy[d] / D, mean_dy_y += dy[d] * y[d] / D;
        for (int d = 0; d < D; d++)
            din[d] += l->rstd.x[n] * (dy[d] - mean_dy - y[d] * mean_dy_y); /* y = (in - mean) rstd */
    }
}

/* ---- Softmax ----
 *
 *     p[j] = exp(z[j]) / sum over k of exp(z[k])
 *
 * makes probabilities of any n numbers. Subtracting the largest from all of them does not change p, and keeps exp from
 * overflowing. Returns log_sum, the logarithm of the sum: log p[j] = z[j] - log_sum. */
static real softmax_forward(real *p, const real *z, int n) {
    real max = z[0], sum = 0;
    for (int j = 1; j < n; j++) max = z[j] > max ? z[j] : max;
    for (int j = 0; j < n; j++) sum += p[j] = exp(z[j] - max);
    for (int j = 0; j < n; j++) p[j] /= sum;
    return max + log(sum);
}

/* z[j] changes every p[k]: d p[k] / d z[j] = p[k] ([k = j] - p[j]), where [k = j] is 1 if k = j, and else 0. */
static void softmax_backward(real *dz, const real *dp, const real *p, int n) {
    real p_dp = 0;
    for (int j = 0; j < n; j++) p_dp += p[j] * dp[j];
    for (int j = 0; j < n; j++) dz[j] += p[j] * (dp[j] - p_dp); /* p = softmax(z) */
}

/* ---- Scaled dot-product attention (section 3.2.1) ----
 *
 *     score[i][j] = q[i] k[j] / sqrt(K)     prob[i] = softmax(score[i])     out[i] = sum over j of prob[i][j] v[j]
 *
 * Word i asks a question, q[i]. The better the key k[j] fits it, the more of v[j] is in the answer, out[i]. Each of the
 * H heads does this on its own K columns of q, k, v and out. causal: word i sees only the words j <= i, so that the
 * decoder does not see what it has to guess.     q, out (T, D)   k, v (S, D)   score, prob (H * T, S) */
typedef struct Attention {
    Matrix q, k, v, score, prob, out;
    bool causal;
} Attention;

static Matrix attention_forward(Attention *a, Matrix q, Matrix k, Matrix v, bool causal) {
    const int T = q.rows, S = k.rows;
    a->q = q, a->k = k, a->v = v, a->causal = causal;
    a->score = matrix(&activations, H * T, S), a->prob = matrix(&activations, H * T, S);
    a->out = matrix(&activations, T, D);
    for (int h = 0; h < H; h++)
        for (int i = 0; i < T; i++) {
            const int seen = causal ? i + 1 : S, at_i = i * D + h * K; /* where row i has head h's columns */
            real *score = &a->score.x[(h * T + i) * S], *prob = &a->prob.x[(h * T + i) * S];
            for (int j = 0; j < seen; j++) score[j] = dot(&q.x[at_i], &k.x[j * D + h * K], K) / sqrt(K);
            softmax_forward(prob, score, seen);
            for (int j = 0; j < seen; j++) add_scaled(&a->out.x[at_i], prob[j], &v.x[j * D + h * K], K);
        }
    return a->out;
}

static void attention_backward(const Attention *a) {
    const Matrix q = a->q, k = a->k, v = a->v, out = a->out;
    const int T = q.rows, S = k.rows;
    for (int h = 0; h < H; h++)
        for (int i = 0; i < T; i++) {
            const int seen = a->causal ? i + 1 : S, at_i = i * D + h * K;
            const real *prob = &a->prob.x[(h * T + i) * S];
            real *dscore = &a->score.dx[(h * T + i) * S], *dprob = &a->prob.dx[(h * T + i) * S];
            for (int j = 0, at_j = h * K; j < seen; j++, at_j += D) { /* out[i] += prob[j] v[j] */
                dprob[j] += dot(&out.dx[at_i], &v.x[at_j], K);        /* by prob[j] */
                add_scaled(&v.dx[at_j], prob[j], &out.dx[at_i], K);   /* by v[j] */
            }
            softmax_backward(dscore, dprob, prob, seen);                     /* prob = softmax(score) */
            for (int j = 0, at_j = h * K; j < seen; j++, at_j += D) {        /* score[j] = q[i] k[j] / sqrt(K) */
                add_scaled(&q.dx[at_i], dscore[j] / sqrt(K), &k.x[at_j], K); /* by q[i] */
                add_scaled(&k.dx[at_j], dscore[j] / sqrt(K), &q.x[at_i], K); /* by k[j] */
            }
        }
}

/* ---- Loss: cross-entropy with label smoothing (section 5.4) ----
 *
 *     p = softmax(logit)     wanted[j] = (1 - e) [j = word] + e / V     loss = sum over j of -wanted[j] log p[j]
 *
 * Each row of p is the model's guess of one word. A share e of what is wanted goes to all words alike, which keeps the
 * model from being too sure, and the loss above 0. Returns the sum over all rows. The gradient is so simple that it is
 * computed at once: log p[j] = logit[j] - log_sum, and d log_sum / d logit[j] = p[j], and the wanted[j] sum to 1, so it
 * is p - wanted.     logit (T, V)   word (T)   e = SMOOTHING */
static double loss_forward_backward(Matrix logit, const int *word) {
    const int V = logit.cols;
    double loss = 0;
    for (int n = 0; n < logit.rows; n++) {
        real *z = &logit.x[n * V], *dz = &logit.dx[n * V];
        const real log_sum = softmax_forward(dz, z, V); /* dz = p */
        for (int j = 0; j < V; j++) {
            const double wanted = (j == word[n] ? 1 - SMOOTHING : 0) + SMOOTHING / V;
            loss -= wanted * (z[j] - log_sum);
            dz[j] -= wanted;
        }
    }
    return loss;
}

/* ==== 3. The model ==================================================================================================
 *
 * No arithmetic is left to do. Forward runs the layers one after another, backward runs them from last to first. */

/* ---- Multi-head attention block (section 3.2.2) ----
 *
 *     h = norm(x)     out = x + attention(h Wq^T + bq, memory Wk^T + bk, memory Wv^T + bv) Wo^T + bo
 *
 * Self-attention looks at the sentence itself: memory is NULL, and h takes its place. Cross-attention looks from the
 * decoder at the encoder's output, the memory.     x, out (T, D)   memory (S, D) */
typedef struct Multihead {
    Norm norm;
    Linear query, key, value, output;
    Attention attention;
    Matrix out;
} Multihead;

static Multihead multihead_new(void) {
    Multihead m = {.norm = norm_new()};
    m.query = linear_new(D, D), m.key = linear_new(D, D), m.value = linear_new(D, D), m.output = linear_new(D, D);
    return m;
}

static Matrix multihead_forward(Multihead *m, Matrix x, const Matrix *memory, bool causal) {
    const Matrix h = norm_forward(&m->norm, x);
    const Matrix q = linear_forward(&m->query, h);
    const Matrix k = linear_forward(&m->key, memory ? *memory : h);
    const Matrix v = linear_forward(&m->value, memory ? *memory : h);
    const Matrix a = attention_forward(&m->attention, q, k, v, causal);
    const Matrix change = linear_forward(&m->output, a);
    return m->out = residual_forward(x, change);
}

static void multihead_backward(const Multihead *m) {
    residual_backward(m->out, m->norm.in, m->output.out); /* out = x + change */
    linear_backward(&m->output);                          /* change = a Wo^T + bo */
    attention_backward(&m->attention);                    /* a = attention(q, k, v) */
    linear_backward(&m->value);                           /* v = memory Wv^T + bv */
    linear_backward(&m->key);                             /* k = memory Wk^T + bk */
    linear_backward(&m->query);                           /* q = h Wq^T + bq */
    norm_backward(&m->norm);                              /* h = norm(x) */
}

/* ---- Feed-forward block (section 3.3) ----
 *
 *     h = norm(x)     out = x + relu(h W1^T + b1) W2^T + b2          x, out (N, D)   W1 (F, D)   W2 (D, F) */
typedef struct Feedforward {
    Norm norm;
    Linear fc1, fc2;
    Matrix out;
} Feedforward;

static Feedforward feedforward_new(void) {
    Feedforward f = {.norm = norm_new()};
    f.fc1 = linear_new(D, F), f.fc2 = linear_new(F, D);
    return f;
}

static Matrix feedforward_forward(Feedforward *f, Matrix x) {
    const Matrix h = norm_forward(&f->norm, x);
    const Matrix pre = linear_forward(&f->fc1, h);
    const Matrix act = relu_forward(pre);
    const Matrix change = linear_forward(&f->fc2, act);
    return f->out = residual_forward(x, change);
}

static void feedforward_backward(const Feedforward *f) {
    residual_backward(f->out, f->norm.in, f->fc2.out); /* out = x + change */
    linear_backward(&f->fc2);                          /* change = act W2^T + b2 */
    relu_backward(f->fc2.in, f->fc1.out);              /* act = relu(pre) */
    linear_backward(&f->fc1);                          /* pre = h W1^T + b1 */
    norm_backward(&f->norm);                           /* h = norm(x) */
}

/* ---- Encoder and decoder (section 3.1) ----
 *
 * Each has L layers. A layer of the encoder is self-attention and feed-forward, a layer of the decoder is causal
 * self-attention, cross-attention and feed-forward. A norm follows the last layer, since blocks have theirs in front.
 *
 * One table of word vectors serves three times (section 3.4): to embed the source, to embed the target, and as weights
 * of the output layer. So a word's logit says how well its vector fits the decoder's. */
typedef struct Model {
    Embedding source, target;
    Multihead encoder_self[L], decoder_self[L], decoder_cross[L];
    Feedforward encoder_feedforward[L], decoder_feedforward[L];
    Norm encoder_norm, decoder_norm;
    Linear output;
} Model;

static Model model_new(int V) {
    Model m = {.encoder_norm = norm_new(), .decoder_norm = norm_new()};
    m.source.table = m.target.table = m.output.W = parameter(V, D, sqrt(3.0 / D)); /* of variance 1 / D */
    for (int l = 0; l < L; l++) {
        m.encoder_self[l] = multihead_new(), m.encoder_feedforward[l] = feedforward_new();
        m.decoder_self[l] = multihead_new(), m.decoder_cross[l] = multihead_new();
        m.decoder_feedforward[l] = feedforward_new();
    }
    position_fill();
    return m;
}

/* source: the numbers of S words. Returns the memory (S, D). */
static Matrix encoder_forward(Model *m, const int *source, int S) {
    Matrix x = embedding_forward(&m->source, source, S);
    for (int l = 0; l < L; l++) {
        x = multihead_forward(&m->encoder_self[l], x, NULL, false);
        x = feedforward_forward(&m->encoder_feedforward[l], x);
    }
    return norm_forward(&m->encoder_norm, x);
}

static void encoder_backward(const Model *m) {
    norm_backward(&m->encoder_norm); /* memory = norm(x) */
    for (int l = L - 1; l >= 0; l--) {
        feedforward_backward(&m->encoder_feedforward[l]);
        multihead_backward(&m->encoder_self[l]);
    }
    embedding_backward(&m->source); /* x = embedding(source) */
}

/* target: the numbers of T words. Returns the logits (T, V): row n rates every word as the one that follows word n. */
static Matrix decoder_forward(Model *m, const int *target, int T, Matrix memory) {
    Matrix x = embedding_forward(&m->target, target, T);
    for (int l = 0; l < L; l++) {
        x = multihead_forward(&m->decoder_self[l], x, NULL, true);
        x = multihead_forward(&m->decoder_cross[l], x, &memory, false);
        x = feedforward_forward(&m->decoder_feedforward[l], x);
    }
    x = norm_forward(&m->decoder_norm, x);
    return linear_forward(&m->output, x);
}

static void decoder_backward(const Model *m) {
    linear_backward(&m->output);     /* logit = x table^T */
    norm_backward(&m->decoder_norm); /* x = norm(x) */
    for (int l = L - 1; l >= 0; l--) {
        feedforward_backward(&m->decoder_feedforward[l]);
        multihead_backward(&m->decoder_cross[l]);
        multihead_backward(&m->decoder_self[l]);
    }
    embedding_backward(&m->target); /* x = embedding(target) */
}

/* ==== 4. Learning ================================================================================================= */

/* A sentence: the numbers of <s>, of its words and of </s>. */
typedef struct Sentence {
    int length, word[P];
} Sentence;

/* Adds the gradients of one pair of sentences, and returns its loss. The encoder reads x1 ... xm </s>. The decoder
 * reads <s> y1 y2 ... yn and learns to say after each word which one follows: y1 y2 ... yn </s>. */
static double learn(Model *m, const Sentence *source, const Sentence *target) {
    activations.used = 0;
    const Matrix memory = encoder_forward(m, source->word + 1, source->length - 1);
    const Matrix logit = decoder_forward(m, target->word, target->length - 1, memory);
    const double loss = loss_forward_backward(logit, target->word + 1);
    decoder_backward(m);
    encoder_backward(m);
    return loss;
}

/* Adam (Kingma, Ba 2015) moves each parameter w against its gradient g:
 *
 *     m = BETA1 m + (1 - BETA1) g       a running mean of g
 *     v = BETA2 v + (1 - BETA2) g^2     a running mean of its square
 *     w = w - rate (m / (1 - BETA1^step)) / (sqrt(v / (1 - BETA2^step)) + EPSILON)
 *
 * g is the gradient times `scale`. While g keeps its sign, w moves by about `rate`, however small g is. The divisors
 * make up for m and v starting at 0. */
static void adam(int step, double rate, double scale) {
    static real m[ROOM], v[ROOM];
    const double correct1 = 1 / (1 - pow(BETA1, step)), correct2 = 1 / (1 - pow(BETA2, step));
    for (int i = 0; i < parameters.used; i++) {
        const real g = parameters.dx[i] * scale;
        m[i] = BETA1 * m[i] + (1 - BETA1) * g;
        v[i] = BETA2 * v[i] + (1 - BETA2) * g * g;
        parameters.x[i] -= rate * (m[i] * correct1) / (sqrt(v[i] * correct2) + EPSILON);
        parameters.dx[i] = 0;
    }
}

/* ==== 5. Words ======================================================================================================
 *
 * The vocabulary has every word of the training text. A word's number is its place there. */

enum { BEGIN, END, WORDS = 4096, LETTERS = 32, PAIRS = 20000 };
static char vocabulary[WORDS][LETTERS] = {"<s>", "</s>"};
static int vocabulary_size = 2; /* V */

/* Cuts a text into words, in lower case. A punctuation mark is a word, and an apostrophe ends one: "le chat s'est
 * assis" is le, chat, s', est, assis. In training, new words join the vocabulary; later they are left out. */
static Sentence sentence_read(const char *text, bool training) {
    Sentence s = {1, {BEGIN}};
    while (*(text += strspn(text, " \r\n"))) {
        size_t length = strcspn(text, " \r\n,.;:?!'");
        if (length == 0 || text[length] == '\'') length++;
        char word[LETTERS];
        snprintf(word, LETTERS, "%.*s", (int)length, text);
        for (char *c = word; *c; c++) *c = tolower((unsigned char)*c);
        text += length;
        int w = 0;
        while (w < vocabulary_size && strcmp(vocabulary[w], word) != 0) w++;
        if (w == vocabulary_size && !training) {
            fprintf(stderr, "micro: %s: left out, because the training text does not have it\n", word);
            continue;
        }
        if (w == WORDS || s.length == P - 1) fail("is one word too many", word);
        if (w == vocabulary_size) strcpy(vocabulary[vocabulary_size++], word);
        s.word[s.length++] = w;
    }
    s.word[s.length++] = END;
    return s;
}

/* The words with spaces between them, except after an apostrophe and before a comma or a full stop. */
static void sentence_write(char text[P * LETTERS], const Sentence *s) {
    *text = 0;
    for (int i = 1; i < s->length && s->word[i] != END; i++) {
        const char *word = vocabulary[s->word[i]];
        const size_t length = strlen(text);
        if (length > 0 && text[length - 1] != '\'' && *word != ',' && *word != '.') strcat(text, " ");
        strcat(text, word);
    }
}

/* ==== 6. The program ============================================================================================== */

typedef struct Pair {
    Sentence source, target;
} Pair;

/* Reads a file with lines of source, tab, target. Returns the number of lines. */
static int pairs_read(Pair *pair, const char *path, bool training) {
    char line[4096];
    int count = 0;
    FILE *file = fopen(path, "r");
    if (!file) fail("cannot be opened from this folder", path);
    for (; fgets(line, sizeof line, file); count++) {
        char *tab = strchr(line, '\t');
        if (!tab || count == PAIRS) fail("has no tab, or is one line too many", line);
        *tab = 0;
        pair[count].source = sentence_read(line, training);
        pair[count].target = sentence_read(tab + 1, training);
    }
    fclose(file);
    return count;
}

/* The gradients of a batch are divided by its words. The learning rate rises until step WARMUP and then falls to 0. */
static void train(Model *m, const Pair *pair, int pairs) {
    for (int step = 1; step <= STEPS; step++) {
        double loss = 0, words = 0;
        for (int b = 0; b < BATCH; b++) {
            const Pair *p = &pair[rand() % pairs];
            loss += learn(m, &p->source, &p->target);
            words += p->target.length - 1;
        }
        adam(step, RATE * fmin(step / WARMUP, (STEPS - step) / (STEPS - WARMUP)), 1 / words);
        if (step % 100 == 0)
            fprintf(stderr, "step %4d: loss %.3f, %3.0f seconds\n", step, loss / words, 1.0 * clock() / CLOCKS_PER_SEC);
    }
}

/* Takes the most likely next word again and again, until it is </s>. */
static Sentence translate(Model *m, const Sentence *source) {
    Sentence target = {1, {BEGIN}};
    activations.used = 0;
    const Matrix memory = encoder_forward(m, source->word + 1, source->length - 1);
    const int used = activations.used;
    while (target.length < P && target.word[target.length - 1] != END) {
        activations.used = used;
        const Matrix logit = decoder_forward(m, target.word, target.length, memory);
        const real *z = &logit.x[(target.length - 1) * logit.cols];
        int best = 0;
        for (int j = 1; j < logit.cols; j++) best = z[j] > z[best] ? j : best;
        target.word[target.length++] = best;
    }
    return target;
}

int main(int count, char **argument) {
    static Pair pair[PAIRS];
    int right = 0;
    const int pairs = pairs_read(pair, "data/tiny/train.tsv", true);
    Model m = model_new(vocabulary_size);
    fprintf(stderr, "%d pairs, %d words, %d parameters\n", pairs, vocabulary_size, parameters.used);
    train(&m, pair, pairs);
    const int tests = pairs_read(pair, "data/tiny/test.tsv", false);
    for (int i = 0; i < tests; i++) {
        const Sentence found = translate(&m, &pair[i].source), *wanted = &pair[i].target;
        right += found.length == wanted->length && !memcmp(found.word, wanted->word, found.length * sizeof(int));
    }
    fprintf(stderr, "%d of %d test sentences translated exactly\n", right, tests);
    for (int i = 1; i < count || i == 1; i++) {
        const Sentence source = sentence_read(i < count ? argument[i] : "the cat sat", false);
        const Sentence target = translate(&m, &source);
        char text[P * LETTERS];
        sentence_write(text, &target);
        puts(text);
    }
    return 0;
}
