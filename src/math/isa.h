/* Loops that are compiled once for each instruction set, and chosen at run time.
 *
 * A folder that has such loops (math, nn, optim) has three kinds of files:
 *
 *     x_rows.h     the loops of x, most of them over one row: plain static functions, in the vectors of math/lanes.h
 *     kernels.h    the list of these functions, and the table of pointers to them that is made of the list
 *     kernels.c    the table: the Makefile compiles it once for each set, with the set's ISA, VECTOR and TILE_...
 *
 * Function, pointer and call have the same name: nn_kernels()->relu is relu() of nn/activation_rows.h, compiled for the
 * set in use. A new loop is one function and one line in the list. */
#pragma once

#include "math/cpu.h"

/* For each set that the Makefile compiles for: SET(..., its number, its name). */
#if defined(SETS_x86_64)
#define ISA_EACH(SET, ...)                                                                                             \
    SET(__VA_ARGS__, ISA_GENERIC, generic) SET(__VA_ARGS__, ISA_AVX2, avx2) SET(__VA_ARGS__, ISA_AVX512, avx512)
#elif defined(SETS_aarch64)
#define ISA_EACH(SET, ...) SET(__VA_ARGS__, ISA_GENERIC, generic) SET(__VA_ARGS__, ISA_NEON, neon)
#else
#define ISA_EACH(SET, ...) SET(__VA_ARGS__, ISA_GENERIC, generic)
#endif

/* The struct's fields, made of a list KERNEL(returns, name, (parameters), ...), and their values. */
#define ISA_FIELD(type, name, parameters, ...) type(*name) parameters;
#define ISA_VALUE(type, name, ...)             .name = name,

/* The name of the table of the set that is compiled for: nn_kernels_avx2. */
#define ISA_JOIN_(a, b)  a##_##b
#define ISA_JOIN(a, b)   ISA_JOIN_(a, b)
#define ISA_TABLE(table) ISA_JOIN(table, ISA)

/* Defines table(), which returns the table of the set in use. */
#define ISA_DECLARE(Type, table, number, isa) extern const Type table##_##isa;
#define ISA_POINTER(Type, table, number, isa) [number] = &table##_##isa,
#define ISA_CHOICE(Type, table)                                                                                        \
    ISA_EACH(ISA_DECLARE, Type, table)                                                                                 \
    static inline const Type *table(void) {                                                                            \
        static const Type *const tables[] = {ISA_EACH(ISA_POINTER, Type, table)};                                      \
        return tables[cpu_isa()];                                                                                      \
    }
