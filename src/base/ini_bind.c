/* Filling a config from an INI text. */
#include "base/ini_internal.h"

#include <errno.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/choice.h"
#include "base/ds.h"
#include "base/memory.h"
#include "base/size.h"
#include "base/suggest.h"

enum { INI_LONGEST_KEY = 64 }; /* that a suggestion is looked for */

/* The known key, or with `section` the key of the known section, that is most like a wrong one: the same name in
 * another section, or else the one at the least distance, of at most a quarter of the letters and one; NULL if none. */
static const char *ini_nearest(const IniField *fields, size_t count, const char *wrong, bool section) {
    const char *nearest = NULL;
    size_t least = suggest_limit(wrong);
    for (size_t i = 0; i < count; i++) {
        const char *key = fields[i].key;
        if (!section && strcmp(ini_short_name(key), ini_short_name(wrong)) == 0) return key;
        char known[INI_LONGEST_KEY + 2];
        snprintf(known, sizeof known, "%.*s", (int)(section ? ini_section(key) : strlen(key)), key);
        size_t distance = suggest_distance(wrong, known);
        if (distance < least) least = distance, nearest = key;
    }
    return nearest;
}

/* Every heading and key of the text is known. */
static bool ini_known(const Ini *ini, const IniField *fields, size_t count, Error *err) {
    for (ptrdiff_t e = 0; e < stbds_arrlen(ini->entries); e++) {
        const IniEntry *entry = &ini->entries[e];
        bool section = !entry->value, known = false;
        for (size_t i = 0; i < count && !known; i++) {
            const char *key = fields[i].key;
            known = section ? ini_section(key) == strlen(entry->key) && strncmp(key, entry->key, ini_section(key)) == 0
                            : strcmp(key, entry->key) == 0;
        }
        if (known) continue;
        const char *near = ini_nearest(fields, count, entry->key, section);
        char hint[INI_LONGEST_KEY + 32] = "";
        if (near && section)
            snprintf(hint, sizeof hint, "; did you mean [%.*s]?", (int)ini_section(near), near);
        else if (near)
            snprintf(hint, sizeof hint, "; did you mean \"%s\"?", near);
        if (section) {
            return error_set(err, "%s:%zu: unknown section [%s]%s", ini->name, entry->line, entry->key, hint);
        }
        if (entry->line == 0) {
            return error_set(err, "command line: %s=%s: unknown key%s", entry->key, entry->value, hint);
        }
        return error_set(err, "%s:%zu: unknown key \"%s\"%s", ini->name, entry->line, entry->key, hint);
    }
    return true;
}

static bool ini_parse_integer(const char *text, int64_t *value) {
    const char *digits = text + (*text == '+' || *text == '-');
    if (!*digits || digits[strspn(digits, "0123456789")]) return false;
    errno = 0;
    *value = strtoll(text, NULL, 10);
    return errno == 0;
}

static bool ini_parse_real(const char *text, double *value) {
    if (!*text || text[strspn(text, "+-.0123456789eE")]) return false; /* no hexadecimals, nor "inf", nor blanks */
    char *end;
    *value = strtod(text, &end);
    return *end == 0 && isfinite(*value);
}

static bool ini_parse_bool(const char *text, bool *value) {
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1"};
    for (size_t i = 0; i < COUNT(words); i++) {
        *value = i % 2 == 1;
        if (strcmp(text, words[i]) == 0) return true;
    }
    return false;
}

static bool ini_in_bounds(const IniField *field, double value) {
    return value >= field->min && value <= field->max;
}

/* Sets one field from text; false when the text is not what the field wants. */
static bool ini_set(const IniField *field, const char *text, void *config) {
    void *place = (char *)config + field->offset;
    switch (field->type) {
    case INI_INTEGER: {
        int64_t *integer = place;
        return ini_parse_integer(text, integer) && ini_in_bounds(field, (double)*integer);
    }
    case INI_REAL: {
        double *real_number = place;
        return ini_parse_real(text, real_number) && ini_in_bounds(field, *real_number);
    }
    case INI_BOOL:
        return ini_parse_bool(text, place);
    case INI_CHOICE:
        return (*(int *)place = choice_number(field->choices, text)) >= 0;
    case INI_STRING:
        *(char **)place = memory_string(text);
        return true;
    }
    CHECK(false, "ini: a field without a type");
}

char *ini_wish(const IniField *field) {
    switch (field->type) {
    case INI_INTEGER:
        return memory_format("an integer from %.0f to %.0f", field->min, field->max);
    case INI_REAL:
        return memory_format("a number from %.15g to %.15g", field->min, field->max);
    case INI_BOOL:
        return memory_string("true or false");
    case INI_CHOICE:
        return memory_format("one of %s", field->choices);
    case INI_STRING:
        return memory_string("text");
    }
    CHECK(false, "ini: a field without a type");
}

static bool ini_bind_field(const Ini *ini, const IniField *field, void *config, Error *err) {
    const IniEntry *entry = ini_find(ini, field->key);
    if (!entry && field->standard) {
        CHECK(ini_set(field, field->standard, config), "ini: a default that its own field refuses");
        return true;
    }
    if (!entry) {
        return error_set(err, "%s: missing key \"%s\" in section [%.*s]", ini->name, field->key,
                         (int)ini_section(field->key), field->key);
    }
    if (ini_set(field, entry->value, config)) return true;
    char *wish = ini_wish(field);
    if (entry->line == 0) {
        error_set(err, "command line: %s=%s: expected %s, found \"%s\"", entry->key, entry->value, wish, entry->value);
    } else {
        error_set(err, "%s:%zu: %s: expected %s, found \"%s\"", ini->name, entry->line, entry->key, wish, entry->value);
    }
    free(wish);
    return false;
}

bool ini_bind(const Ini *ini, const IniField *fields, size_t count, void *config, Error *err) {
    if (!ini_known(ini, fields, count, err)) return false;
    for (size_t i = 0; i < count; i++) {
        if (ini_bind_field(ini, &fields[i], config, err)) continue;
        ini_release(fields, i, config);
        return false;
    }
    return true;
}

void ini_release(const IniField *fields, size_t count, void *config) {
    for (size_t i = 0; i < count; i++) {
        if (fields[i].type != INI_STRING) continue;
        char **string = (void *)((char *)config + fields[i].offset);
        free(*string);
        *string = NULL;
    }
}
