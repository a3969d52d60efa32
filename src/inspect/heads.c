#include "inspect/heads.h"

#include <math.h>

/* A mean over rows. */
typedef struct Mean {
    double sum;
    size_t rows;
} Mean;

static void add(Mean *mean, double value) {
    mean->sum += value;
    mean->rows++;
}

static double value_of(Mean mean) { return mean.rows > 0 ? mean.sum / (double)mean.rows : 0; }

HeadSummary head_summary(const real *p, size_t Tq, size_t Tk, AttentionKind kind, bool causal) {
    enum { PREVIOUS, NEXT, SAME, MARK, ALIGNED, LABELS };
    static const char *const names[] = {"previous token", "next token", "same token", "start or end", "aligned"};
    Mean entropy = {0}, evenness = {0}, means[LABELS] = {{0}};
    const bool self = kind != ATTENTION_CROSS;
    const size_t mark = kind == ATTENTION_DECODER ? 0 : Tk - 1;
    for (size_t i = 0; i < Tq; i++) {
        const real *row = p + i * Tk;
        const size_t seen = causal ? i + 1 : Tk;
        double bits = 0, largest = 0;
        for (size_t j = 0; j < seen; j++) {
            if (row[j] > 0) bits -= (double)row[j] * log2((double)row[j]);
            if (j != mark && (double)row[j] > largest) largest = (double)row[j];
        }
        add(&entropy, bits);
        if (seen == 1) continue; /* nothing to choose */
        add(&evenness, bits / log2((double)seen));
        add(&means[MARK], (double)row[mark]);
        if (!self) add(&means[ALIGNED], largest);
        if (self && i > 0) add(&means[PREVIOUS], (double)row[i - 1]);
        if (self && i + 1 < seen) add(&means[NEXT], (double)row[i + 1]);
        if (self) add(&means[SAME], (double)row[i]);
    }
    static const char *const does[] = {"looks at the piece before", "looks at the piece after",
                                       "looks at the piece itself", "rests on the sentence's mark",
                                       "looks at one word of the source at a time"};
    HeadSummary summary = {value_of(entropy), "", 0, ""};
    if (value_of(evenness) >= 0.9) {
        summary.label = "spread", summary.share = value_of(evenness), summary.does = "looks at all alike";
        return summary;
    }
    for (size_t k = 0; k < LABELS; k++)
        if (value_of(means[k]) >= 0.5 && value_of(means[k]) > summary.share)
            summary.label = names[k], summary.share = value_of(means[k]), summary.does = does[k];
    return summary;
}
