/* Choosing the kernels at run time. */
#include "math/cpu.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "math/kernels.h"

enum { MAX_SETS = 4 };

static const char *set_names[MAX_SETS];
static const Kernels *sets[MAX_SETS];
static size_t set_count;
static const Kernels *in_use;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void offer(const Kernels *set, bool runs_here) {
    if (!set || !runs_here) return;
    sets[set_count] = set;
    set_names[set_count++] = set->name;
}

static void detect(void) {
    offer(kernels_generic, true);
#if defined(__x86_64__) || defined(__i386__)
    __builtin_cpu_init();
    offer(kernels_avx2, __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"));
    offer(kernels_avx512, __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                              __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl"));
#endif
    offer(kernels_neon, true); /* part of every 64-bit ARM CPU */
    in_use = sets[set_count - 1];
    const char *wanted = getenv("NMT_ISA");
    for (size_t i = 0; wanted && i < set_count; i++)
        if (strcmp(wanted, set_names[i]) == 0) in_use = sets[i];
}

const Kernels *kernels(void) {
    pthread_once(&once, detect);
    return in_use;
}

size_t cpu_instruction_sets(const char *const **names) {
    kernels();
    *names = set_names;
    return set_count;
}

const char *cpu_instruction_set(void) {
    return kernels()->name;
}

bool cpu_use(const char *name) {
    kernels();
    for (size_t i = 0; i < set_count; i++)
        if (strcmp(name, set_names[i]) == 0) {
            in_use = sets[i];
            return true;
        }
    return false;
}

bool cpu_check(Error *err) {
    const char *wanted = getenv("NMT_ISA");
    if (!wanted || strcmp(wanted, cpu_instruction_set()) == 0) return true;
    char here[128] = "";
    for (size_t i = 0; i < set_count; i++) {
        if (i) strcat(here, ", ");
        strcat(here, set_names[i]);
    }
    return error_set(err, "environment variable NMT_ISA: expected one of %s (what this CPU has), found \"%s\"", here,
                     wanted);
}
