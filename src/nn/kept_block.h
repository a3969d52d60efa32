/* How many kept keys a query is multiplied with at a time (nn/kept.h): whole vectors in every instruction set. */
#pragma once

#include <stddef.h>

#include "base/size.h"

enum { KEPT_BLOCK = 16 };

/* rows, rounded up to whole blocks. */
static inline size_t kept_rows(size_t rows) { return size_round_up(rows, KEPT_BLOCK); }
