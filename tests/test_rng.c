/* Philox4x32-10 against the known answers of its authors' Random123 distribution, and the shape of what is drawn. */
#include "base/rng.h"

#include "testlib.h"

static void expect_words(RngSite site, uint64_t index, const uint32_t expected[4]) {
    uint32_t word[4];
    rng_philox(word, site, index);
    for (int i = 0; i < 4; i++) EXPECT_INT(word[i], expected[i]);
}

static void test_known_answers(void) {
    const uint32_t zeros[] = {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8};
    expect_words((RngSite){0, 0, 0}, 0, zeros);
    const uint32_t ones[] = {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd};
    expect_words((RngSite){UINT64_MAX, UINT32_MAX, UINT32_MAX}, UINT64_MAX, ones);
    /* Counter and key are the digits of pi. */
    const uint32_t pi[] = {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1};
    expect_words((RngSite){.seed = 0x299f31d0a4093822, .step = 0x03707344, .site = 0x13198a2e}, 0x85a308d3243f6a88, pi);
}

static void test_bits_are_the_first_two_words(void) { EXPECT(rng_bits((RngSite){0, 0, 0}, 0) == 0xe169c58d6627e8d5); }

static void test_every_coordinate_matters(void) {
    const RngSite site = {7, 8, 9};
    uint64_t bits = rng_bits(site, 10);
    EXPECT(bits == rng_bits(site, 10));
    EXPECT(bits != rng_bits(site, 11));
    EXPECT(bits != rng_bits(site, 10 + ((uint64_t)1 << 32)));
    EXPECT(bits != rng_bits((RngSite){8, 8, 9}, 10));
    EXPECT(bits != rng_bits((RngSite){7 + ((uint64_t)1 << 32), 8, 9}, 10));
    EXPECT(bits != rng_bits((RngSite){7, 9, 9}, 10));
    EXPECT(bits != rng_bits((RngSite){7, 8, 10}, 10));
}

/* Over 100,000 draws: mean 1/2, variance 1/12, neighbours uncorrelated, each within five standard errors. */
static void test_uniform(void) {
    enum { DRAWS = 100000 };
    const RngSite site = {42, 1, 2};
    double sum = 0, squares = 0, products = 0, least = 1, most = 0;
    for (uint64_t i = 0; i < DRAWS; i++) {
        double u = rng_uniform(site, i), next = rng_uniform(site, i + 1);
        sum += u;
        squares += (u - 0.5) * (u - 0.5);
        products += (u - 0.5) * (next - 0.5);
        least = fmin(least, u);
        most = fmax(most, u);
    }
    EXPECT(least >= 0 && least < 1e-3 && most < 1 && most > 1 - 1e-3);
    EXPECT_NEAR(sum / DRAWS, 0.5, 5 * 0.2887 / sqrt(DRAWS));
    EXPECT_NEAR(squares / DRAWS, 1.0 / 12, 5 * 0.0745 / sqrt(DRAWS));
    EXPECT_NEAR(products / DRAWS, 0, 5.0 / 12 / sqrt(DRAWS));
}

/* Over 100,000 draws: the first four moments 0, 1, 0, 3, and a thirtieth beyond 2.128 on either side. */
static void test_normal(void) {
    enum { DRAWS = 100000 };
    const RngSite site = {42, 0, RNG_SITE_INIT + 3};
    double moment[5] = {0}, products = 0;
    int beyond = 0;
    for (uint64_t i = 0; i < DRAWS; i++) {
        double z = rng_normal(site, i);
        double power = 1;
        for (int k = 1; k <= 4; k++) moment[k] += power *= z;
        products += z * rng_normal(site, i + 1);
        beyond += fabs(z) > 2.128;
    }
    EXPECT_NEAR(moment[1] / DRAWS, 0, 5 / sqrt(DRAWS));
    EXPECT_NEAR(moment[2] / DRAWS, 1, 5 * sqrt(2) / sqrt(DRAWS));
    EXPECT_NEAR(moment[3] / DRAWS, 0, 5 * sqrt(15) / sqrt(DRAWS));
    EXPECT_NEAR(moment[4] / DRAWS, 3, 5 * sqrt(96) / sqrt(DRAWS));
    EXPECT_NEAR(products / DRAWS, 0, 5 / sqrt(DRAWS));
    EXPECT_NEAR(beyond / (double)DRAWS, 1 / 30.0, 5 * 0.18 / sqrt(DRAWS));
}

int main(void) {
    RUN(test_known_answers);
    RUN(test_bits_are_the_first_two_words);
    RUN(test_every_coordinate_matters);
    RUN(test_uniform);
    RUN(test_normal);
    return test_finish();
}
