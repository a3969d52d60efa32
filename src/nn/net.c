#include "nn/net.h"

static void copy_rows(void *context, Block b) {
    const Stored *x = context;
    for (size_t r = 0; r < b.rows; r++) stored_read(b.x + r * b.stride, *x, b.row + r, b.col, b.cols);
}

Stored net_rounded(const Net *net, const real *x, Stored room, size_t rows) {
    Stored from = stored_reals(x, room.width);
    if (room.precision == PRECISION_FLOAT32) return from;
    stored_fill(net->compute.pool, "rounding", room, rows, copy_rows, &from);
    return room;
}
