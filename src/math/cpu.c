#include "math/cpu.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#if defined(SETS_x86_64)
#include <cpuid.h>
#if defined(__linux__)
#include <sys/syscall.h>
#endif
#endif

#include "base/memory.h"
#include "base/names.h"
#include "math/int8.h"
#include "math/pairs.h"

enum { MAX_SETS = 5 };

typedef struct Set {
    Isa isa;
    const PairKernels *pairs;
    const Int8Kernels *int8;
    bool fast_pairs;
} Set;

static const char *set_names[MAX_SETS + 1];
static Set sets[MAX_SETS];
static size_t set_count, in_use, second_level_cache = 1 << 20;
static pthread_once_t once = PTHREAD_ONCE_INIT;

static void offer(const char *name, Isa isa, const PairKernels *pairs, const Int8Kernels *int8, bool fast_pairs) {
    sets[set_count] = (Set){isa, pairs, int8, fast_pairs};
    set_names[set_count++] = name;
}

#if defined(SETS_x86_64)

/* Of cpuid's leaf 7: register 0 is eax, 3 is edx. */
static bool leaf7(unsigned subleaf, int reg, int bit) {
    unsigned r[4] = {0};
    return __get_cpuid_count(7, subleaf, &r[0], &r[1], &r[2], &r[3]) && (r[reg] >> bit & 1);
}

/* Whether the system saves the tile registers, and lets this process use them, for which it has to be asked. */
static bool may_use_tiles(void) {
#if defined(__linux__)
    enum { SAVED = 3 << 17, ASK = 0x1023, TILE_DATA = 18 }; /* bits of XCR0; ARCH_REQ_XCOMP_PERM; XFEATURE_XTILEDATA */
    unsigned low, high;
    __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    return (low & SAVED) == SAVED && syscall(SYS_arch_prctl, ASK, TILE_DATA) == 0;
#else
    return false;
#endif
}

static void offer_x86(void) {
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) offer("avx2", ISA_AVX2, NULL, NULL, false);
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512dq") || !__builtin_cpu_supports("avx512vl"))
        return;
    const Int8Kernels *const int8 = leaf7(0, 2, 11) ? int8_avx512_vnni : NULL;
    offer("avx512", ISA_AVX512, NULL, int8, false);
    if (pairs_avx512_bf16 && leaf7(1, 0, 5))
        offer("avx512_bf16", ISA_AVX512, pairs_avx512_bf16, int8, __builtin_cpu_is("amd"));
    if (pairs_amx && leaf7(0, 3, 22) && leaf7(0, 3, 24) && may_use_tiles())
        offer("amx", ISA_AVX512, pairs_amx, int8, true);
}

#endif

static void detect(void) {
    offer("generic", ISA_GENERIC, NULL, NULL, false);
#if defined(SETS_x86_64)
    offer_x86();
#elif defined(SETS_aarch64)
    offer("neon", ISA_NEON, NULL, NULL, false); /* part of every 64-bit ARM CPU */
#endif
    const char *wanted = getenv("NMT_ISA");
    const int found = wanted ? names_find(set_names, wanted) : -1;
    in_use = found < 0 ? set_count - 1 : (size_t)found;
#ifdef _SC_LEVEL2_CACHE_SIZE
    const long bytes = sysconf(_SC_LEVEL2_CACHE_SIZE);
    if (bytes > 0) second_level_cache = (size_t)bytes;
#endif
}

static const Set *set_in_use(void) {
    pthread_once(&once, detect);
    return &sets[in_use];
}

Isa cpu_isa(void) { return set_in_use()->isa; }

const PairKernels *cpu_pairs(void) { return set_in_use()->pairs; }

bool cpu_fast_pairs(void) { return set_in_use()->fast_pairs; }

const Int8Kernels *cpu_int8(void) { return set_in_use()->int8; }

size_t cpu_second_level_cache(void) {
    set_in_use();
    return second_level_cache;
}

size_t cpu_instruction_sets(const char *const **names) {
    set_in_use();
    *names = set_names;
    return set_count;
}

const char *cpu_instruction_set(void) {
    set_in_use();
    return set_names[in_use];
}

bool cpu_same_floats(const char *name) {
    static const char *const extend_avx512[] = {"avx512", "avx512_bf16", "amx", NULL}; /* with products in bfloat16 */
    return strcmp(name, cpu_instruction_set()) == 0 ||
           (cpu_isa() == ISA_AVX512 && names_find(extend_avx512, name) >= 0);
}

bool cpu_use(const char *name) {
    set_in_use();
    const int found = names_find(set_names, name);
    if (found >= 0) in_use = (size_t)found;
    return found >= 0;
}

/* POSIX: a new thread inherits its creator's floating-point environment. */
void cpu_flush_denormals(void) {
#if defined(__SSE__)
    enum { FLUSH_RESULTS = 1 << 15, ZERO_OPERANDS = 1 << 6 }; /* of MXCSR */
    __builtin_ia32_ldmxcsr(__builtin_ia32_stmxcsr() | FLUSH_RESULTS | ZERO_OPERANDS);
#elif defined(__aarch64__)
    uint64_t control;
    __asm__ volatile("mrs %0, fpcr" : "=r"(control));
    __asm__ volatile("msr fpcr, %0" : : "r"(control | 1 << 24)); /* FZ */
#endif
}

bool cpu_check(Error *err) {
    cpu_flush_denormals();
    const char *wanted = getenv("NMT_ISA");
    set_in_use();
    if (!wanted || names_find(set_names, wanted) >= 0) return true;
    char *here = names_list(set_names);
    error_set(err, "environment variable NMT_ISA: expected %s (what this CPU has), found \"%s\"", here, wanted);
    free(here);
    return false;
}
