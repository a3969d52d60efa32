/* Small arithmetic on sizes. */
#pragma once

#include <stddef.h>

/* How many elements an array has; not for pointers. */
#define COUNT(array) (sizeof(array) / sizeof *(array))

static inline size_t size_min(size_t a, size_t b) { return a < b ? a : b; }
static inline size_t size_max(size_t a, size_t b) { return a > b ? a : b; }

/* How many blocks of `block` elements hold `whole` of them: whole / block, rounded up. */
static inline size_t size_divide_up(size_t whole, size_t block) { return (whole + block - 1) / block; }

/* The smallest multiple of `block` that is at least `size`. */
static inline size_t size_round_up(size_t size, size_t block) { return size_divide_up(size, block) * block; }
