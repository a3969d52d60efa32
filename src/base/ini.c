#include "base/ini.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/ds.h"
#include "base/file.h"
#include "base/memory.h"
#include "base/suggest.h"

enum {
    INI_MOST_ENTRIES = 4096, /* each is compared with those before it */
    INI_LONGEST_KEY = 64,    /* that a suggestion is looked for */
};

/* A key with its value, or, with value NULL, the heading of a section. */
typedef struct IniEntry {
    char *key; /* "section.name" */
    char *value;
    size_t line; /* 0: from the command line */
} IniEntry;

struct Ini {
    char *name;
    IniEntry *entries; /* stb_ds array, in the order of the text */
};

/* A piece of the text, not ended by a NUL. */
typedef struct Span {
    const char *start, *end;
} Span;

static bool ini_blank(char c) {
    return c == ' ' || c == '\t';
}

static bool ini_control(char c) {
    return ((unsigned char)c < 0x20 && c != '\t') || c == 0x7F;
}

static Span ini_trim(Span span) {
    while (span.start < span.end && ini_blank(span.start[0])) span.start++;
    while (span.start < span.end && ini_blank(span.end[-1])) span.end--;
    return span;
}

/* Whether position p of a line starts a comment that reaches to its end. */
static bool ini_comment(const char *line, const char *p) {
    return (*p == '#' || *p == ';') && (p == line || ini_blank(p[-1]));
}

static bool ini_name(Span span) {
    if (span.start == span.end) return false;
    for (const char *p = span.start; p < span.end; p++) {
        bool letter = (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z');
        if (!letter && !(*p >= '0' && *p <= '9') && *p != '_' && *p != '-') return false;
    }
    return true;
}

static IniEntry *ini_find(const Ini *ini, const char *key) {
    for (ptrdiff_t i = 0; i < stbds_arrlen(ini->entries); i++) {
        if (ini->entries[i].value && strcmp(ini->entries[i].key, key) == 0) return &ini->entries[i];
    }
    return NULL;
}

/* The value of a line from behind its `=`, in a fresh string: up to a comment, or what stands between quotes, where \"
 * and \\ are a quote and a backslash. NULL when something follows the closing quote, or there is none. */
static char *ini_value(Span line, const char *from) {
    Span span = ini_trim((Span){from, line.end});
    char *value = memory_new((size_t)(span.end - span.start) + 1, 1);
    size_t length = 0;
    const char *p = span.start;
    if (p < span.end && *p == '"') {
        for (p++; p < span.end && *p != '"'; p++) {
            if (*p == '\\' && p + 1 < span.end && (p[1] == '"' || p[1] == '\\')) p++;
            value[length++] = *p;
        }
        const char *rest = p + 1;
        while (rest < span.end && ini_blank(*rest)) rest++;
        if (p < span.end && (rest >= span.end || ini_comment(line.start, rest))) return value;
        free(value);
        return NULL;
    }
    while (p < span.end && !ini_comment(line.start, p)) p++;
    span = ini_trim((Span){span.start, p});
    memcpy(value, span.start, (size_t)(span.end - span.start));
    value[span.end - span.start] = 0;
    return value;
}

/* One line without its end; *section is the open section, or NULL. */
static bool ini_line(Ini *ini, Span line, size_t number, char **section, Error *err) {
    for (const char *p = line.start; p < line.end; p++) {
        if (ini_control(*p)) {
            return error_set(err, "%s:%zu: expected text, found the control character 0x%02X", ini->name, number,
                             (unsigned)(unsigned char)*p);
        }
    }
    line = ini_trim(line);
    if (line.start == line.end || ini_comment(line.start, line.start)) return true;
    if (stbds_arrlen(ini->entries) >= INI_MOST_ENTRIES) {
        return error_set(err, "%s:%zu: expected at most %d keys, found more", ini->name, number, INI_MOST_ENTRIES);
    }

    int shown = line.end - line.start < 80 ? (int)(line.end - line.start) : 80;
    if (*line.start == '[') {
        const char *close = memchr(line.start, ']', (size_t)(line.end - line.start));
        Span name = ini_trim((Span){line.start + 1, close ? close : line.start + 1});
        Span rest = ini_trim((Span){close ? close + 1 : line.end, line.end});
        if (!ini_name(name) || (rest.start < rest.end && !ini_comment(line.start, rest.start))) {
            return error_set(err, "%s:%zu: expected \"[section]\", found \"%.*s\"", ini->name, number, shown,
                             line.start);
        }
        free(*section);
        *section = memory_string_n(name.start, (size_t)(name.end - name.start));
        IniEntry heading = {memory_string(*section), NULL, number};
        stbds_arrput(ini->entries, heading);
        return true;
    }

    const char *equals = memchr(line.start, '=', (size_t)(line.end - line.start));
    Span name = ini_trim((Span){line.start, equals ? equals : line.start});
    if (!ini_name(name)) {
        return error_set(err, "%s:%zu: expected \"[section]\" or \"key = value\", found \"%.*s\"", ini->name, number,
                         shown, line.start);
    }
    if (!*section) {
        return error_set(err, "%s:%zu: expected a \"[section]\" before the first key, found \"%.*s\"", ini->name,
                         number, shown, line.start);
    }
    char *value = ini_value(line, equals + 1);
    if (!value) {
        return error_set(err, "%s:%zu: expected a value with a \" at both its ends, found \"%.*s\"", ini->name, number,
                         shown, line.start);
    }
    char *key = memory_format("%s.%.*s", *section, (int)(name.end - name.start), name.start);
    const IniEntry *first = ini_find(ini, key);
    if (first) {
        error_set(err, "%s:%zu: %s stands twice (first at line %zu)", ini->name, number, key, first->line);
        free(key);
        free(value);
        return false;
    }
    IniEntry entry = {key, value, number};
    stbds_arrput(ini->entries, entry);
    return true;
}

Ini *ini_parse(const char *name, const char *text, size_t length, Error *err) {
    Ini *ini = memory_new(1, sizeof *ini);
    ini->name = memory_string(name);
    char *section = NULL;
    const char *p = text, *end = text + length;
    if (length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0) p += 3; /* a byte order mark */
    bool good = true;
    for (size_t number = 1; p < end && good; number++) {
        const char *stop = memchr(p, '\n', (size_t)(end - p));
        const char *next = stop ? stop + 1 : end;
        if (!stop) stop = end;
        if (stop > p && stop[-1] == '\r') stop--;
        good = ini_line(ini, (Span){p, stop}, number, &section, err);
        p = next;
    }
    free(section);
    if (good) return ini;
    ini_free(ini);
    return NULL;
}

Ini *ini_read(const char *path, Error *err) {
    FileMap map;
    if (!file_read(&map, path, err)) return NULL;
    Ini *ini = ini_parse(path, (const char *)map.data, map.size, err);
    file_unmap(&map);
    return ini;
}

void ini_free(Ini *ini) {
    if (!ini) return;
    for (ptrdiff_t i = 0; i < stbds_arrlen(ini->entries); i++) {
        free(ini->entries[i].key);
        free(ini->entries[i].value);
    }
    stbds_arrfree(ini->entries);
    free(ini->name);
    free(ini);
}

bool ini_override(Ini *ini, const char *assignment, Error *err) {
    const char *equals = strchr(assignment, '=');
    if (!equals || equals == assignment) {
        return error_set(err, "command line: expected section.key=value, found \"%s\"", assignment);
    }
    for (const char *p = assignment; *p; p++) {
        if (!ini_control(*p)) continue;
        return error_set(err, "command line: %s: expected text, found the control character 0x%02X", assignment,
                         (unsigned)(unsigned char)*p);
    }
    char *key = memory_string_n(assignment, (size_t)(equals - assignment));
    IniEntry *entry = ini_find(ini, key);
    if (entry) {
        free(entry->value);
        free(key);
        entry->value = memory_string(equals + 1);
        entry->line = 0;
    } else {
        IniEntry fresh = {key, memory_string(equals + 1), 0};
        stbds_arrput(ini->entries, fresh);
    }
    return true;
}

/* Bytes of "section" in "section.name". */
static size_t ini_section(const char *key) {
    const char *dot = strchr(key, '.');
    return dot ? (size_t)(dot - key) : 0;
}

static const char *ini_short_name(const char *key) {
    const char *dot = strchr(key, '.');
    return dot ? dot + 1 : key;
}

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
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        *value = i % 2 == 1;
        if (strcmp(text, words[i]) == 0) return true;
    }
    return false;
}

static bool ini_parse_choice(const char *text, const char *choices, int *value) {
    for (*value = 0;; ++*value) {
        size_t length = strcspn(choices, "|");
        if (strlen(text) == length && strncmp(text, choices, length) == 0) return true;
        if (!choices[length]) return false;
        choices += length + 1;
    }
}

static bool ini_in_bounds(const IniField *field, double value) {
    return (field->min == 0 && field->max == 0) || (value >= field->min && value <= field->max);
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
        return ini_parse_choice(text, field->choices, place);
    case INI_STRING:
        *(char **)place = memory_string(text);
        return true;
    }
    CHECK(false, "ini: a field without a type");
}

/* What a field wants, in words. */
static char *ini_wish(const IniField *field) {
    const double no_limit = 0x1p62; /* beyond this a bound only says that there is none */
    switch (field->type) {
    case INI_INTEGER:
    case INI_REAL: {
        const char *what = field->type == INI_INTEGER ? "an integer" : "a number";
        if (field->min == 0 && field->max == 0) return memory_string(what);
        if (field->max >= no_limit) return memory_format("%s of at least %.15g", what, field->min);
        if (field->min <= -no_limit) return memory_format("%s of at most %.15g", what, field->max);
        return memory_format("%s from %.15g to %.15g", what, field->min, field->max);
    }
    case INI_BOOL:
        return memory_string("true or false");
    case INI_CHOICE:
        return memory_format("one of %s", field->choices);
    case INI_STRING:
        break;
    }
    CHECK(false, "ini: every text is a string");
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

/* Appends to a stb_ds array, without a NUL. */
static void ini_put(char **out, const char *text, size_t length) {
    if (length > 0) memcpy(stbds_arraddnptr(*out, length), text, length);
}
static void ini_print(char **out, const char *text) {
    ini_put(out, text, strlen(text));
}

static void ini_print_string(char **out, const char *text) {
    size_t length = strlen(text);
    bool quotes = length > 0 && (ini_blank(text[0]) || ini_blank(text[length - 1]) || text[0] == '"');
    for (size_t i = 0; i < length; i++) {
        CHECK(!ini_control(text[i]), "ini_format: a string with control characters");
        quotes = quotes || ini_comment(text, text + i);
    }
    if (!quotes) {
        ini_put(out, text, length);
        return;
    }
    ini_print(out, "\"");
    for (size_t i = 0; i < length; i++) {
        if (text[i] == '"' || text[i] == '\\') ini_print(out, "\\");
        ini_put(out, text + i, 1);
    }
    ini_print(out, "\"");
}

static void ini_print_real(char **out, double value) {
    char text[40];
    for (int digits = 15; digits <= 17; digits++) { /* 17 always give the same double again */
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    ini_print(out, text);
}

static void ini_print_integer(char **out, int64_t value) {
    char text[24];
    snprintf(text, sizeof text, "%" PRId64, value);
    ini_print(out, text);
}

static void ini_print_choice(char **out, const char *choices, int value) {
    for (; value > 0; value--) {
        choices += strcspn(choices, "|");
        CHECK(*choices == '|', "ini_format: no such choice");
        choices++;
    }
    ini_put(out, choices, strcspn(choices, "|"));
}

char *ini_format(const IniField *fields, size_t count, const void *config) {
    char *out = NULL; /* stb_ds array */
    for (size_t i = 0; i < count; i++) {
        const char *key = fields[i].key;
        size_t section = ini_section(key);
        if (i == 0 || ini_section(fields[i - 1].key) != section || strncmp(fields[i - 1].key, key, section) != 0) {
            ini_print(&out, i > 0 ? "\n[" : "[");
            ini_put(&out, key, section);
            ini_print(&out, "]\n");
        }
        ini_print(&out, ini_short_name(key));
        ini_print(&out, " = ");
        const void *place = (const char *)config + fields[i].offset;
        switch (fields[i].type) {
        case INI_INTEGER:
            ini_print_integer(&out, *(const int64_t *)place);
            break;
        case INI_REAL:
            ini_print_real(&out, *(const double *)place);
            break;
        case INI_BOOL:
            ini_print(&out, *(const bool *)place ? "true" : "false");
            break;
        case INI_CHOICE:
            ini_print_choice(&out, fields[i].choices, *(const int *)place);
            break;
        case INI_STRING:
            ini_print_string(&out, *(char *const *)place);
            break;
        }
        ini_print(&out, "\n");
    }
    char *text = memory_string_n(out ? out : "", stbds_arrlenu(out));
    stbds_arrfree(out);
    return text;
}
