/* Products in bfloat16 for x86-64 with AMX: eight tile registers of 16 rows of 64 bytes. Four of them hold 32 x 32
 * sums, two 32 rows of a, two 32 columns of b; one instruction multiplies 16 rows of 16 pairs with 16 pairs of 16
 * columns, and adds to 256 sums.
 *
 * The TILE_ macros are all here that needs those instructions; tests/test_pairs.c compiles the file with macros in
 * plain C, and so tries everything else on any machine. */
#include "math/pairs.h"

#if (defined(__AMX_BF16__) || defined(__AMXBF16__) || defined(NMT_ONE_FILE)) && !defined(NMT_DOUBLE)
#include <immintrin.h>
/* Tile numbers are constants; strides are bytes. The compiler does not know that loading reads memory: see FENCE. */
#define TILE_CONFIGURE(config)   _tile_loadconfig(config)
#define TILE_RELEASE()           _tile_release()
#define TILE_ZERO(t)             _tile_zero(t)
#define TILE_LOAD(t, x, stride)  _tile_loadd(t, x, stride)
#define TILE_DOT(sum, a, b)      _tile_dpbf16ps(sum, a, b)
#define TILE_STORE(t, x, stride) _tile_stored(t, x, stride)
#endif

#ifdef TILE_DOT
#define VECTOR       64
#define TILE_VECTORS 2
#include "math/product_pairs.h"

enum {
    TILE = 16, /* rows of a tile register, and cells of a row */
    AMX_MR = 2 * TILE,
};
#define FENCE() __asm__ volatile("" : : : "memory")

/* What the instruction ldtilecfg reads. */
typedef struct TileConfig {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
} TileConfig;

static void amx_begin(void) {
    static const TileConfig config = {
        .palette = 1,
        .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64},
        .rows = {TILE, TILE, TILE, TILE, TILE, TILE, TILE, TILE},
    };
    TILE_CONFIGURE(&config);
}

static void amx_end(void) { TILE_RELEASE(); }

/* Copies (rows, cols) of x to out. */
static void copy_part(real *out, size_t out_row, const real *x, size_t x_row, size_t rows, size_t cols) {
    for (size_t i = 0; i < rows; i++) memcpy(out + i * out_row, x + i * x_row, cols * sizeof *x);
}

/* Loads 16 rows of a into tile register t. Rows from `rows` on do not exist, so they are not read. */
#define LOAD_ROWS(t, x, x_row, rows)                                                                                   \
    do {                                                                                                               \
        if ((rows) >= TILE) {                                                                                          \
            TILE_LOAD(t, x, (x_row) * sizeof(Cell));                                                                   \
        } else {                                                                                                       \
            for (size_t line = 0; line < (rows); line++) memcpy(edge[line], (x) + line * (x_row), sizeof edge[0]);     \
            FENCE();                                                                                                   \
            TILE_LOAD(t, edge, sizeof edge[0]);                                                                        \
            FENCE();                                                                                                   \
        }                                                                                                              \
    } while (0)

/* The sums begin with c or the bias. Where part of the tile does not exist, it is worked on in a copy: what exists has
 * the same bits whatever there is beside it. */
static void amx_tile(real *c, size_t ldc, const Cell *a, size_t a_row, const Cell *b, size_t cells, size_t rows,
                     size_t cols, bool add, const real *bias) {
    const bool whole = rows == AMX_MR && cols == PAIRS_NR, low = rows > TILE, right = cols > TILE;
    const real *from = add ? c : bias;
    size_t from_row = add ? ldc : 0, out_row = ldc;
    real *out = c, part[AMX_MR * PAIRS_NR];
    if (!whole) {
        if (from) {
            memset(part, 0, sizeof part);
            copy_part(part, PAIRS_NR, from, from_row, rows, cols);
            from = part, from_row = PAIRS_NR;
        }
        out = part, out_row = PAIRS_NR;
    }
    const size_t from_bytes = from_row * sizeof(real), out_bytes = out_row * sizeof(real);
    const size_t b_bytes = PAIRS_NR * sizeof *b;
    Cell edge[TILE][TILE] = {{0}};
    FENCE();
    TILE_ZERO(0);
    TILE_ZERO(1);
    TILE_ZERO(2);
    TILE_ZERO(3);
    if (from) {
        TILE_LOAD(0, from, from_bytes);
        if (right) TILE_LOAD(1, from + TILE, from_bytes);
        if (low) TILE_LOAD(2, from + TILE * from_row, from_bytes);
        if (low && right) TILE_LOAD(3, from + TILE * from_row + TILE, from_bytes);
    }
    for (size_t q = 0; q < cells; q += TILE, a += TILE, b += TILE * PAIRS_NR) {
        LOAD_ROWS(4, a, a_row, rows);
        TILE_LOAD(6, b, b_bytes);
        TILE_DOT(0, 4, 6);
        if (right) {
            TILE_LOAD(7, b + TILE, b_bytes);
            TILE_DOT(1, 4, 7);
        }
        if (low) {
            LOAD_ROWS(5, a + TILE * a_row, a_row, rows - TILE);
            TILE_DOT(2, 5, 6);
        }
        if (low && right) TILE_DOT(3, 5, 7);
    }
    TILE_STORE(0, out, out_bytes);
    if (right) TILE_STORE(1, out + TILE, out_bytes);
    if (low) TILE_STORE(2, out + TILE * out_row, out_bytes);
    if (low && right) TILE_STORE(3, out + TILE * out_row + TILE, out_bytes);
    FENCE();
    if (!whole) copy_part(c, ldc, part, PAIRS_NR, rows, cols);
}

static const PairKernels amx_kernels = {
    .mr = AMX_MR,
    .nr = PAIRS_NR,
    .tile = amx_tile,
    .pack = pairs_pack,
    .pack_rows = pairs_pack_rows,
    .turn = pairs_turn,
    .begin = amx_begin,
    .end = amx_end,
};
const PairKernels *const pairs_amx = &amx_kernels;
#else
const PairKernels *const pairs_amx = NULL;
#endif
