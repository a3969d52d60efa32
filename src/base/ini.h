/* INI files: sections of `key = value` lines, bound to the fields of a struct by a table.
 *
 *     [section]
 *     key = value   # a comment starts at a `#` or `;` at the start of a line or after white space
 *
 * A string may stand in double quotes, to keep blanks at its ends or a ` #` (with \" and \\ for a quote and a backslash
 * inside them); only a string may be empty. Numbers are decimal, whole values. A section may be opened again.
 *
 * The command line overrides any key with `section.key=value`. Errors name the file and line (or the override), the
 * key, what was expected and what was found; an unknown section or key suggests the nearest known one. A key that
 * stands twice is an error, and so is a line that is neither. */
#ifndef NMT_BASE_INI_H
#define NMT_BASE_INI_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

typedef struct Ini Ini;

/* What a value may be, and which type the bound struct field has. */
typedef enum IniType {
    INI_INTEGER, /* int64_t, within [min, max] */
    INI_REAL,    /* double, finite, within [min, max] */
    INI_BOOL,    /* bool: true, false, yes, no, on, off, 1, 0 */
    INI_STRING,  /* char *, allocated; release with ini_release */
    INI_CHOICE,  /* int: the position of the value in `choices` */
} IniType;

/* One key of a config. */
typedef struct IniField {
    const char *key; /* "section.name" */
    IniType type;
    size_t offset;        /* of the field in the config struct */
    const char *standard; /* the default as text; NULL: the key is required */
    double min, max;      /* INI_INTEGER, INI_REAL */
    const char *choices;  /* INI_CHOICE: "float32|bfloat16" */
    const char *help;     /* one line, for ini_help */
} IniField;

/* name: what messages call the text (the path). ini_read maps and parses the file. Free with ini_free. */
Ini *ini_read(const char *path, Error *err);
Ini *ini_parse(const char *name, const char *text, size_t length, Error *err);
void ini_free(Ini *ini);

/* Applies one "section.key=value" from the command line; a later one wins over an earlier one and over the file. The
 * value is taken as it stands: no quotes, no comments. */
bool ini_override(Ini *ini, const char *assignment, Error *err);

/* Drops a key that does not exist any more when its value is 0, that is, off. Fails when it is anything else. */
bool ini_drop_removed(Ini *ini, const char *key, const char *why, Error *err);

/* Fills *config: each field from the file, the overrides or its default. Fails at the first unknown key, missing
 * required key, or bad value, having released every string it had set. */
bool ini_bind(const Ini *ini, const IniField *fields, size_t count, void *config, Error *err);

/* Frees the strings of a bound config. */
void ini_release(const IniField *fields, size_t count, void *config);

/* The config as INI text, every field written out in table order under its section; parsing and binding it gives the
 * same config again. A fresh string. */
char *ini_format(const IniField *fields, size_t count, const void *config);

/* What keys there are: of each its default, what it may be, and, on a line of its own, its help. A fresh string. */
char *ini_help(const IniField *fields, size_t count);

#endif
