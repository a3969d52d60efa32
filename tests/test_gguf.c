/* GGUF: what the writer writes, byte for byte; what the reader gives back; and files that are cut, flipped or hostile.
 */
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "gguf/gguf_internal.h"
#include "testlib.h"

static char folder[256], path[300];

/* ---- Files put together by hand ---- */

static unsigned char *bytes; /* grows */
static size_t n_bytes, room;

static void put(const void *data, size_t size) {
    if (n_bytes + size > room) bytes = memory_resize(bytes, room = 2 * (n_bytes + size), 1);
    memcpy(bytes + n_bytes, data, size);
    n_bytes += size;
}

static void put32(uint32_t number) { put(&number, sizeof number); }

static void put64(uint64_t number) { put(&number, sizeof number); }

static void put_text(const char *text) {
    put64(strlen(text));
    put(text, strlen(text));
}

static void put_header(uint64_t n_tensors, uint64_t n_pairs) {
    n_bytes = 0;
    put("GGUF", 4);
    put32(3);
    put64(n_tensors);
    put64(n_pairs);
}

static void put_pair(const char *key, uint32_t type, const void *value, size_t size) {
    put_text(key);
    put32(type);
    put(value, size);
}

static void put_tensor(const char *name, uint32_t type, uint64_t count, uint64_t offset) {
    put_text(name);
    put32(1);
    put64(count);
    put32(type);
    put64(offset);
}

/* Zeros up to a multiple of 32, then `size` more for the data. */
static void put_data(size_t size) {
    while (n_bytes % 32) put("", 1);
    while (size--) put("", 1);
}

static void save(const unsigned char *data, size_t size) {
    FILE *out = fopen(path, "wb");
    if (!out || fwrite(data, 1, size, out) != size) TEST_FAIL("cannot write %s", path);
    if (out) fclose(out);
}

static GgufFile *open_bytes(size_t size, bool require_checksum, Error *err) {
    save(bytes, size);
    return gguf_open(path, require_checksum, err);
}

/* The bytes so far are refused, with a message that names the file and has this part. */
#define EXPECT_REFUSED(part)                                                                                           \
    do {                                                                                                               \
        Error err_ = {""};                                                                                             \
        GgufFile *file_ = open_bytes(n_bytes, false, &err_);                                                           \
        EXPECT(file_ == NULL);                                                                                         \
        EXPECT_HAS(err_.text, path);                                                                                   \
        EXPECT_HAS(err_.text, part);                                                                                   \
        gguf_close(file_);                                                                                             \
    } while (0)

static void expect_opens(void) {
    Error err = {""};
    GgufFile *file = open_bytes(n_bytes, false, &err);
    if (!file) TEST_FAIL("expected it to open: %s", err.text);
    gguf_close(file);
}

static void load(void) {
    FILE *in = fopen(path, "rb");
    unsigned char block[512];
    n_bytes = 0;
    if (!in) {
        TEST_FAIL("cannot read %s", path);
        return;
    }
    for (size_t got; (got = fread(block, 1, sizeof block, in)) > 0;) put(block, got);
    fclose(in);
}

/* ---- Writing ---- */

static void write_small(void) {
    const float data[] = {1, -2, 0.5f};
    const size_t dims[] = {3};
    Error err = {""};
    GgufWriter *writer = gguf_writer_new(8);
    gguf_set_string(writer, "a.b", "xy");
    gguf_add_tensor(writer, "t", 1, dims, data);
    if (!gguf_write(writer, path, &err)) TEST_FAIL("%s", err.text);
    gguf_writer_free(writer);
}

static void test_exact_bytes(void) {
    static const char expected[] = "GGUF\3\0\0\0"                              /* version 3 */
                                   "\1\0\0\0\0\0\0\0"                          /* tensors */
                                   "\3\0\0\0\0\0\0\0"                          /* keys */
                                   "\21\0\0\0\0\0\0\0general.alignment"        /* at 24 */
                                   "\4\0\0\0\10\0\0\0"                         /* uint32 8 */
                                   "\3\0\0\0\0\0\0\0a.b"                       /* at 57 */
                                   "\10\0\0\0\2\0\0\0\0\0\0\0xy"               /* string "xy" */
                                   "\14\0\0\0\0\0\0\0nmt.checksum"             /* at 82 */
                                   "\12\0\0\0\x7b\x10\xd7\xb7\xf4\xda\x10\x7d" /* uint64: XXH64, by another program */
                                   "\1\0\0\0\0\0\0\0t"                         /* at 114 */
                                   "\1\0\0\0\3\0\0\0\0\0\0\0"                  /* one dim: 3 */
                                   "\0\0\0\0\0\0\0\0\0\0\0\0"                  /* F32, offset 0 */
                                   "\0\0\0\0\0"                                /* from 147 up to 152 */
                                   "\0\0\x80\x3f\0\0\0\xc0\0\0\0\x3f"          /* 1, -2, 0.5 */
                                   "\0\0\0"; /* up to 168, with the literal's own NUL */
    write_small();
    load();
    EXPECT_INT(n_bytes, sizeof expected);
    for (size_t i = 0; i < sizeof expected && i < n_bytes; i++)
        if (bytes[i] != (unsigned char)expected[i])
            TEST_FAIL("byte %zu: expected %d, found %d", i, (unsigned char)expected[i], bytes[i]);
}

static void test_round_trip(void) {
    const float matrix[] = {1, 2, 3, 4, 5, 6}, vector[] = {7}, block[] = {8, 9, 10, 11};
    const size_t matrix_dims[] = {3, 2}, vector_dims[] = {1}, block_dims[] = {1, 2, 1, 2};
    const uint32_t numbers[] = {0, 1, UINT32_MAX};
    const float floats[] = {-0.0f, 1e-40f};
    const int16_t shorts[] = {-1, 300};
    const uint8_t bools[] = {1, 0};
    const GgufString strings[] = {{"", 0}, {"a\0b", 3}, {"\xc3\xa9\xff", 3}};
    const double ninth = 1.0 / 9;
    Error err = {""};
    GgufWriter *writer = gguf_writer_new(8);
    gguf_set_string(writer, "s", "caf\xc3\xa9\n");
    gguf_set_string(writer, "s.empty", "");
    gguf_set_uint32(writer, "u32", UINT32_MAX);
    gguf_set_uint64(writer, "u64", UINT64_MAX);
    gguf_set_float64(writer, "f64", ninth);
    gguf_set_bool(writer, "yes", true);
    gguf_set_bool(writer, "no", false);
    gguf_set_array(writer, "a.u32", GGUF_UINT32, numbers, 3);
    gguf_set_array(writer, "a.f32", GGUF_FLOAT32, floats, 2);
    gguf_set_array(writer, "a.i16", GGUF_INT16, shorts, 2);
    gguf_set_array(writer, "a.bool", GGUF_BOOL, bools, 2);
    gguf_set_array(writer, "a.s", GGUF_STRING, strings, 3);
    gguf_set_array(writer, "a.empty", GGUF_STRING, NULL, 0);
    gguf_set_array(writer, "a.none", GGUF_UINT32, NULL, 0);
    gguf_add_tensor(writer, "z.matrix", 2, matrix_dims, matrix);
    gguf_add_tensor(writer, "vector", 1, vector_dims, vector);
    gguf_add_tensor(writer, "block", 4, block_dims, block);
    EXPECT(gguf_write(writer, path, &err));
    gguf_writer_free(writer);

    GgufFile *file = gguf_open(path, true, &err);
    if (!file) {
        TEST_FAIL("%s", err.text);
        return;
    }
    size_t n = 0, length = 0;
    uint64_t whole = 0;
    double real = 0;
    bool flag = false;
    EXPECT_STR(gguf_string(file, "s", &length, &err), "caf\xc3\xa9\n");
    EXPECT_INT(length, 6);
    EXPECT_STR(gguf_string(file, "s.empty", NULL, &err), "");
    EXPECT(gguf_uint64(file, "u32", &whole, &err) && whole == UINT32_MAX);
    EXPECT(gguf_uint64(file, "u64", &whole, &err) && whole == UINT64_MAX);
    EXPECT(gguf_double(file, "f64", &real, &err) && real == ninth);
    EXPECT(gguf_bool(file, "yes", &flag, &err) && flag);
    EXPECT(gguf_bool(file, "no", &flag, &err) && !flag);
    EXPECT(gguf_uint64(file, "general.alignment", &whole, &err) && whole == 8);

    const void *values = gguf_array(file, "a.u32", GGUF_UINT32, &n, &err);
    EXPECT(values && n == 3 && memcmp(values, numbers, sizeof numbers) == 0);
    values = gguf_array(file, "a.f32", GGUF_FLOAT32, &n, &err);
    EXPECT(values && n == 2 && memcmp(values, floats, sizeof floats) == 0);
    values = gguf_array(file, "a.i16", GGUF_INT16, &n, &err);
    EXPECT(values && n == 2 && memcmp(values, shorts, sizeof shorts) == 0);
    values = gguf_array(file, "a.bool", GGUF_BOOL, &n, &err);
    EXPECT(values && n == 2 && memcmp(values, bools, sizeof bools) == 0);
    EXPECT(gguf_array(file, "a.empty", GGUF_STRING, &n, &err) && n == 0);
    EXPECT(gguf_array(file, "a.none", GGUF_UINT32, &n, &err) && n == 0);
    const GgufString *texts = gguf_array(file, "a.s", GGUF_STRING, &n, &err);
    EXPECT_INT(n, 3);
    for (size_t i = 0; texts && i < 3; i++)
        EXPECT(texts[i].length == strings[i].length && texts[i].text[texts[i].length] == '\0' &&
               memcmp(texts[i].text, strings[i].text, strings[i].length) == 0);

    const float *data = gguf_floats(file, "z.matrix", 2, matrix_dims, &err);
    EXPECT(data && memcmp(data, matrix, sizeof matrix) == 0);
    EXPECT(!gguf_floats(file, "z.matrix", 1, matrix_dims, &err)); /* not the first row only */
    data = gguf_floats(file, "block", 4, block_dims, &err);
    EXPECT(data && (uintptr_t)data % 8 == 0 && memcmp(data, block, sizeof block) == 0);
    data = gguf_floats(file, "vector", 1, vector_dims, &err);
    EXPECT(data && data[0] == 7);

    /* In the order they were given. With alignment 8 the matrix's 24 bytes need no padding after them. */
    const GgufTensor *tensors = file->tensors;
    EXPECT_INT(file->n_tensors, 3);
    EXPECT_STR(tensors[0].name, "z.matrix");
    EXPECT_INT(tensors[0].count, 6);
    EXPECT_INT(tensors[0].bytes, 24);
    EXPECT_STR(tensors[1].name, "vector");
    EXPECT_INT(tensors[1].offset, 24);
    EXPECT_INT(tensors[2].offset, 32);
    EXPECT(tensors[1].data == data);
    EXPECT_INT(file->n_pairs, 16);
    EXPECT_STR(file->pairs[0].key, "general.alignment");
    EXPECT_STR(file->pairs[1].key, "s");
    EXPECT_STR(file->pairs[15].key, GGUF_CHECKSUM_KEY);
    gguf_close(file);
}

static void test_write_twice_is_the_same(void) {
    write_small();
    load();
    unsigned char *first = memory_new(n_bytes, 1);
    const size_t size = n_bytes;
    memcpy(first, bytes, size);
    write_small();
    load();
    EXPECT(n_bytes == size && memcmp(first, bytes, size) == 0);
    free(first);
}

static void test_write_without_tensors(void) {
    Error err = {""};
    GgufWriter *writer = gguf_writer_new(64);
    EXPECT(gguf_write(writer, path, &err));
    GgufFile *file = gguf_open(path, true, &err);
    EXPECT(file && file->n_tensors == 0);
    EXPECT(file && !gguf_floats(file, "t", 1, (const size_t[]){1}, &err));
    EXPECT_HAS(err.text, "expected a tensor t");
    gguf_close(file);
    EXPECT(!gguf_write(writer, "/nowhere/at/all.gguf", &err));
    EXPECT_HAS(err.text, "/nowhere/at/all.gguf");
    gguf_writer_free(writer);
}

/* ---- Looking up ---- */

static void test_numbers_of_any_width(void) {
    const int8_t i8 = -5;
    const uint8_t u8 = 200;
    const int16_t i16 = 300, below = -300;
    const uint16_t u16 = 65535;
    const int32_t i32 = INT32_MAX;
    const int64_t i64 = INT64_MAX, lowest = INT64_MIN;
    const float f32 = 0.1f;
    const double f64 = 0.1;
    const uint8_t u1 = 1;
    static const char *const texts[] = {
        "-5",          "200", "300",  "-300", "65535", "2147483647", "9223372036854775807", "-9223372036854775808",
        "0.100000001", "0.1", "true", "ab",   NULL};
    uint64_t value = 99;
    double real = 0;
    Error err = {""};
    put_header(0, 13);
    put_pair("i8", GGUF_INT8, &i8, 1);
    put_pair("u8", GGUF_UINT8, &u8, 1);
    put_pair("i16", GGUF_INT16, &i16, 2);
    put_pair("below", GGUF_INT16, &below, 2);
    put_pair("u16", GGUF_UINT16, &u16, 2);
    put_pair("i32", GGUF_INT32, &i32, 4);
    put_pair("i64", GGUF_INT64, &i64, 8);
    put_pair("lowest", GGUF_INT64, &lowest, 8);
    put_pair("f32", GGUF_FLOAT32, &f32, 4);
    put_pair("f64", GGUF_FLOAT64, &f64, 8);
    put_pair("bool", GGUF_BOOL, &u1, 1);
    put_pair("string", GGUF_STRING, "\2\0\0\0\0\0\0\0ab", 10);
    put_pair("NUL", GGUF_STRING, "\2\0\0\0\0\0\0\0a", 10);
    GgufFile *file = open_bytes(n_bytes, false, &err);
    if (!file) {
        TEST_FAIL("%s", err.text);
        return;
    }
    EXPECT(!gguf_uint64(file, "i8", &value, &err) && value == 99);
    EXPECT_HAS(err.text, "key i8: expected an integer of 0 or more, found int8 -5");
    EXPECT(!gguf_uint64(file, "below", &value, &err));
    EXPECT_HAS(err.text, "int16 -300");
    EXPECT(!gguf_uint64(file, "lowest", &value, &err));
    EXPECT_HAS(err.text, "int64 -9223372036854775808");
    EXPECT(gguf_uint64(file, "u8", &value, &err) && value == 200);
    EXPECT(gguf_uint64(file, "i16", &value, &err) && value == 300);
    EXPECT(gguf_uint64(file, "u16", &value, &err) && value == 65535);
    EXPECT(gguf_uint64(file, "i32", &value, &err) && value == INT32_MAX);
    EXPECT(gguf_uint64(file, "i64", &value, &err) && value == INT64_MAX);
    EXPECT(gguf_double(file, "f32", &real, &err) && real == (double)f32);
    for (size_t i = 0; i < COUNT(texts); i++) {
        char *text = gguf_text(file, i);
        EXPECT(!text == !texts[i]);
        if (text && texts[i]) EXPECT_STR(text, texts[i]);
        free(text);
    }
    gguf_close(file);
}

static void test_wrong_lookups(void) {
    const size_t dims[] = {3}, others[] = {3, 1};
    uint64_t whole;
    double real;
    bool flag;
    size_t n;
    Error err = {""};
    write_small();
    GgufFile *file = gguf_open(path, true, &err);
    if (!file) {
        TEST_FAIL("%s", err.text);
        return;
    }
    EXPECT(gguf_has(file, "a.b") && !gguf_has(file, "a.c") && !gguf_has(file, ""));
    EXPECT(!gguf_uint64(file, "a.c", &whole, &err));
    EXPECT_HAS(err.text, "key a.c: expected an integer of 0 or more, found no such key");
    EXPECT_HAS(err.text, path);
    EXPECT(!gguf_uint64(file, "a.b", &whole, &err));
    EXPECT_HAS(err.text, "found a string");
    EXPECT(!gguf_double(file, "general.alignment", &real, &err));
    EXPECT_HAS(err.text, "expected a float32 or float64, found uint32 8");
    EXPECT(!gguf_bool(file, "a.b", &flag, &err));
    EXPECT(!gguf_string(file, "general.alignment", NULL, &err));
    EXPECT(!gguf_array(file, "a.b", GGUF_STRING, &n, &err));
    EXPECT_HAS(err.text, "expected an array of string, found a string");
    EXPECT(!gguf_floats(file, "u", 1, dims, &err));
    EXPECT(gguf_floats(file, "t", 1, dims, &err) != NULL);
    EXPECT(!gguf_floats(file, "t", 2, others, &err));
    EXPECT_HAS(err.text, "tensor t: expected dims {3, 1}, found {3}");
    EXPECT(!gguf_floats(file, "t", 1, (const size_t[]){4}, &err));
    gguf_close(file);

    put_header(0, 1);
    put_pair("s", GGUF_STRING, "\3\0\0\0\0\0\0\0a\0b", 11);
    file = open_bytes(n_bytes, false, &err);
    EXPECT(file && !gguf_string(file, "s", NULL, &err));
    EXPECT_HAS(err.text, "found a NUL byte");
    EXPECT(file && gguf_string(file, "s", &n, &err) && n == 3);
    gguf_close(file);

    const uint64_t large = UINT64_MAX;
    const int64_t below = -3;
    put_header(0, 2);
    put_pair("large", GGUF_UINT64, &large, sizeof large);
    put_pair("below", GGUF_INT64, &below, sizeof below);
    file = open_bytes(n_bytes, false, &err);
    EXPECT(file && !gguf_string(file, "large", NULL, &err));
    EXPECT_HAS(err.text, "found uint64 18446744073709551615");
    EXPECT(file && !gguf_string(file, "below", NULL, &err));
    EXPECT_HAS(err.text, "found int64 -3");
    gguf_close(file);
}

/* ---- Damage ---- */

static void test_every_bit_flip_is_refused(void) {
    write_small();
    load();
    for (size_t i = 0; i < n_bytes; i++)
        for (int bit = 0; bit < 8; bit++) {
            Error err = {""};
            bytes[i] ^= (unsigned char)(1 << bit);
            GgufFile *file = open_bytes(n_bytes, true, &err);
            if (file || !strstr(err.text, path)) TEST_FAIL("byte %zu bit %d: found \"%s\"", i, bit, err.text);
            gguf_close(file);
            bytes[i] ^= (unsigned char)(1 << bit);
        }
    expect_opens();
    bytes[n_bytes - 1] = 1; /* a byte of padding */
    EXPECT_REFUSED("damaged: checksum expected ");
}

/* A file that another tool has changed opens when its new checksum is accepted, and no other file does. */
static void test_accepted_change(void) {
    static const struct {
        const char *what, *find, *put;
        bool sound;
    } rows[] = {{"a string", "xy", "XY", true},
                {"a key's name", "a.b", "c.d", true},
                {"a weight", "\x80\x3f", "\x80\x40", true},
                {"the magic", "GGUF", "GGUX", false},
                {"a type", "a.b", "a b", false}};
    for (size_t i = 0; i < COUNT(rows); i++) {
        Error err = {""};
        write_small();
        load();
        char *at = memmem(bytes, n_bytes, rows[i].find, strlen(rows[i].find));
        if (!at) {
            TEST_FAIL("no %s", rows[i].find);
            continue;
        }
        memcpy(at, rows[i].put, strlen(rows[i].put));
        EXPECT(!open_bytes(n_bytes, true, &err));
        const char *way = strstr(err.text, "set NMT_ACCEPT=");
        EXPECT_INT(way != NULL, rows[i].sound);
        if (!way) continue;
        EXPECT_HAS(err.text, "changed since it was written, or damaged: checksum expected ");
        char sum[17];
        snprintf(sum, sizeof sum, "%.16s", way + 15);
        EXPECT_HAS(strstr(err.text, "found "), sum);
        setenv("NMT_ACCEPT", sum, 1);
        GgufFile *file = open_bytes(n_bytes, true, &err);
        if (!file) TEST_FAIL("%s: %s", rows[i].what, err.text);
        gguf_close(file);
        bytes[n_bytes - 1] ^= 1; /* another file */
        EXPECT(!open_bytes(n_bytes, true, &err));
        for (size_t cut = 0; cut < n_bytes; cut += 7) EXPECT(!open_bytes(cut, true, &err));
        unsetenv("NMT_ACCEPT");
    }
}

static void test_every_truncation_is_refused(void) {
    write_small();
    load();
    for (size_t size = 0; size < n_bytes; size++) {
        Error err = {""};
        GgufFile *file = open_bytes(size, true, &err);
        if (file || !strstr(err.text, path)) TEST_FAIL("%zu bytes: found \"%s\"", size, err.text);
        gguf_close(file);
    }
}

/* Without a checksum the bounds alone must do it. The filler in front makes the cut file end with a page of memory,
 * where reading even one byte too many is a fault. */
static void test_truncation_at_a_page(void) {
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    static const char filler[1 << 16];
    bool whole = false;
    for (size_t size = page - 400; size < page && size < sizeof filler && !whole; size++) {
        Error err = {""};
        put_header(1, 4);
        put_text("filler");
        put32(GGUF_STRING);
        put64(size);
        put(filler, size);
        const size_t first = n_bytes;
        put_pair("n", GGUF_UINT64, "12345678", 8);
        put_pair("b", GGUF_ARRAY, "\7\0\0\0\2\0\0\0\0\0\0\0\0\1", 14);
        put_pair("s", GGUF_ARRAY, "\10\0\0\0\2\0\0\0\0\0\0\0\1\0\0\0\0\0\0\0x\0\0\0\0\0\0\0\0", 29);
        put_tensor("t", GGUF_TENSOR_F32, 2, 0);
        put_data(8);
        const bool cut = n_bytes > page;
        GgufFile *file = open_bytes(cut ? page : n_bytes, false, &err);
        if (cut ? file != NULL : file == NULL)
            TEST_FAIL("key-values from byte %zu: found \"%s\"", first, file ? "" : err.text);
        gguf_close(file);
        whole = first >= page;
    }
    EXPECT(whole);
}

/* ---- Hostile files: none has a checksum, so that the bounds themselves are tested ---- */

static void test_not_gguf(void) {
    n_bytes = 0;
    EXPECT_REFUSED("not a GGUF file");
    put("GGU", 3);
    EXPECT_REFUSED("not a GGUF file: expected it to begin with \"GGUF\", found \"GGU\"");
    n_bytes = 0;
    put("PK\3\4and so on, at some length", 30);
    EXPECT_REFUSED("found \"PK??\"");
    Error err = {""};
    EXPECT(!gguf_open("/nowhere/m.gguf", false, &err));
    EXPECT_HAS(err.text, "/nowhere/m.gguf");
}

static void test_versions(void) {
    put_header(0, 0);
    expect_opens();
    bytes[4] = 2;
    EXPECT_REFUSED("expected GGUF version 3, found version 2");
    bytes[4] = 0;
    EXPECT_REFUSED("found version 0");
    bytes[7] = 3;
    EXPECT_REFUSED("big-endian");
}

static void test_checksum_missing_or_odd(void) {
    Error err = {""};
    put_header(0, 0);
    EXPECT(!open_bytes(n_bytes, true, &err));
    EXPECT_HAS(err.text, "expected the key nmt.checksum, found none");
    put_header(0, 1);
    put_pair(GGUF_CHECKSUM_KEY, GGUF_UINT32, "1234", 4);
    EXPECT_REFUSED("key nmt.checksum: expected uint64, found uint32");
    put_header(0, 1);
    put_pair(GGUF_CHECKSUM_KEY, GGUF_UINT64, "12345678", 8);
    EXPECT_REFUSED("damaged: checksum expected 3837363534333231, found ");
}

static void test_absurd_counts(void) {
    const uint64_t counts[] = {3, 1000, UINT64_C(1) << 32, UINT64_C(1) << 60, UINT64_MAX};
    for (size_t i = 0; i < 5; i++) {
        put_header(0, counts[i]);
        put_pair("k", GGUF_BOOL, "", 1);
        put_pair("l", GGUF_BOOL, "", 1);
        EXPECT_REFUSED("expected at most 2 keys");
        put_header(counts[i], 0);
        put_tensor("t", GGUF_TENSOR_F32, 1, 0);
        put("some more", 9);
        EXPECT_REFUSED("expected at most 1 tensors");
    }
}

static void test_lengths_past_the_end(void) {
    const uint64_t lengths[] = {100, UINT64_C(1) << 40, UINT64_MAX - 32, UINT64_MAX};
    const uint32_t elements[] = {GGUF_UINT8, GGUF_STRING, GGUF_FLOAT64};
    for (size_t i = 0; i < 4; i++) {
        put_header(0, 1);
        put64(lengths[i]);
        put("a key and more", 14);
        EXPECT_REFUSED("key 0: expected a key");
        put_header(0, 1);
        put_text("k");
        put32(GGUF_STRING);
        put64(lengths[i]);
        put("text", 4);
        EXPECT_REFUSED("key k: expected a string");
        for (size_t j = 0; j < 3; j++) {
            put_header(0, 1);
            put_text("k");
            put32(GGUF_ARRAY);
            put32(elements[j]);
            put64(lengths[i]);
            put("some values", 11);
            EXPECT_REFUSED("key k: expected");
        }
        put_header(0, 1);
        put_text("k");
        put32(GGUF_ARRAY);
        put32(GGUF_STRING);
        put64(2);
        put_text("one");
        put64(lengths[i]);
        EXPECT_REFUSED("key k: expected a string");
    }
    put_header(0, 1); /* 8 * 2^61 wraps to 0 */
    put_text("k");
    put32(GGUF_ARRAY);
    put32(GGUF_FLOAT64);
    put64(UINT64_C(1) << 61);
    EXPECT_REFUSED("key k: expected 2305843009213693952 values of type float64 (8 bytes each)");
    put_header(0, 1); /* a number that is cut */
    put_text("k");
    put32(GGUF_FLOAT32);
    put("12", 2);
    EXPECT_REFUSED("key k: expected a value (4 bytes) at byte");
}

static void test_bad_types(void) {
    put_header(0, 1);
    put_pair("k", 13, "12345678", 8);
    EXPECT_REFUSED("key k: expected a value type from 0 to 12, found 13");
    put_header(0, 1);
    put_pair("k", UINT32_MAX, "12345678", 8);
    EXPECT_REFUSED("found 4294967295");
    put_header(0, 1);
    put_pair("k", GGUF_ARRAY, "\15\0\0\0\1\0\0\0\0\0\0\0", 12);
    EXPECT_REFUSED("found 13");
    put_header(0, 1);
    put_pair("k", GGUF_ARRAY, "\11\0\0\0\0\0\0\0\0\0\0\0", 12);
    EXPECT_REFUSED("found an array of arrays");
    put_header(0, 1);
    put_pair("k", GGUF_BOOL, "\2", 1);
    EXPECT_REFUSED("expected a bool of 0 or 1, found 2");
    put_header(0, 1);
    put_pair("k", GGUF_ARRAY, "\7\0\0\0\3\0\0\0\0\0\0\0\1\0\377", 15);
    EXPECT_REFUSED("expected a bool of 0 or 1, found 255");
}

static void test_bad_names(void) {
    char name[70];
    memset(name, 'x', sizeof name);
    put_header(0, 1);
    put_pair("", GGUF_BOOL, "\1", 1);
    put("", 1);
    EXPECT_REFUSED("key 0: expected a key of 1 to 65535 visible characters");
    put_header(0, 1);
    put64(3);
    put("a\0b", 3);
    put32(GGUF_BOOL);
    put("", 1);
    EXPECT_REFUSED("key 0: expected a key of");
    put_header(0, 1);
    put64(65536);
    for (size_t i = 0; i < 65536; i++) put("k", 1);
    put32(GGUF_BOOL);
    put("", 1);
    EXPECT_REFUSED("found 65536 bytes");
    for (size_t length = 64; length <= 65; length++) {
        name[length] = '\0';
        put_header(1, 0);
        put_tensor(name, GGUF_TENSOR_F32, 1, 0);
        put_data(4);
        if (length == 64)
            expect_opens();
        else
            EXPECT_REFUSED("tensor 0: expected a tensor name of 1 to 64 visible characters, found 65 bytes");
        name[length] = 'x';
    }
}

static void test_duplicates(void) {
    put_header(0, 3);
    put_pair("k", GGUF_BOOL, "", 1);
    put_pair("l", GGUF_BOOL, "", 1);
    put_pair("k", GGUF_UINT8, "", 1);
    EXPECT_REFUSED("key k: expected once, found twice");
    put_header(3, 0);
    put_tensor("t", GGUF_TENSOR_F32, 1, 0);
    put_tensor("s", GGUF_TENSOR_F32, 1, 32);
    put_tensor("t", GGUF_TENSOR_F32, 1, 64);
    put_data(68);
    EXPECT_REFUSED("tensor t: expected once, found twice");
}

static void test_many_names_are_quick(void) {
    enum { MANY = 200000 };
    char key[32];
    Error err = {""};
    put_header(0, MANY);
    for (int i = 0; i < MANY; i++) {
        snprintf(key, sizeof key, "some.key.%d", i);
        put_pair(key, GGUF_BOOL, "", 1);
    }
    save(bytes, n_bytes);
    const clock_t start = clock();
    GgufFile *file = gguf_open(path, false, &err);
    EXPECT(file && file->n_pairs == MANY && gguf_has(file, "some.key.123456"));
    EXPECT((double)(clock() - start) / CLOCKS_PER_SEC < 3);
    gguf_close(file);
}

static void put_dims(uint32_t n_dims, const uint64_t *dims) {
    put_header(1, 0);
    put_text("t");
    put32(n_dims);
    for (uint32_t i = 0; i < n_dims && i < 5; i++) put64(dims[i]);
    put32(GGUF_TENSOR_F32);
    put64(0);
    put_data(64);
}

static void test_bad_dims(void) {
    put_dims(2, (const uint64_t[]){4, 4});
    expect_opens();
    put_dims(0, NULL);
    put("more than the least", 19);
    EXPECT_REFUSED("tensor t: expected 1 to 4 dims, found 0");
    put_dims(5, (const uint64_t[]){1, 1, 1, 1, 1});
    EXPECT_REFUSED("expected 1 to 4 dims, found 5");
    put_dims(UINT32_MAX, (const uint64_t[]){1, 1, 1, 1, 1});
    EXPECT_REFUSED("found 4294967295");
    put_dims(2, (const uint64_t[]){4, 0});
    EXPECT_REFUSED("expected a dim above 0");
    put_dims(2, (const uint64_t[]){UINT64_C(1) << 32, UINT64_C(1) << 32}); /* the product wraps to 0 */
    EXPECT_REFUSED("expected dims with a product below 2^64");
    put_dims(4, (const uint64_t[]){3, UINT64_C(0x5555555555555556), 1, 1}); /* wraps to 2 */
    EXPECT_REFUSED("expected dims with a product below 2^64");
    put_dims(1, (const uint64_t[]){UINT64_C(1) << 62}); /* the bytes wrap to 0 */
    EXPECT_REFUSED("tensor t: expected 4611686018427387904 elements");
    put_dims(1, (const uint64_t[]){17});
    EXPECT_REFUSED("tensor t: expected 17 elements of 4 bytes at offset 0, found only 64 bytes");
}

static void put_two(uint32_t type, uint64_t count, uint64_t offset, uint64_t other) {
    put_header(2, 0);
    put_tensor("t", type, count, offset);
    put_tensor("s", GGUF_TENSOR_F32, 8, other);
    put_data(96);
}

static void test_bad_offsets(void) {
    put_two(GGUF_TENSOR_F32, 16, 0, 64);
    expect_opens();
    put_two(GGUF_TENSOR_F32, 16, 32, 0);
    expect_opens();
    put_two(GGUF_TENSOR_F32, 16, 8, 64);
    EXPECT_REFUSED("tensor t: expected an offset that is a multiple of 32, found 8");
    put_two(GGUF_TENSOR_F32, 16, 0, 96);
    EXPECT_REFUSED("tensor s: expected an offset below 96, the size of the data, found 96");
    put_two(GGUF_TENSOR_F32, 16, 0, UINT64_MAX - 31);
    EXPECT_REFUSED("tensor s: expected an offset below 96");
    put_two(GGUF_TENSOR_F32, 16, 64, 0);
    EXPECT_REFUSED("tensor t: expected 16 elements of 4 bytes at offset 64, found only 32 bytes");
    put_two(GGUF_TENSOR_F32, 16, 0, 32);
    EXPECT_REFUSED("tensor s: expected an offset of 64 or more, the end of t, found 32");
    put_two(GGUF_TENSOR_F32, 1, 0, 0);
    EXPECT_REFUSED("the end of ");
    put_two(GGUF_TENSOR_BF16, 16, 0, 32);
    expect_opens();
    put_two(GGUF_TENSOR_BF16, 17, 0, 32);
    EXPECT_REFUSED("tensor s: expected an offset of 34");
    put_two(7, 1, 32, 32);
    EXPECT_REFUSED("the end of ");
    put_two(7, 1, 200, 32);
    EXPECT_REFUSED("tensor t: expected an offset that is");
    put_header(1, 0); /* no data section at all */
    put_tensor("t", 7, 1, 0);
    EXPECT_REFUSED("tensor t: expected an offset below 0");
}

static void test_other_types_are_listed(void) {
    Error err = {""};
    put_two(12, 256, 0, 64);
    put("trailing bytes", 14);
    GgufFile *file = open_bytes(n_bytes, false, &err);
    if (!file) {
        TEST_FAIL("%s", err.text);
        return;
    }
    const GgufTensor *tensors = file->tensors;
    EXPECT_INT(tensors[0].type, 12);
    EXPECT(tensors[0].data == NULL && tensors[0].bytes == 0 && tensors[0].count == 256);
    EXPECT(!gguf_floats(file, "t", 1, (const size_t[]){256}, &err));
    EXPECT_HAS(err.text, "tensor t: expected type 0 (float32), found type 12");
    gguf_close(file);
}

static void put_alignment(uint32_t type, uint64_t alignment, size_t size, uint64_t offset) {
    put_header(2, 1);
    put_pair(GGUF_ALIGNMENT_KEY, type, &alignment, size);
    put_tensor("t", GGUF_TENSOR_F32, 2, 0);
    put_tensor("s", GGUF_TENSOR_F32, 2, offset);
    put_data(256);
}

static void test_alignment(void) {
    put_alignment(GGUF_UINT32, 8, 4, 8);
    expect_opens();
    put_alignment(GGUF_UINT32, 64, 4, 64);
    expect_opens();
    put_alignment(GGUF_UINT32, 64, 4, 32);
    EXPECT_REFUSED("expected an offset that is a multiple of 64, found 32");
    const uint64_t bad[] = {0, 1, 4, 12, 24, 33, UINT32_MAX};
    for (size_t i = 0; i < COUNT(bad); i++) {
        put_alignment(GGUF_UINT32, bad[i], 4, 64);
        EXPECT_REFUSED("key general.alignment: expected a power of two from 8 up, found ");
    }
    put_alignment(GGUF_UINT64, UINT64_C(1) << 63, 8, 64);
    EXPECT_REFUSED("found 9223372036854775808");
    put_alignment(GGUF_UINT32, UINT32_C(1) << 31, 4, 0);
    EXPECT_REFUSED("expected an offset");
    put_alignment(GGUF_FLOAT32, 8, 4, 8);
    EXPECT_REFUSED("key general.alignment: expected an integer of 0 or more, found a float32");
}

int main(void) {
    test_temporary(folder, sizeof folder);
    if (!mkdtemp(folder)) return perror(folder), 1;
    snprintf(path, sizeof path, "%s/m.gguf", folder);

    RUN(test_exact_bytes);
    RUN(test_round_trip);
    RUN(test_write_twice_is_the_same);
    RUN(test_write_without_tensors);
    RUN(test_numbers_of_any_width);
    RUN(test_wrong_lookups);
    RUN(test_every_bit_flip_is_refused);
    RUN(test_accepted_change);
    RUN(test_every_truncation_is_refused);
    RUN(test_truncation_at_a_page);
    RUN(test_not_gguf);
    RUN(test_versions);
    RUN(test_checksum_missing_or_odd);
    RUN(test_absurd_counts);
    RUN(test_lengths_past_the_end);
    RUN(test_bad_types);
    RUN(test_bad_names);
    RUN(test_duplicates);
    RUN(test_many_names_are_quick);
    RUN(test_bad_dims);
    RUN(test_bad_offsets);
    RUN(test_other_types_are_listed);
    RUN(test_alignment);

    unlink(path);
    rmdir(folder);
    free(bytes);
    return test_finish();
}
