/* One of a few names. */
#include "base/choice.h"

#include <string.h>

#include "base/check.h"
#include "base/memory.h"

int choice_number(const char *names, const char *name) {
    for (int number = 0;; number++) {
        const size_t length = strcspn(names, "|");
        if (strlen(name) == length && strncmp(names, name, length) == 0) return number;
        if (!names[length]) return -1;
        names += length + 1;
    }
}

char *choice_name(const char *names, int number) {
    for (; number > 0; number--) {
        names += strcspn(names, "|");
        CHECK(*names == '|', "a choice that there is");
        names++;
    }
    return memory_string_n(names, strcspn(names, "|"));
}
