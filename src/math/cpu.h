/* Which instruction sets the CPU has and which one is in use. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

/* The instruction sets that loops are compiled for (math/isa.h). */
typedef enum Isa { ISA_GENERIC, ISA_AVX2, ISA_AVX512, ISA_NEON } Isa;

/* The one whose loops are in use. A set with products of its own, such as amx, extends another: amx extends avx512. */
Isa cpu_isa(void);

/* Products in bfloat16 of the set in use (math/pairs.h); NULL where it has no instructions for them. */
const struct PairKernels *cpu_pairs(void);

/* Whether products in bfloat16 (cpu_pairs) are faster than products of floats: with AMX tiles, and with the dot
 * products of AMD's CPUs. The dot products of Intel's CPUs are slower than their products of floats (math/README.md).
 */
bool cpu_fast_pairs(void);

/* Products in 8-bit integers (math/int8.h) of the set in use; NULL where it has no instructions for them. */
const struct Int8Kernels *cpu_int8(void);

/* Bytes of the second-level cache, as one core said when it was first asked for; 1 MiB if it is unknown. */
size_t cpu_second_level_cache(void);

/* The names of all sets that this program has loops for and this CPU can run, the best last; returns how many. The
 * array is static. */
size_t cpu_instruction_sets(const char *const **names);

/* The one in use: the environment variable NMT_ISA's, or the best. The variable is read once, when a function of this
 * file is first called. */
const char *cpu_instruction_set(void);

/* Whether the set of that name computes the same bits in float32 as the one in use. */
bool cpu_same_floats(const char *name);

/* Fails when NMT_ISA names an instruction set that does not exist or that this CPU lacks. One that it has is no
 * failure, even if it came too late to be used. The commands that compute, and the library's functions that open a
 * model or train, call it first; without the call, a wrong name is ignored. It calls cpu_flush_denormals. */
bool cpu_check(Error *err);

/* From the call on, this thread and those it starts treat denormal numbers (below 1.2e-38) as 0: Adam's moments fade
 * into that range, and some CPUs compute with such numbers a hundred times slower. It works on x86 with SSE and on
 * 64-bit ARM; elsewhere it does nothing. */
void cpu_flush_denormals(void);

/* For tests: uses the named instruction set from now on. False when it is not available. Not while a pool runs. */
bool cpu_use(const char *name);
