#include "model/blocks.h"

#include "math/vector.h"
#include "nn/embedding.h"

_Static_assert((int)HYPER_MAX_WIDTH <= (int)STORED_FILL_WIDTH, "layer norm and dropout fill whole rows (stored_fill)");

/* ---- embedding --------------------------------------------------------------------------------------------------- */

static size_t table_of(const Pass *pass, StackName stack) {
    return stack == STACK_ENCODER ? pass->params->encoder_embedding : pass->params->decoder_embedding;
}

void block_embedding_forward(const Pass *pass, StackName stack, real *out, Packed tokens) {
    const size_t N = tokens.start[tokens.B], D = pass->params->hyper.width;
    Pool *pool = pass->net.compute.pool;
    embedding_forward(pool, out, tokens.token, tokens.start, pass->net.w + table_of(pass, stack),
                      pass_positions(pass, stack), tokens.B, D);
    dropout_forward(pool, out, out, pass_dropout(pass, stack, 0, PLACE_EMBEDDING), N * D);
}

void block_embedding_backward(const Pass *pass, StackName stack, real *d, Packed tokens) {
    const size_t N = tokens.start[tokens.B], D = pass->params->hyper.width;
    Pool *pool = pass->net.compute.pool;
    dropout_forward(pool, d, d, pass_dropout(pass, stack, 0, PLACE_EMBEDDING), N * D);
    embedding_backward(pool, pass->net.dw + table_of(pass, stack), pass_dpositions(pass, stack), d, tokens.token,
                       tokens.start, tokens.B, D);
}

/* ---- attention --------------------------------------------------------------------------------------------------- */

AttentionBlock block_attention(const Pass *pass, AttentionKind kind, size_t layer, AttentionShape shape, Stored memory,
                               size_t M) {
    const Parameters *params = pass->params;
    const bool cross = kind == ATTENTION_CROSS;
    const StackName stack = kind == ATTENTION_ENCODER ? STACK_ENCODER : STACK_DECODER;
    const Knockout *knockout = pass->knockout;
    if (pass->shown[kind]) shape.shown = pass->shown[kind] + layer * shape.B;
    if (knockout) {
        shape.unscaled = knockout->root, shape.muted = knockout_muted(knockout, kind, layer);
        if (kind == ATTENTION_DECODER && knockout->mask) shape.causal = false;
    }
    return (AttentionBlock){
        .sublayer = {.N = shape.query_start[shape.B],
                     .D = params->hyper.width,
                     .place = params->hyper.norm,
                     .norm = stack == STACK_ENCODER ? params->encoder[layer].self_attention_norm
                             : cross                ? params->decoder[layer].cross_attention_norm
                                                    : params->decoder[layer].self_attention_norm,
                     .dropout = pass_dropout(pass, stack, layer, cross ? PLACE_CROSS_RESIDUAL : PLACE_SELF_RESIDUAL),
                     .silent = knockout && knockout->attention},
        .attention = {.params = stack == STACK_ENCODER ? params->encoder[layer].self_attention
                                : cross                ? params->decoder[layer].cross_attention
                                                       : params->decoder[layer].self_attention,
                      .shape = shape,
                      .dropout = pass_dropout(pass, stack, layer, cross ? PLACE_CROSS_WEIGHTS : PLACE_SELF_WEIGHTS),
                      .memory = memory,
                      .Nk = M},
    };
}

AttentionBlock block_attention_packed(const Pass *pass, AttentionKind kind, size_t layer, Packed queries, Packed keys,
                                      Stored memory) {
    const Hyper *h = &pass->params->hyper;
    const AttentionShape shape = {queries.B,      h->heads,     h->width / h->heads,       queries.start, keys.start,
                                  keys.start + 1, keys.longest, kind == ATTENTION_DECODER, .shown = NULL};
    return block_attention(pass, kind, layer, shape, memory, memory.data ? keys.start[keys.B] : 0);
}

const real *block_attention_forward(const Net *net, AttentionBlockTape *tape, const real *x, const AttentionBlock *b) {
    const Stored h = sublayer_input(net, &tape->sublayer, x, &b->sublayer);
    multihead_forward(net, &tape->attention, tape->sublayer.sum, h, &b->attention, sublayer_sum(&tape->sublayer));
    return sublayer_output(net, &tape->sublayer, &b->sublayer);
}

/* The ten steps of a layer's backward pass, from its last line of forward to its first. d is the gradient of the
 * residual stream throughout; f is attention here, and feed-forward in block_feedforward_backward.
 *
 *     forward                     backward
 *     ---------------------------------------------------------------------------------------------
 *      out = norm(sum)             1  d: of out -> of sum                        post-norm only
 *      sum = x + dropout(y)        2  dy = d with y's elements dropped; d stays as x's direct share
 *      h = norm(x), or x           3  h computed again: it was not kept
 *      y = att Wo^T + bo           4  dWo, dbo += ...     datt = dy Wo
 *      att = weight v              5  dv = weight^T datt     dweight = datt v^T  }
 *      weight = dropout(prob)      6  dprob = dropout(dweight)                   }  for each sentence and head
 *      prob = softmax(score)       7  dscore = prob (dprob - sum(prob dprob))    }
 *      score = q k^T / sqrt(K)     8  dq = dscore k / sqrt(K)     dk = dscore^T q / sqrt(K)
 *      q, k, v = h W^T + b         9  dW, db += ...     dh = dq Wq + dk Wk + dv Wv
 *      h = norm(x), or x          10  d += dh through the norm, or as it is */
void block_attention_backward(const Net *net, real *d, real *dmemory, const AttentionBlockTape *tape,
                              const AttentionBlock *b) {
    const size_t N = b->sublayer.N, D = b->sublayer.D;
    const uint64_t mark = arena_mark(net->arena);
    const Stored normed = sublayer_room(net, &tape->sublayer, &b->sublayer), dy = net_stored(net, N, D);
    real *dh = net_reals(net, N * D);
    sublayer_output_backward_in_place(net, d, dy, &tape->sublayer, &b->sublayer);      /* 1, 2 */
    const Stored h = sublayer_input_again(net, &tape->sublayer, normed, &b->sublayer); /* 3 */
    multihead_backward(net, dh, dmemory, dy, h, &tape->attention, &b->attention);      /* 4 .. 9 */
    sublayer_input_backward_add(net, d, dh, &tape->sublayer, &b->sublayer);            /* 10 */
    arena_release(net->arena, mark);
}

/* ---- feed-forward ------------------------------------------------------------------------------------------------ */

FeedforwardBlock block_feedforward(const Pass *pass, StackName stack, size_t layer, size_t N) {
    const Parameters *params = pass->params;
    const Hyper *h = &params->hyper;
    const bool encoder = stack == STACK_ENCODER;
    return (FeedforwardBlock){
        .sublayer = {.N = N,
                     .D = h->width,
                     .place = h->norm,
                     .norm = encoder ? params->encoder[layer].final_norm : params->decoder[layer].final_norm,
                     .dropout = pass_dropout(pass, stack, layer, PLACE_FEEDFORWARD_RESIDUAL),
                     .silent = pass->knockout && pass->knockout->feedforward},
        .feedforward = {.params = encoder ? params->encoder[layer].feedforward : params->decoder[layer].feedforward,
                        .N = N,
                        .D = h->width,
                        .F = h->feedforward,
                        .activation = h->activation,
                        .dropout = pass_dropout(pass, stack, layer, PLACE_ACTIVATION)},
    };
}

const real *block_feedforward_forward(const Net *net, FeedforwardBlockTape *tape, const real *x,
                                      const FeedforwardBlock *b) {
    const Stored h = sublayer_input(net, &tape->sublayer, x, &b->sublayer);
    tape->pre = feedforward_forward(net, tape->sublayer.sum, h, &b->feedforward, sublayer_sum(&tape->sublayer));
    return sublayer_output(net, &tape->sublayer, &b->sublayer);
}

void block_feedforward_backward(const Net *net, real *d, const FeedforwardBlockTape *tape, const FeedforwardBlock *b) {
    const size_t N = b->sublayer.N, D = b->sublayer.D;
    const uint64_t mark = arena_mark(net->arena);
    const Stored normed = sublayer_room(net, &tape->sublayer, &b->sublayer), dy = net_stored(net, N, D);
    real *dh = net_reals(net, N * D);
    sublayer_output_backward_in_place(net, d, dy, &tape->sublayer, &b->sublayer);
    const Stored h = sublayer_input_again(net, &tape->sublayer, normed, &b->sublayer);
    feedforward_backward(net, dh, dy, h, tape->pre, &b->feedforward);
    sublayer_input_backward_add(net, d, dh, &tape->sublayer, &b->sublayer);
    arena_release(net->arena, mark);
}

/* ---- the end of a layer and of a stack --------------------------------------------------------------------------- */

static LayernormParams final_norm(const Pass *pass, StackName stack) {
    return stack == STACK_ENCODER ? pass->params->encoder_norm : pass->params->decoder_norm;
}

Stored block_final_norm_forward(const Pass *pass, StackName stack, FinalNormTape *tape, const real *x, size_t N) {
    const Net *net = &pass->net;
    const size_t D = pass->params->hyper.width;
    const LayernormParams norm = final_norm(pass, stack);
    if (pass->params->hyper.norm == NORM_POST)
        return net->compute.precision == PRECISION_FLOAT32 ? stored_reals(x, D)
                                                           : net_rounded(net, x, net_stored(net, N, D), N);
    *tape = (FinalNormTape){x, net_reals(net, N), net_reals(net, N)};
    const Stored out = net_stored(net, N, D);
    layernorm_forward(net->compute.pool, out, tape->mean, tape->rstd, x, net->w + norm.weight, net->w + norm.bias, N,
                      D);
    return out;
}

void block_final_norm_backward(const Pass *pass, StackName stack, real *d, const FinalNormTape *tape, size_t N) {
    const Net *net = &pass->net;
    const size_t D = pass->params->hyper.width;
    const uint64_t mark = arena_mark(net->arena);
    const LayernormParams norm = final_norm(pass, stack);
    if (pass->params->hyper.norm == NORM_POST) return;
    /* forward: out = norm(x) */
    layernorm_backward_in_place(net->compute.pool, d, net_reals(net, N * D), net->dw + norm.weight, net->dw + norm.bias,
                                tape->x, net->w + norm.weight, tape->mean, tape->rstd, N, D);
    arena_release(net->arena, mark);
}

const real *block_layer_end(const Pass *pass, real *x, const real *out, size_t N, uint64_t mark) {
    if (pass->keep) return out;
    vector_copy(x, out, N * pass->params->hyper.width);
    arena_release(pass->net.arena, mark);
    return x;
}

uint64_t block_stack_bytes(const Hyper *h, Precision precision, StackName stack, uint64_t N, uint64_t M, bool keep) {
    /* Blocks of ARENA_ALIGNMENT bytes: at most 20 pushes of a layer lose less than one each to rounding, a layer's tape
     * takes 6; as many again for what is outside layers. */
    enum { ROUNDED = 28 };
    const bool decoder = stack == STACK_DECODER, post = h->norm == NORM_POST;
    const uint64_t D = h->width, H = h->heads, F = h->feedforward, real_bytes = sizeof(real);
    const uint64_t all = decoder ? h->decoder_layers : h->encoder_layers, layers = keep ? all : 1;
    const uint64_t stored_D = stored_bytes(precision, N, D), stored_F = stored_bytes(precision, N, F);
    const uint64_t stored_3D = stored_bytes(precision, N, 3 * D), stored_kv = stored_bytes(precision, M, 2 * D);
    const uint64_t sublayer = /* out, sum, mean, rstd */
        (sublayer_out_reals(precision, N, D) + (post ? N * D : 0) + 2 * N) * real_bytes;
    const uint64_t self = sublayer + stored_3D + stored_D + N * H * real_bytes; /* q k v, att, log_sum */
    const uint64_t feedforward = sublayer + stored_F;                           /* pre */
    const uint64_t cross =                                                      /* q, att, log_sum, k v */
        decoder ? sublayer + 2 * stored_D + N * H * real_bytes + stored_kv : 0;
    const uint64_t out = post && precision == PRECISION_FLOAT32 ? 0 : stored_D;
    const uint64_t ends = N * (D + 2) * real_bytes + out; /* the embedded rows; the final norm's mean, rstd, out */
    const uint64_t own = precision == PRECISION_FLOAT32 ? stored_3D + stored_kv : 0; /* dq k v, not in place */
    const uint64_t attention = stored_D + own,
                   inner = (precision == PRECISION_FLOAT32 ? 2 : 1) * stored_F; /* datt, dq k v; act, dpre */
    const uint64_t scratch = stored_D + N * D * real_bytes * (post ? 2 : 1) +   /* dy, dh; spare */
                             (attention > inner ? attention : inner);
    return layers * (self + cross + feedforward) + ends + scratch + (all + 1) * ROUNDED * ARENA_ALIGNMENT;
}
