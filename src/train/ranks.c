#include "train/ranks.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/check.h"
#include "base/memory.h"

enum { SHARE_SLICED = 1 << 16 }; /* bytes from which on each rank passes a slice of what rank 0 shares on to all */

bool ranks_meet(Ranks *r, Error *err) {
    r->peers = memory_new(r->count, sizeof *r->peers);
    RankPeer *self = &r->peers[r->self];
    if (gethostname(self->host, sizeof self->host - 1) != 0) strcpy(self->host, "?");
    self->process = getpid();
    size_t *start = memory_new(r->count + 1, sizeof *start);
    for (size_t rank = 0; rank <= r->count; rank++) start[rank] = rank * sizeof *r->peers;
    const bool ok = ranks_gather(r, r->peers, start);
    free(start);
    return ok || !ranks_lost(r, err);
}

void ranks_free(Ranks *r) { free(r->peers); }

bool ranks_lost(const Ranks *r, Error *err) {
    if (!r || !r->lost) return false;
    *err = r->why;
    return true;
}

size_t ranks_first(const Ranks *r, size_t whole, size_t rank) {
    return (size_t)((uint64_t)whole * rank / ranks_count(r));
}

bool ranks_exchange(Ranks *r, const RankPart *out, size_t outs, const RankPart *in, size_t ins) {
    if (ranks_count(r) == 1) return true;
    if (r->lost) return false;
    for (size_t i = 0; i < outs; i++) r->sent += out[i].bytes;
    r->lost = !r->exchange(r, out, outs, in, ins, &r->why);
    return !r->lost;
}

/* One part for each other rank. */
static RankPart *new_parts(const Ranks *r) { return memory_new(r->count, sizeof(RankPart)); }

bool ranks_gather(Ranks *r, void *data, const size_t *start) {
    const size_t count = ranks_count(r), self = ranks_self(r);
    if (count == 1) return true;
    RankPart *out = new_parts(r), *in = new_parts(r);
    size_t parts = 0;
    for (size_t i = 1; i < count; i++, parts++) {
        const size_t to = (self + i) % count, from = (self + count - i) % count;
        out[parts] = (RankPart){to, (char *)data + start[self], start[self + 1] - start[self]};
        in[parts] = (RankPart){from, (char *)data + start[from], start[from + 1] - start[from]};
    }
    const bool ok = ranks_exchange(r, out, parts, in, parts);
    free(out);
    free(in);
    return ok;
}

bool ranks_share(Ranks *r, void *data, size_t bytes) {
    const size_t count = ranks_count(r);
    if (count == 1) return true;
    const bool sliced = bytes >= SHARE_SLICED;
    size_t *start = memory_new(count + 1, sizeof *start);
    for (size_t rank = 0; rank <= count; rank++) start[rank] = ranks_first(r, bytes, rank);
    RankPart *parts = new_parts(r);
    size_t outs = 0;
    for (size_t rank = 1; rank < count; rank++) {
        const size_t from = sliced ? start[rank] : 0, to = sliced ? start[rank + 1] : bytes;
        if (r->self == 0 || r->self == rank)
            parts[outs++] = (RankPart){r->self == 0 ? rank : 0, (char *)data + from, to - from};
    }
    bool ok = r->self == 0 ? ranks_exchange(r, parts, outs, NULL, 0) : ranks_exchange(r, NULL, 0, parts, outs);
    if (sliced) ok = ok && ranks_gather(r, data, start);
    free(start);
    free(parts);
    return ok;
}

char *ranks_share_block(Ranks *r, const void *data, size_t *bytes) {
    uint64_t size = *bytes;
    if (!ranks_share(r, &size, sizeof size)) return NULL;
    char *block = memory_new(size + 1, 1);
    if (ranks_leads(r) && size > 0) memcpy(block, data, size);
    *bytes = size;
    if (ranks_share(r, block, size)) return block;
    free(block);
    return NULL;
}

bool ranks_agree(Ranks *r, bool ok, Error *err) {
    const size_t count = ranks_count(r);
    if (count == 1) return ok;
    Error *all = memory_new(count, sizeof *all); /* "": ok */
    size_t *start = memory_new(count + 1, sizeof *start), failed = 0;
    for (size_t rank = 0; rank <= count; rank++) start[rank] = rank * sizeof *all;
    if (!ok) all[r->self] = *err;
    if (ranks_gather(r, all, start)) {
        while (failed < count && !*all[failed].text) failed++;
        if (failed == 0)
            *err = all[0];
        else if (failed < count)
            error_set(err, "rank %zu (%s): %s", failed, r->peers[failed].host, all[failed].text);
        ok = failed == count;
    } else {
        ok = !ranks_lost(r, err);
    }
    free(all);
    free(start);
    return ok;
}

bool ranks_compare(Ranks *r, const char *text, Error *err) {
    if (ranks_count(r) == 1) return true;
    size_t bytes = strlen(text);
    char *const first = ranks_share_block(r, text, &bytes);
    if (!first) return !ranks_lost(r, err);
    const char *expected = first, *found = text;
    bool same = true;
    while (same && (*expected || *found)) {
        char *a = memory_line(&expected), *b = memory_line(&found);
        same = a && b && strcmp(a, b) == 0;
        if (!same)
            error_set(err, "expected \"%s\", as rank 0 (%s) has it, found \"%s\"", a ? a : "", r->peers[0].host,
                      b ? b : "");
        free(a);
        free(b);
    }
    free(first);
    return ranks_agree(r, same, err);
}

bool ranks_give(Ranks *r, RankOrder order, uint64_t value) {
    uint64_t words[2] = {order, value};
    return !ranks_leads(r) || ranks_share(r, words, sizeof words);
}

bool ranks_take(Ranks *r, RankOrder *order, uint64_t *value) {
    uint64_t words[2] = {0};
    CHECK(!ranks_leads(r), "orders are for the ranks that follow");
    if (!ranks_share(r, words, sizeof words)) return false;
    *order = (RankOrder)words[0];
    *value = words[1];
    return true;
}
