/* Writes JSON into a growing buffer. Commas are added where they belong; the caller closes what he opens.
 *
 * The text can be embedded in an HTML page: a "<" in a string becomes \u003c. Bytes that are not UTF-8 become the four
 * characters \xNN. Numbers have 9 significant digits, which give every float back exactly; a number that is not finite
 * becomes null.
 *
 * An array of floats is {"shape":[a,b,...],"f32":"..."}: little-endian float32, row-major, in base64 (RFC 4648). */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "math/real.h"

typedef struct Json {
    char *text;    /* stb_ds array, no NUL at its end */
    bool separate; /* a comma comes before the next value */
} Json;

void json_free(Json *json);

/* Writes as the format says, which is JSON without quotes: "{name: %s, size: %zu, version: 1, items: [". Brackets may
 * be left open, and a key at the end is that of the next value. Values: %s a text (NULL: null), %d an int, %zu, %td,
 * %lld, %i a bool, %g a number, %f one with 5 significant digits, for what is only drawn. */
void json_write(Json *json, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A key with any characters. Returns json. */
Json *json_key(Json *json, const char *key);

/* A text that may contain NUL. */
void json_string(Json *json, const char *bytes, size_t length);

/* An array of shape (rows, cols), whose rows are `stride` elements apart. With outer > 0 its shape is
 * (outer, rows / outer, cols); with rows 0 it is (cols). data NULL: null. */
void json_array(Json *json, size_t outer, size_t rows, size_t cols, const real *data, size_t stride);

/* An upper bound, close to the truth, of the bytes that an array of this many elements takes. */
size_t json_array_size(size_t elements);

/* Appends the bytes in base64, with padding, to *text, a stb_ds array. */
void json_base64(char **text, const unsigned char *bytes, size_t count);
