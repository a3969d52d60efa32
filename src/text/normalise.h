/* Normalisation: removes differences in spelling before the tokenizer sees a text.
 *
 * Each is a switch, stored with the model, so that translation normalises as training did. Normalising a text twice
 * gives the same as once. Bytes that are not UTF-8 pass through.
 *
 * Models that are older than the switch nfc knew only the capitals of Latin, Greek, Coptic, Cyrillic and Armenian.
 * Without nfc, lower-casing is still theirs. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/fields.h"

typedef struct Normalisation {
    bool lowercase;   /* A becomes a */
    bool apostrophes; /* U+2018, U+2019, U+201B, U+02BC, U+FF07 become ' */
    bool spaces;      /* any run of white space (tabs, no-break spaces) becomes one space; none at either end */
    bool nfc;         /* canonically equal texts become the same: Unicode's normal form C */
    bool invisible;   /* what nobody sees (unicode_hidden) is left out */
} Normalisation;

/* The switches: keys of a config, and nmt.text.NAME of a model file. */
extern const Field normalise_fields[];

/* Appends the normalised text to *out, a stb_ds array (NULL: an empty one; the caller frees it). */
void normalise_text(char **out, const char *text, size_t length, Normalisation how);

/* Whether the text is in normal form C. */
bool normalise_is_composed(const char *text, size_t length);
