/* XXH64 against values of the reference implementation (its Python binding, seed 0), in any cuts. */
#include "base/checksum.h"

#include "testlib.h"

static unsigned char data[1000];

static uint64_t whole(const void *bytes, size_t size) {
    Checksum sum;
    checksum_start(&sum);
    checksum_add(&sum, bytes, size);
    return checksum_end(&sum);
}

static void test_known_texts(void) {
    EXPECT(whole(NULL, 0) == 0xef46db3751d8e999);
    EXPECT(whole("a", 1) == 0xd24ec4f1a98c6e5b);
    EXPECT(whole("abc", 3) == 0x44bc2cf5ad770999);
    EXPECT(whole("message digest", 14) == 0x066ed728fceeb3be);
    EXPECT(whole("abcdefghijklmnopqrstuvwxyz", 26) == 0xcfe1f278fa89835c);
}

static void test_known_lengths(void) {
    EXPECT(whole(data, 31) == 0x04c0bace227f1ace);
    EXPECT(whole(data, 32) == 0x0516636a6464bd30);
    EXPECT(whole(data, 33) == 0xc2c834792de797ba);
    EXPECT(whole(data, 39) == 0xe14f1f79c67287e9);
    EXPECT(whole(data, 63) == 0x4e3bab41caea07d2);
    EXPECT(whole(data, 64) == 0x9478b8f53ca6f469);
    EXPECT(whole(data, 100) == 0x1c2aee48b1cd8281);
    EXPECT(whole(data, 999) == 0xede277716b080d83);
    EXPECT(whole(data, 1000) == 0xd96ed2793c4e779b);
}

static void test_any_cuts(void) {
    bool same = true;
    for (size_t step = 1; step < 140; step++) {
        Checksum sum;
        checksum_start(&sum);
        for (size_t at = 0, piece = step; at < 999; at += piece, piece = (piece * 5 + step) % 97 + 1) {
            if (piece > 999 - at) piece = 999 - at;
            checksum_add(&sum, data + at, piece);
            checksum_add(&sum, data, 0);
        }
        same = same && checksum_end(&sum) == 0xede277716b080d83;
    }
    EXPECT(same);
}

/* Every single flipped bit and every shortening shows, and asking for the sum changes nothing. */
static void test_damage_shows(void) {
    uint64_t good = whole(data, 100);
    bool seen = true;
    for (size_t bit = 0; bit < 800; bit++) {
        data[bit / 8] ^= (unsigned char)(1 << bit % 8);
        seen = seen && whole(data, 100) != good;
        data[bit / 8] ^= (unsigned char)(1 << bit % 8);
    }
    for (size_t size = 0; size < 100; size++) seen = seen && whole(data, size) != good;
    EXPECT(seen);
    Checksum sum;
    checksum_start(&sum);
    checksum_add(&sum, data, 50);
    checksum_end(&sum);
    checksum_add(&sum, data + 50, 50);
    EXPECT(checksum_end(&sum) == good);
}

int main(void) {
    for (size_t i = 0; i < sizeof data; i++) data[i] = (unsigned char)(i * i * 7 + i / 3);
    RUN(test_known_texts);
    RUN(test_known_lengths);
    RUN(test_any_cuts);
    RUN(test_damage_shows);
    return test_finish();
}
