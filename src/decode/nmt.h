/* nmt.h: the library. It opens a model, translates, scores and trains.
 *
 *     nmt_model *model = NULL;
 *     nmt_translator *translator = NULL;
 *     const nmt_result *const *results;
 *     nmt_error err;
 *     const nmt_text text = {"the cat sat", 11};
 *     if (nmt_open(&model, "model.gguf", NMT_HEADER, &err) ||
 *         nmt_translator_new(&translator, model, NULL, &err) ||
 *         nmt_translate(translator, &text, 1, &results, &err))
 *         fprintf(stderr, "%s\n", err.message);
 *     else
 *         puts(results[0]->hypotheses[0]->text.bytes);
 *     nmt_translator_free(translator);
 *     nmt_close(model);
 *
 * Every function that can fail returns a status, NMT_OK = 0 or another, and fills the caller's nmt_error (which may be
 * NULL) with one line that says why. Running out of memory is such a failure. What a failed call had taken is given
 * back. The library never prints, reads standard input, ends the process or catches a signal, and there is nothing to
 * initialise. A call runs with the floating-point mode and the locale that it needs, and leaves the thread's as they
 * were.
 *
 * Text is UTF-8 with its length in bytes. Bytes that are not UTF-8 are no failure: the model reads them byte by byte.
 * In results, they are U+FFFD, as are control characters.
 *
 * Three environment variables are read: NMT_ISA names the instruction set to use, NMT_ACCEPT a checksum of a model file
 * that was changed on purpose, and HOME is what ~ means in the paths of a config. NMT_ISA is read once, when a model is
 * first opened or trained. Threads that the library starts block all signals. After a fork, the child may not use the
 * library if another thread was in a call at that moment. */
#ifndef NMT_H
#define NMT_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define NMT_API __attribute__((visibility("default")))
#else
#define NMT_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* The number of the interface that this header describes. It changes when programs must be compiled again; new
 * functions, and new fields at the end of a struct, do not change it. A library with another number refuses the program
 * (NMT_WRONG_HEADER). */
#define NMT_HEADER 1

/* The version of the library, "0.1.0". */
NMT_API const char *nmt_version(void);

typedef enum nmt_status {
    NMT_OK,
    NMT_FAILED,         /* a file cannot be read or written, a model is damaged, or a config's key is wrong */
    NMT_NO_MEMORY,      /* there is not enough memory */
    NMT_WRONG_ARGUMENT, /* an argument or an option is wrong */
    NMT_WRONG_HEADER,   /* the program was compiled with a header of another interface */
    NMT_STOPPED         /* the training was stopped by its callback, and saved */
} nmt_status;

/* How a call ended. Each thread uses an nmt_error of its own. */
typedef struct nmt_error {
    nmt_status status;
    char message[1024]; /* one line of UTF-8 without a line end, and a NUL */
} nmt_error;

/* Bytes that the caller or the library owns. Those that the library returns have a NUL behind them. */
typedef struct nmt_text {
    const char *bytes;
    size_t length;
} nmt_text;

/* ---- Models ---- */

/* An open model, which never changes: any number of threads may use one at the same time. Close it after its
 * translators are freed. */
typedef struct nmt_model nmt_model;

/* Opens a model file, which is mapped into memory; header is NMT_HEADER. On failure *model is NULL. While the model is
 * open, another file may be renamed to the name of its file; but nobody may write into the file or shorten it. */
NMT_API nmt_status nmt_open(nmt_model **model, const char *path, int header, nmt_error *err);

/* Opens a model file's bytes, which stay the caller's, and must stay as they are until nmt_close. If their address is a
 * multiple of 8, they are used in place; otherwise they are copied. */
NMT_API nmt_status nmt_open_memory(nmt_model **model, const void *bytes, size_t size, int header, nmt_error *err);

NMT_API void nmt_close(nmt_model *model); /* NULL is fine */

/* What the model file says under a key, such as "nmt.width" or "nmt.config", as text; numbers are decimal, switches are
 * "true" or "false". NULL: there is no such key, or its value is a list. Two keys are not in the file: "parameters",
 * how many the model has, and "vocabulary", how many tokens. The text lives as long as the model. */
NMT_API const char *nmt_info(const nmt_model *model, const char *key);

/* The name of key number i, from 0, of all that nmt_info knows; NULL behind the last. */
NMT_API const char *nmt_info_key(const nmt_model *model, size_t i);

/* ---- Translation ---- */

/* How to translate. nmt_options_init fills in the defaults, which are 0 unless the comment names another; then change
 * what you need. (A struct full of zeros is something else: with max_ratio and max_extra 0, a translation has one
 * token.) Where a comment says "the model's", the value is that of [decode] in the config that the model was
 * trained with; the model file keeps it.
 *
 * The most tokens that a translation may have (max_ratio, max_extra, max_length) include the one that ends it;
 * min_length does not count that one. If a text is translated in parts, the limits and no_repeat_ngram hold for each
 * part by itself, and only the first part begins with prefix. */
typedef struct nmt_options {
    size_t size;         /* sizeof(nmt_options) */
    int header;          /* NMT_HEADER */
    int threads;         /* default 1; 0: one for each core. The bits are the same with any number */
    int beam;            /* hypotheses that the search keeps, 1 (greedy) to 64; 0: the model's */
    int n_best;          /* default 1: how many hypotheses you want of a text, at most 64; the beam is at least this */
    double length_alpha; /* score = log probability / tokens ^ length_alpha, and in parts, the sum of the parts' scores;
                            default -1; negative: the model's */
    double max_ratio;    /* a translation has at most max_ratio times the tokens of its source, ...; default -1;
                            negative: the model's */
    int max_extra;       /* ... and max_extra more; default -1; negative: the model's */
    int max_length;      /* a translation has at most this many tokens; 0: no such limit. Alone, it takes the place of
                            max_ratio and max_extra; together with one of them, both limits hold */
    int min_length;      /* a translation has at least this many tokens */
    int no_repeat_ngram; /* no sequence of this many tokens occurs twice in a translation; 0: it may */
    int alignment;       /* 1: hypotheses have words, with their shares of the source */
    int sentences;       /* 1: each sentence of a text is translated by itself */
    nmt_text prefix;     /* every translation of a text that is not empty begins with it, normalised as the model's
                            text is; length 0: none. It is copied */
    int sample;          /* 1: draw each token by its probability instead of searching */
    int top_k;           /* draw from this many most likely tokens, at most 64; 0: from all */
    double temperature;  /* default 1: draw by probability ^ (1 / temperature); 0.01 to 100 */
    uint64_t seed;       /* default 1: the draws depend only on it, on the number of the text, counted over all calls of
                            the translator that succeed, and on the position */
    const nmt_model *const *more; /* (more_count) other models with the same vocabulary: the probability of a token is
                                     then the mean over all models. They must stay open until the translator is freed */
    size_t more_count;            /* at most 15 */
    int int8;                     /* 1: compute with weights in 8-bit integers: faster, and a little less exact */
} nmt_options;

/* Fills in the defaults. size: sizeof(nmt_options); header: NMT_HEADER. */
NMT_API void nmt_options_init(nmt_options *options, size_t size, int header);

/* Where a word of a translation comes from: its shares of source words. Words are what white space separates, numbered
 * from 0. The shares' sum may be less than 1; the rest went to the end of the sentence. */
typedef struct nmt_word {
    const float *shares;          /* (count) */
    size_t first, count, largest; /* the first source word's number; how many, 0 if what was translated has no word;
                                     the word with the largest share */
} nmt_word;

/* A translation of a text. New fields may come behind the last. */
typedef struct nmt_hypothesis {
    nmt_text text;                 /* one line of UTF-8 */
    double log_probability, score; /* of the tokens that were found; nmt_score_pairs may split the same text into
                                      others. -INFINITY: the model's numbers were not finite, and the text is empty */
    size_t cut;                    /* tokens after which it was cut off, by a limit or because options forbid every
                                      further token; in parts: those of the first part that was cut. 0: it was not */
    const nmt_word *words;         /* (word_count), with options.alignment */
    size_t word_count;
} nmt_hypothesis;

/* The translations of a text. New fields may come behind the last. */
typedef struct nmt_result {
    const nmt_hypothesis *const *hypotheses; /* (count) the best first, those that were cut behind the others; at least
                                                one, at most n_best, no text twice */
    size_t count;
    size_t source_tokens;
    size_t source_words; /* with options.alignment */
    size_t parts;        /* a text that is too long for the model is translated in parts; 0: it is empty */
} nmt_result;

/* What translates with a model: one thread at a time may use it, so each thread makes its own. */
typedef struct nmt_translator nmt_translator;

/* options: NULL for the defaults. The model must stay open until the translator is freed. On failure *translator is
 * NULL. */
NMT_API nmt_status nmt_translator_new(nmt_translator **translator, const nmt_model *model, const nmt_options *options,
                                      nmt_error *err);
NMT_API void nmt_translator_free(nmt_translator *translator); /* NULL is fine */

/* Translates texts (count), best many at once. *results becomes an array of count results. The results are in the order
 * of the texts. They belong to the translator and live until its next call. A translation has the same bits whatever
 * else it is translated with, unless it is sampled. After a failure the translator can be used again. */
NMT_API nmt_status nmt_translate(nmt_translator *translator, const nmt_text *texts, size_t count,
                                 const nmt_result *const **results, nmt_error *err);

/* How likely the model finds a given translation: log p(target | source), which is a sum over the target's tokens; and
 * the number of these tokens, the end of the sentence included. Some pairs have no score; their tokens are 0. The log
 * probability is then 0 if both texts are empty, and -INFINITY if only the source is empty, a side is too long for the
 * model, or the model's numbers are not finite. */
typedef struct nmt_score {
    double log_probability;
    size_t tokens;
} nmt_score;

/* Scores pairs: scores (count) is the caller's. */
NMT_API nmt_status nmt_score_pairs(nmt_translator *translator, const nmt_text *sources, const nmt_text *targets,
                                   size_t count, nmt_score *scores, nmt_error *err);

/* ---- BLEU and chrF ---- */

typedef enum nmt_metric { NMT_BLEU, NMT_CHRF, NMT_CHRFPP } nmt_metric;

/* The score of translations (count) against references (count * each), those of a translation one after another, as
 * sacreBLEU computes it: 0 to 100. each: at least 1. Any thread may call it at any time. */
NMT_API nmt_status nmt_measure(double *score, nmt_metric metric, const nmt_text *translations,
                               const nmt_text *references, size_t count, size_t each, nmt_error *err);

/* ---- Training ---- */

/* Where a training is. New fields may come behind the last. */
typedef struct nmt_progress {
    const char *message;                     /* what happens, such as a validation, in one line; NULL: this is a step */
    uint64_t step, last_step;                /* steps done, and about how many the run will have */
    uint64_t epoch;                          /* passes over the pairs that are done */
    double loss;                             /* of the step, for each target token */
    double rate;                             /* the learning rate of the step */
    uint64_t best_step;                      /* the step of the best validation so far; 0: none yet */
    double best_loss, best_bleu, best_exact; /* its loss; its BLEU and share of exact translations, if it translated */
} nmt_progress;

/* Called after each step, and for each message, in the thread that called nmt_train. If it returns anything but 0, the
 * training stops after the step. It must return (no longjmp, no exception), and it may call the library. */
typedef int nmt_on_progress(void *context, const nmt_progress *progress);

typedef struct nmt_train_options {
    size_t size;                 /* sizeof(nmt_train_options) */
    int header;                  /* NMT_HEADER */
    int fresh;                   /* 0: continue the run that is in the folder; 1: start over */
    const char *config;          /* the path of a config, whose paths begin in the process's folder; NULL: there is
                                    none. Then settings needs data.train, data.valid, run.dir and train.max_steps (or
                                    max_epochs) */
    const char *const *settings; /* (setting_count) "section.key=value"; they override the config */
    size_t setting_count;
    nmt_on_progress *progress; /* NULL: none */
    void *context;             /* what it is called with */
} nmt_train_options;

/* Fills in the defaults. size: sizeof(nmt_train_options); header: NMT_HEADER. */
NMT_API void nmt_train_options_init(nmt_train_options *options, size_t size, int header);

/* Trains as ./train does, and returns when the run is over, NMT_OK, or when its callback stopped it, NMT_STOPPED. The
 * same call with fresh = 0 then continues it; if the run was over, it returns NMT_OK without a step. The model is
 * run.dir/model.gguf. Any number of threads may train at the same time, each
 * in a folder of its own; a second run in a folder is refused. */
NMT_API nmt_status nmt_train(const nmt_train_options *options, nmt_error *err);

#ifdef __cplusplus
}
#endif
#endif
