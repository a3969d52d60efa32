#include "base/names.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/memory.h"

int names_find(const char *const *names, const char *name) {
    for (int value = 0; names[value]; value++)
        if (strcmp(names[value], name) == 0) return value;
    return -1;
}

char *names_list(const char *const *names) {
    char *list = memory_string(names[0]);
    for (size_t i = 1; names[i]; i++) list = memory_join(list, "|", memory_string(names[i]));
    return list;
}

size_t names_limit(const char *wrong) { return 2 + strlen(wrong) / 4; }

/* Wagner and Fischer's table, of which three rows are kept. */
size_t names_distance(const char *a, const char *b) {
    size_t rows[3][NAMES_LONGEST + 1];
    size_t *before = rows[0], *above = rows[1], *row = rows[2];
    size_t length = strlen(b);
    if (strlen(a) > NAMES_LONGEST || length > NAMES_LONGEST) return SIZE_MAX;
    for (size_t j = 0; j <= length; j++) above[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        row[0] = i;
        for (size_t j = 1; j <= length; j++) {
            size_t best = above[j - 1] + (a[i - 1] != b[j - 1]);
            if (above[j] + 1 < best) best = above[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
            if (swapped && before[j - 2] + 1 < best) best = before[j - 2] + 1;
            row[j] = best;
        }
        size_t *oldest = before;
        before = above, above = row, row = oldest;
    }
    return above[length];
}
