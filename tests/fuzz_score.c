/* Any hypothesis against any references, by every metric: a score from 0 to 100, no more matches than there are
 * n-grams, and as many when the hypothesis is one of the references. One byte says how; then the hypothesis, up to a
 * newline; the rest are references, one a line. */

#include "eval/score.h"
#include "fuzz.h"

enum { MOST_REFERENCES = 8 };

static Text next_line(const char **at, const char *end) {
    const char *newline = memchr(*at, '\n', (size_t)(end - *at));
    const Text line = {*at, (size_t)((newline ? newline : end) - *at)};
    *at = newline ? newline + 1 : end;
    return line;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static Ngrams *work;
    if (!work) work = ngrams_create();
    if (size < 1) return 0;
    const ScoreOptions how = {(ScoreMetric)(data[0] % SCORE_METRICS), data[0] & 4, data[0] & 8, data[0] & 16};
    const char *at = (const char *)data + 1, *end = (const char *)data + size;
    const Text hypothesis = next_line(&at, end);
    Text references[MOST_REFERENCES + 1] = {{"", 0}};
    size_t count = 0;
    while (at < end && count < MOST_REFERENCES) references[count++] = next_line(&at, end);
    if (count == 0) count = 1;

    NgramCounts sum = {{0}, {0}, {0}}, same = sum;
    score_add(&sum, work, how, hypothesis, references, count);
    references[count] = hypothesis;
    score_add(&same, work, how, hypothesis, references, count + 1);
    for (size_t n = 0; n < NGRAMS_ORDERS; n++) {
        CHECK(sum.match[n] <= sum.hypothesis[n], "no more matches than n-grams");
        CHECK(same.match[n] == same.hypothesis[n], "all match in the same text");
    }
    const double score = score_value(how, &sum), most = score_value(how, &same);
    CHECK(score >= 0 && score <= 100.000001 && most >= 0 && most <= 100.000001, "a score from 0 to 100");
    return 0;
}
