/* Runs the body of a fuzz target where there is no libFuzzer, such as with sizes of 32 bits: on each file as it is, cut
 * short at many lengths, and, if it is not text, with sizes that no file has. For that, the bytes at each place are
 * taken for a number of 64 bits, to which a power of 2 is added. What is added at one place is, for the number that
 * begins four bytes before, one that is 2^32 times as large. So four powers make all sizes that wrap a product, and
 * those that 32 bits cannot hold.
 *
 * usage: PROGRAM FILE... (`make narrow`, scripts/fuzz.sh) */
#include "base/file.h"
#include "base/size.h"
#include "fuzz.h"

enum { LONGEST = 1 << 20 };

static size_t ran;

static void one(const uint8_t *data, size_t size) {
    uint8_t *copy = malloc(size ? size : 1); /* of the very size, so that a read past its end is seen */
    CHECK(copy, "memory for an input");
    memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
    ran++;
}

static void add(uint8_t *at, uint64_t what) {
    uint64_t number;
    memcpy(&number, at, sizeof number);
    number += what;
    memcpy(at, &number, sizeof number);
}

static void all_of(uint8_t *data, size_t size) {
    enum { HEAD = 8000, STEP = 97 }; /* sizes are in the head: a header of a small model file is as long as that */
    static const int powers[] = {24, 29, 30, 31};
    one(data, size);
    for (size_t length = 0; length < size; length += length < HEAD ? 7 : STEP) one(data, length);
    if (!memchr(data, 0, size)) return; /* text */
    for (size_t at = 0; at + 8 <= size && at < HEAD; at++)
        for (size_t i = 0; i < COUNT(powers); i++) {
            const uint64_t power = (uint64_t)1 << powers[i];
            add(data + at, power);
            one(data, size);
            add(data + at, 0 - power);
        }
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        Error err;
        FileMap file;
        CHECK(file_read(&file, argv[i], LONGEST, &err), err.text);
        uint8_t *data = malloc(file.size + 1);
        CHECK(data, "memory for a file");
        memcpy(data, file.data, file.size);
        all_of(data, file.size);
        free(data);
        file_unmap(&file);
    }
    printf("stat::number_of_executed_units: %zu\n", ran);
    return 0;
}
