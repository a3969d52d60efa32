/* An observation: one translation, with everything that the model computed for it kept.
 *
 * The search (decode/search.h) finds the translation, and what it considered is recorded. Then encoder and decoder run
 * once more over the whole sentences, all positions at a time, without dropout. They keep a tape for every layer and
 * the probabilities of every attention, so what is shown is what the model itself computed, bit for bit.
 *
 * S: source tokens with </s>. T: rows of the decoder. Their inputs are <s> and the tokens of the translation, shifted
 * by one: row i predicts ("says") the token that is the input of row i + 1. The last row says </s> or, where the search
 * reached its limit, the last token. D, H, K: width, heads, width of a head. V: vocabulary. */
#pragma once

#include "decode/modelfile.h"
#include "decode/search.h"
#include "model/transformer.h"
#include "text/tokenizer.h"

/* A continuation that the search considered. */
typedef struct Considered {
    int32_t token;
    ptrdiff_t parent; /* its number among those of the position before; -1 at the first */
    double log_probability;
    bool kept, best; /* best: part of the translation */
} Considered;

typedef struct Observation {
    const ModelFile *file;
    const Tokenizer *tokenizer;
    Pool *pool;
    size_t S, T;
    int32_t *source;        /* (S) */
    int32_t *target, *says; /* (T) the decoder's input, and the token after each */
    Search *search;         /* has the hypotheses */
    Considered **beam;      /* stb_ds array, one for each position, of stb_ds arrays */
    Transformer model;      /* has the tapes */
    Pass pass;
    const real *memory;  /* (S, D) the encoder's output */
    const real *out;     /* (T, D) the decoder's output */
    real *probabilities; /* (T, V) of what each row says */
    real **shown;        /* of each attention, by number: (H, Tq, Tk) */
} Observation;

/* The tokenizer is of this model, and beam 0 its own. The model is run without file->info.decode.knockout. All
 * arguments but the text must outlive the observation. Fails when the text is empty or longer than the model takes,
 * when there is no memory, or when the numbers are not finite. Release with observation_free. */
bool observation_make(Observation *o, const ModelFile *file, const Tokenizer *tokenizer, Pool *pool, const char *text,
                      size_t beam, Error *err);
void observation_free(Observation *o);

/* The vectors (*places, D) of the encoder's first places, at most `most`; NULL: there are none. They do not depend on
 * how long the sentence is. room: starts as all 0; free its table. */
const real *observation_places(const Observation *o, PositionTable *room, size_t most, size_t *places);

/* One attention, as it is shown. */
typedef struct AttentionView {
    AttentionKind kind;
    bool causal; /* no row sees a later one: the decoder's own attention, unless the mask is knocked out */
    size_t layer, H, K, Tq, Tk;
    const real *p;                     /* (H, Tq, Tk) */
    AttentionInput in;                 /* q, k, v */
    const real *joined;                /* (Tq, D) the heads' weighted sums side by side */
    const real *x, *memory;            /* (Tq, D) what queries are made of; (Tk, D) keys and values: NULL: x */
    const real *weight, *bias;         /* (3D, D), (3D) rows of Wq, Wk, Wv; bias NULL: none */
    const real *out_weight, *out_bias; /* (D, D), (D); NULL: none */
    const SublayerTape *tape;          /* of x, for observation_inputs */
    Sublayer sublayer;
} AttentionView;

/* Attentions are numbered: the encoder's layers, the decoder's own, the decoder's to the encoder. view.x is NULL. */
size_t observation_attentions(const Observation *o);
AttentionView observation_view(const Observation *o, size_t number);
/* The number of the attention of a kind and layer, which exist. */
size_t observation_number(const Observation *o, AttentionKind kind, size_t layer);

/* x of an attention into (Tq, D): after the norm, where norm is pre. */
void observation_inputs(const Observation *o, const AttentionView *view, real *x);
