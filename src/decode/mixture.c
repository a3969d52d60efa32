#include "decode/mixture.h"

#include "math/vector.h"

bool mixture_prepare(MixtureLogits *m, real *room, size_t V) {
    bool finite = true;
    for (size_t i = 0; i < m->count; i++) {
        const real max = vector_max(m->z[i], V);
        const double sum = (double)vector_exp_sum(NULL, m->z[i], max, V);
        m->max[i] = (double)max, m->log_sum[i] = log(sum);
        finite = finite && isfinite(sum);
    }
    /* A mean is at most the largest of what it is the mean of. The last digits of a float may be too low. */
    const double first = m->max[0] + m->log_sum[0];
    for (size_t j = 0; j < V; j++) room[j] = m->z[0][j];
    for (size_t i = 1; i < m->count; i++) {
        const double shift = first - m->max[i] - m->log_sum[i];
        for (size_t j = 0; j < V; j++) {
            const double z = (double)m->z[i][j] + shift, above = z + (z < 0 ? -z : z) * 1e-6;
            room[j] = above > (double)room[j] ? (real)above : room[j];
        }
    }
    m->bound = room;
    return finite;
}
