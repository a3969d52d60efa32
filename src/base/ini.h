/* INI files: sections of `key = value` lines, bound to the fields of a struct by a table (base/fields.h).
 *
 *     [section]
 *     key = value   # a comment starts at a `#` or `;` at the start of a line or after white space
 *
 * A string may be written in double quotes, to keep blanks at its ends or a ` #` (with \" and \\ for a quote and a
 * backslash inside them); only a string may be empty. Numbers are decimal. A section may be opened again.
 *
 * All of it is plain text in UTF-8 (base/plain.h); tabs are allowed.
 *
 * The command line overrides any key with `section.key=value`. Errors name the file and line (or the override), the
 * key, what was expected and what was found; an unknown section or key suggests the nearest known one. A key that
 * is there twice is an error, and so is a line that is neither a section nor a key. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"
#include "base/fields.h"

/* Text in double quotes, where \" and \\ are a quote and a backslash: the quote that closes the one at p, or NULL;
 * and a copy of what is between the two, with a NUL at its end. */
const char *ini_closing(const char *p, const char *end);
void ini_unquote(char *out, const char *p, const char *close);

typedef struct Ini Ini;

/* name: what messages call the text (the path). ini_read parses a file, a pipe, or for "-" standard input. Free with
 * ini_free. */
Ini *ini_read(const char *path, Error *err);
Ini *ini_parse(const char *name, const char *text, size_t length, Error *err);
void ini_free(Ini *ini);

/* Applies one "section.key=value" from the command line; a later one wins over an earlier one and over the file. A
 * value in double quotes is what is between them, as in a file; any other is taken as it is, without comments. */
bool ini_override(Ini *ini, const char *assignment, Error *err);

/* Drops a key that does not exist any more when its value is 0, that is, off. Fails when it is anything else. */
bool ini_drop_removed(Ini *ini, const char *key, const char *why, Error *err);

/* Whether the text or an override gives the key a value. */
bool ini_has(const Ini *ini, const char *key);

/* Fills *config: each field from the file, the overrides or its default. Fails at the first unknown key, missing
 * required key, or bad value, having released every string it had set. */
bool ini_bind(const Ini *ini, const Field *fields, void *config, Error *err);

/* The config as INI text, every field in table order under its section; parsing and binding it gives the same config
 * again. A fresh string. */
char *ini_format(const Field *fields, const void *config);

/* What a section is about; a list ends with one without a name. */
typedef struct IniSection {
    const char *name, *about;
} IniSection;

/* A config with every key, its default or example, and behind it in a comment what it does and what it may be. It
 * begins with `head`, comment lines. sections: what is written behind their headings; NULL: nothing. A fresh string. */
char *ini_template(const Field *fields, const char *head, const IniSection *sections);
