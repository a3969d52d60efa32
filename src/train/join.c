#include "train/join.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>

#include "base/checksum.h"
#include "base/file.h"
#include "base/memory.h"
#include "math/cpu.h"
#include "train/ranks.h"

/* Of the running program; 0: the system does not say. */
static uint64_t program_sum(void) {
    FileMap map;
    Error err;
    Checksum sum;
    if (!file_map(&map, "/proc/self/exe", &err)) return 0;
    checksum_start(&sum);
    checksum_add(&sum, map.data, map.size);
    file_unmap(&map);
    return checksum_end(&sum);
}

/* Of what the system's library computes, which may differ in the last bit from one version or CPU to another. */
static uint64_t mathematics_sum(void) {
    Checksum sum;
    checksum_start(&sum);
    for (int i = 1; i <= 1000; i++) {
        const double x = i * 0.37;
        const double values[] = {exp(x / 9), log(x), sin(x), cos(x), pow(x, 0.4), pow(0.98, x)};
        checksum_add(&sum, values, sizeof values);
    }
    return checksum_end(&sum);
}

bool join_compare(const Config *c, Error *err) {
    const size_t count = ranks_count(c->ranks);
    if (count == 1) return true;
    char *config = config_shared(c);
    char *card =
        memory_format("program = %016" PRIx64 "\ninstruction set = %s\nmathematical library = %016" PRIx64
                      "\nchecksum of train.init = %016" PRIx64 "\n%s",
                      program_sum(), cpu_instruction_set(), mathematics_sum(), modelfile_checksum(&c->start), config);
    bool ok = ranks_compare(c->ranks, card, err);
    free(card);
    free(config);
    if (ok && count > c->pieces) /* after the comparison: what one rank refuses, all refuse */
        ok =
            error_set(err, "train.pieces: expected at least 1 for each of the %zu processes that share them, found %zu",
                      count, (size_t)c->pieces);
    return ok;
}

/* Rank 0's vocabulary, for this rank. */
static Tokenizer *share_tokenizer(Ranks *r, const Config *c, const Corpora *d, Error *err) {
    size_t count = 0;
    const uint32_t *merges = ranks_leads(r) ? tokenizer_merges(d->tokenizer, &count) : NULL;
    size_t bytes = count * 2 * sizeof *merges;
    char *block = ranks_share_block(r, merges, &bytes);
    Tokenizer *tokenizer = NULL;
    if (!block)
        ranks_lost(r, err);
    else if (!ranks_leads(r))
        tokenizer =
            tokenizer_create((const uint32_t *)(const void *)block, bytes / (2 * sizeof *merges), c->rules.text, err);
    free(block);
    return tokenizer;
}

bool join_corpora(Corpora *d, const Config *c, Pool *pool, const ModelFile *last, Error *err) {
    Ranks *const r = c->ranks;
    *d = (Corpora){0};
    bool ok = !ranks_leads(r) || corpora_read(d, c, pool, last, NULL, err);
    if (ranks_count(r) == 1) return ok;
    ok = ranks_agree(r, ok, err);
    Tokenizer *tokenizer = ok ? share_tokenizer(r, c, d, err) : NULL;
    if (ok && !ranks_leads(r)) ok = tokenizer && corpora_read(d, c, pool, NULL, tokenizer, err);
    ok = ranks_agree(r, ok, err);
    if (ok) {
        char *card = memory_format("checksum of the training pairs = %016" PRIx64
                                   "\nchecksum of the validation text = %016" PRIx64 "\n",
                                   d->train.checksum, d->valid_checksum);
        ok = ranks_compare(r, card, err);
        free(card);
    }
    if (!ok) corpora_free(d);
    return ok;
}
