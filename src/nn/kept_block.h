/* How many keys a query meets at a time where keys are kept (nn/kept.h): whole vectors in every instruction set. */
#pragma once

#include <stddef.h>

#include "base/size.h"

enum { KEPT_BLOCK = 16 };

/* As many rows as whole blocks have. */
static inline size_t kept_rows(size_t rows) { return size_round_up(rows, KEPT_BLOCK); }
