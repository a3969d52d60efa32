/* Choosing the kernels at run time. */
#include "math/cpu.h"

#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__x86_64__)
#include <cpuid.h>
#if defined(__linux__)
#include <sys/syscall.h>
#include <unistd.h>
#endif
#endif

#include "math/kernels.h"

enum { MAX_SETS = 6 };

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

#if defined(__x86_64__)

/* AVX-512's kernels with other products in bfloat16, at `set`. */
static void offer_products(Kernels *set, const char *name, const ProductKernels *products, bool runs_here) {
    if (!products || !kernels_avx512) return;
    *set = *kernels_avx512;
    set->name = name;
    set->product[PRECISION_BFLOAT16] = *products;
    offer(set, runs_here);
}

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
    static Kernels with_bf16, with_amx;
    __builtin_cpu_init();
    const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
    offer(kernels_avx2, __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"));
    offer(kernels_avx512, avx512);
    offer_products(&with_bf16, "avx512_bf16", products_avx512_bf16, avx512 && leaf7(1, 0, 5));
    offer_products(&with_amx, "amx", products_amx, avx512 && leaf7(0, 3, 22) && leaf7(0, 3, 24) && may_use_tiles());
}

#endif

static void detect(void) {
    offer(kernels_generic, true);
#if defined(__x86_64__)
    offer_x86();
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

/* POSIX: a new thread inherits its creator's floating-point environment. */
static void flush_denormals(void) {
#if defined(__x86_64__)
    enum { FLUSH_RESULTS = 1 << 15, ZERO_OPERANDS = 1 << 6 }; /* of MXCSR */
    __builtin_ia32_ldmxcsr(__builtin_ia32_stmxcsr() | FLUSH_RESULTS | ZERO_OPERANDS);
#elif defined(__aarch64__)
    uint64_t control;
    __asm__ volatile("mrs %0, fpcr" : "=r"(control));
    __asm__ volatile("msr fpcr, %0" : : "r"(control | 1 << 24)); /* FZ */
#endif
}

bool cpu_check(Error *err) {
    flush_denormals();
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
