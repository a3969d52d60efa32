/* Sinusoidal positions. */
#include "nn/positional.h"

#include <math.h>

void positional_fill(real *table, size_t P, size_t D) {
    for (size_t i = 0; i < D; i += 2) {
        const double slowness = pow(10000.0, (double)i / (double)D);
        for (size_t p = 0; p < P; p++) {
            const double angle = (double)p / slowness;
            table[p * D + i] = (real)sin(angle);
            table[p * D + i + 1] = (real)cos(angle);
        }
    }
}
