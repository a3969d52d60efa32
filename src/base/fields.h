/* Settings: one table describes the fields of a struct. The name of a setting, its values, its default and its help are
 * written in its row and nowhere else. Config files, model files, JSON and help are made from the table.
 *
 * A table is an array of rows that ends with a row without a key. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

/* What a value may be, and the type of the struct's field. */
typedef enum FieldType {
    FIELD_INTEGER, /* uint64_t or size_t, from min to max */
    FIELD_REAL,    /* double, from min to max */
    FIELD_SWITCH,  /* bool */
    FIELD_CHOICE,  /* an enum, by its names */
    FIELD_TEXT,    /* char *, allocated: free it with fields_release */
} FieldType;

#define FIELD_AUTO SIZE_MAX

typedef struct Field {
    const char *key; /* "section.name" */
    FieldType type;
    size_t offset, size;      /* in the struct; bytes */
    const char *standard;     /* the default as text; NULL: a config must have the key */
    double min, max;          /* FIELD_INTEGER, FIELD_REAL */
    const char *const *names; /* FIELD_CHOICE (base/names.h) */
    const char *help;
    const char *example; /* what a template shows instead of the default */
    const char *before;  /* what models and runs that are older than the key have; NULL: the default */
    bool automatic; /* FIELD_INTEGER: "auto" is allowed (FIELD_AUTO in the struct): the program chooses the value */
    bool or_zero;   /* 0 in the struct is fine, too: it means "off", which text cannot say */
    bool list;      /* of file names, which may be quoted one by one */
    bool essential; /* a model file must have the key; for other keys that it lacks, field_set_before gives the value */
    bool left_out;  /* a model file leaves the key out if it has that value, so that older programs can read the file */
} Field;

/* Rows: the last arguments are the help and, perhaps, `.example = ...`, `.before = ...`, `.or_zero = true`,
 * `.list = true`, `.essential = true` or `.left_out = true`. */
#define ROW(kind, name, S, field, std, ...)                                                                            \
    {                                                                                                                  \
        .key = name, .type = kind, .offset = offsetof(S, field), .size = sizeof((S *)0)->field, .standard = std,       \
        __VA_ARGS__                                                                                                    \
    }
#define ROW_INTEGER(name, S, field, std, low, high, ...)                                                               \
    ROW(FIELD_INTEGER, name, S, field, std, .min = low, .max = high, .help = __VA_ARGS__)
#define ROW_REAL(name, S, field, std, low, high, ...)                                                                  \
    ROW(FIELD_REAL, name, S, field, std, .min = low, .max = high, .help = __VA_ARGS__)
#define ROW_SWITCH(name, S, field, std, ...) ROW(FIELD_SWITCH, name, S, field, std, .help = __VA_ARGS__)
#define ROW_CHOICE(name, S, field, std, list, ...)                                                                     \
    ROW(FIELD_CHOICE, name, S, field, std, .names = list, .help = __VA_ARGS__)
#define ROW_TEXT(name, S, field, std, ...) ROW(FIELD_TEXT, name, S, field, std, .help = __VA_ARGS__)
#define ROW_END                                                                                                        \
    { .key = NULL }

/* Bytes of "section" in "section.name", and the name behind the dot. */
size_t field_section(const char *key);
const char *field_name(const char *key);

/* Sets one field of the struct `of` from text: decimal numbers; true, false, yes, no, on, off, 1, 0. False when the
 * text is not a value of this field (which then has any value). */
bool field_set(const Field *field, const char *text, void *of);
void field_set_standard(const Field *field, void *of);    /* to its default, which there is */
void field_set_before(const Field *field, void *of);      /* to `before`, or else to its default */
bool field_is_before(const Field *field, const void *of); /* whether it has that value */

/* The value of a FIELD_INTEGER, and another in its place: the largest there is when it does not fit into a size_t. */
uint64_t field_integer(const Field *field, const void *of);
void field_put_integer(const Field *field, uint64_t value, void *of);

/* The values a field may have ("1 to 8", "pre|post"); what it expects ("an integer from 1 to 8"); and its value as text
 * that field_set takes. Fresh strings. */
char *field_range(const Field *field);
char *field_wish(const Field *field);
char *field_text(const Field *field, const void *of);

/* The field with this key, or NULL. */
const Field *fields_find(const Field *fields, const char *key);

/* Checks every bound of a struct; `where` begins the message (a file's name). */
bool fields_check(const Field *fields, const void *of, const char *where, Error *err);

/* Frees the texts of a struct. */
void fields_release(const Field *fields, void *of);
