/* GGUF's Q8_0: the bytes that ggml's own code makes, and how tensors of this type are read. */
#include "gguf/q8_0.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gguf/gguf.h"
#include "testlib.h"

static char path[300];

/* (37 i mod 64) - 31, times 0.11 and a factor. */
static void fill(float numbers[32], float factor) {
    for (int i = 0; i < 32; i++) numbers[i] = (float)(i * 37 % 64 - 31) * 0.11f * factor;
}

/* quantize() of the Python package gguf 0.19 gives these. */
static void test_bytes(void) {
    static const unsigned char expected[Q8_0_BYTES] = {24, 39,  133, 24,  173, 63, 212, 103, 252, 145, 36, 185,
                                                       75, 224, 115, 8,   157, 48, 196, 87,  236, 127, 20, 169,
                                                       60, 208, 99,  248, 141, 32, 181, 71,  220, 111};
    float numbers[32], again[32];
    unsigned char bytes[Q8_0_BYTES];
    fill(numbers, 1);
    EXPECT(q8_0_pack(bytes, numbers, 32));
    EXPECT(memcmp(bytes, expected, sizeof expected) == 0);
    q8_0_unpack(again, bytes, 32);
    for (int i = 0; i < 32; i++) EXPECT_NEAR(again[i], numbers[i], 3.52 / 127 * 0.55);
    static const struct {
        float factor;
        unsigned char scale[2];
    } rows[] = {{1e-6f, {0, 0}}, {2e6f, {196, 122}}, {0, {0, 0}}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        fill(numbers, rows[i].factor);
        EXPECT(q8_0_pack(bytes, numbers, 32));
        if (memcmp(bytes, rows[i].scale, 2) != 0) TEST_FAIL("row %zu: found %d, %d", i, bytes[0], bytes[1]);
    }
}

/* A scale half-way between two halves becomes the even one, with a leading 1 and without. */
static void test_half_way(void) {
    static const struct {
        double scale;
        unsigned half;
    } rows[] = {{1 + 1.0 / 2048, 0x3c00}, {1 + 3.0 / 2048, 0x3c02}, {2.5 / (1 << 24), 2}, {3.5 / (1 << 24), 4}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        float numbers[32] = {(float)(127 * rows[i].scale)};
        unsigned char bytes[Q8_0_BYTES];
        EXPECT(q8_0_pack(bytes, numbers, 32));
        EXPECT_INT(bytes[0] | bytes[1] << 8, rows[i].half);
    }
}

static void test_refused(void) {
    const float most = nextafterf(Q8_0_LIMIT, 0);
    const struct {
        float number;
        bool fits;
    } rows[] = {{most, true},         {-most, true},     {Q8_0_LIMIT, false},
                {-Q8_0_LIMIT, false}, {INFINITY, false}, {NAN, false}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        float numbers[64] = {0}, again[64];
        unsigned char bytes[2 * Q8_0_BYTES];
        numbers[40] = rows[i].number;
        EXPECT_INT(q8_0_pack(bytes, numbers, 64), rows[i].fits);
        if (!rows[i].fits) continue;
        q8_0_unpack(again, bytes, 64);
        EXPECT_NEAR(again[40] / rows[i].number, 1, 0.001);
    }
}

/* Each scale that there is, but NaN: unpacked and packed it is the same. */
static void test_scales(void) {
    for (unsigned half = 0; half <= 0x7bff; half++) {
        unsigned char bytes[Q8_0_BYTES] = {(unsigned char)half, (unsigned char)(half >> 8), 127, 129},
                      again[Q8_0_BYTES];
        float numbers[32];
        q8_0_unpack(numbers, bytes, 32);
        EXPECT(numbers[0] == -numbers[1] && numbers[2] == 0);
        EXPECT(q8_0_pack(again, numbers, 32));
        if (memcmp(bytes, again, 2) != 0) TEST_FAIL("scale %x: found %x%02x", half, again[1], again[0]);
    }
}

static void test_file(void) {
    enum { ROWS = 3, COLS = 64 };
    float matrix[ROWS * COLS], found[ROWS * COLS], expected[ROWS * COLS];
    const float vector[] = {1, 2, 3};
    unsigned char blocks[ROWS * COLS / 32 * Q8_0_BYTES];
    const size_t dims[] = {COLS, ROWS}, few[] = {3};
    Error err = {""};
    for (int i = 0; i < ROWS * COLS / 32; i++) fill(matrix + 32 * i, (float)i);
    EXPECT(q8_0_pack(blocks, matrix, COUNT(matrix)));
    q8_0_unpack(expected, blocks, COUNT(matrix));
    GgufWriter *writer = gguf_writer_new(8);
    gguf_add_q8_0(writer, "m", 2, dims, blocks);
    gguf_add_tensor(writer, "v", 1, few, vector);
    EXPECT(gguf_write(writer, path, &err));
    gguf_writer_free(writer);
    GgufFile *file = gguf_open(path, true, &err);
    EXPECT(file && gguf_has_tensor(file, "m", GGUF_TENSOR_Q8_0) && !gguf_has_tensor(file, "v", GGUF_TENSOR_Q8_0));
    EXPECT(file && gguf_read_floats(file, "m", 2, dims, found, &err) && memcmp(found, expected, sizeof found) == 0);
    EXPECT(file && gguf_read_floats(file, "v", 1, few, found, &err) && memcmp(found, vector, sizeof vector) == 0);
    EXPECT(file && !gguf_floats(file, "m", 2, dims, &err));
    EXPECT_HAS(err.text, "tensor m: expected type 0 (float32), found type 8");
    EXPECT(file && !gguf_read_floats(file, "m", 1, dims, found, &err));
    EXPECT_HAS(err.text, "tensor m: expected dims {64}, found {64, 3}");
    EXPECT(file && !gguf_read_floats(file, "x", 1, few, found, &err));
    gguf_close(file);
}

/* A file with one tensor t whose type, dim and data are these. */
static void expect_refused(uint64_t dim, size_t data, const char *reason) {
    unsigned char bytes[1024] = "GGUF\3\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0t\1\0\0";
    size_t at = 37;
    memcpy(bytes + at, &dim, 8);
    bytes[at + 8] = GGUF_TENSOR_Q8_0;
    at = (at + 8 + 4 + 8 + 31) / 32 * 32;
    Error err = {""};
    GgufFile *file = gguf_open_memory(bytes, at + data, "file", false, &err);
    EXPECT(!file == (reason != NULL));
    if (reason) EXPECT_HAS(err.text, reason);
    gguf_close(file);
}

static void test_wrong(void) {
    expect_refused(32, Q8_0_BYTES, NULL);
    expect_refused(64, 2 * Q8_0_BYTES, NULL);
    expect_refused(33, 2 * Q8_0_BYTES, "tensor t: expected a first dim that is a multiple of 32 for Q8_0, found 33");
    expect_refused(64, 2 * Q8_0_BYTES - 1, "tensor t: expected 2 blocks of 34 bytes at offset 0, found only 67 bytes");
    expect_refused(UINT64_MAX - 31, 99, "expected 576460752303423487 blocks of 34 bytes");
}

int main(void) {
    test_temporary(path, sizeof path);
    const int descriptor = mkstemp(path);
    if (descriptor < 0) return perror(path), 1;
    close(descriptor);
    RUN(test_bytes);
    RUN(test_half_way);
    RUN(test_refused);
    RUN(test_scales);
    RUN(test_file);
    RUN(test_wrong);
    unlink(path);
    return test_finish();
}
