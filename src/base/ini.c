#include "base/ini.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/ds.h"
#include "base/file.h"
#include "base/lines.h"
#include "base/memory.h"
#include "base/names.h"
#include "base/plain.h"

enum {
    INI_MOST_ENTRIES = 4096,    /* each is compared with those before it */
    INI_LONGEST_FILE = 1 << 22, /* bytes */
    INI_LONGEST_KEY = 64,       /* for which a suggestion is looked for */
};

/* A key with its value, or, with value NULL, the heading of a section. */
typedef struct IniEntry {
    char *key; /* "section.name" */
    char *value;
    size_t line; /* 0: from the command line */
    bool list;   /* the value begins with a name in quotes, and more follows: only a list may */
} IniEntry;

struct Ini {
    char *name;
    IniEntry *entries; /* stb_ds array, in the order of the text */
};

/* A piece of the text, not ended by a NUL. */
typedef struct Span {
    const char *start, *end;
} Span;

static bool ini_blank(char c) { return c == ' ' || c == '\t'; }

/* Whether all of a line is plain text (base/plain.h) or tabs. where: what the message begins with. */
static bool ini_is_text(const char *where, const char *p, const char *end, Error *err) {
    for (size_t size; p < end; p += size) {
        uint32_t code;
        size = *p == '\t' ? 1 : plain_character(p, (size_t)(end - p));
        if (size > 0) continue;
        if (plain_decode(&code, p, (size_t)(end - p)) == 0)
            return error_set(err, "%s: expected UTF-8 text, found the byte 0x%02X", where, (unsigned)(unsigned char)*p);
        return error_set(err, "%s: expected text, found the control character %s%0*X", where, code < 0x80 ? "0x" : "U+",
                         code < 0x80 ? 2 : 4, (unsigned)code);
    }
    return true;
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

/* The entry of a key, or NULL. */
static IniEntry *ini_find(const Ini *ini, const char *key) {
    for (ptrdiff_t i = 0; i < stbds_arrlen(ini->entries); i++) {
        if (ini->entries[i].value && strcmp(ini->entries[i].key, key) == 0) return &ini->entries[i];
    }
    return NULL;
}

const char *ini_closing(const char *p, const char *end) {
    for (p++; p < end && *p != '"'; p++)
        if (*p == '\\' && p + 1 < end && (p[1] == '"' || p[1] == '\\')) p++;
    return p < end ? p : NULL;
}

void ini_unquote(char *out, const char *p, const char *close) {
    while (++p < close) {
        if (*p == '\\' && (p[1] == '"' || p[1] == '\\')) p++;
        *out++ = *p;
    }
    *out = 0;
}

/* The value of a line from behind its `=`, in a fresh string: what is between quotes, where \" and \\ are a quote and a
 * backslash; or what is there up to a comment, which does not begin in quotes. *list: it begins with quotes, and more
 * follows behind them. NULL when its first quote is not closed. */
static char *ini_value(Span line, const char *from, bool *list) {
    Span span = ini_trim((Span){from, line.end});
    char *value = memory_new((size_t)(span.end - span.start) + 1, 1);
    const char *p = span.start, *close = p < span.end && *p == '"' ? ini_closing(p, span.end) : NULL, *rest = close;
    *list = false;
    if (close) {
        for (rest++; rest < span.end && ini_blank(*rest);) rest++;
        *list = rest < span.end && !ini_comment(line.start, rest);
    }
    if (close && !*list) {
        ini_unquote(value, p, close);
        return value;
    }
    if (p < span.end && *p == '"' && !close) {
        free(value);
        return NULL;
    }
    for (; p < span.end && !ini_comment(line.start, p); p++)
        if (*p == '"' && (p == span.start || ini_blank(p[-1]) || p[-1] == '+') && (close = ini_closing(p, span.end)))
            p = close;
    span = ini_trim((Span){span.start, p});
    memcpy(value, span.start, (size_t)(span.end - span.start));
    value[span.end - span.start] = 0;
    return value;
}

/* The error for a line that is not what it should be; returns false. */
static bool ini_unexpected(const Ini *ini, Span line, size_t number, const char *expected, Error *err) {
    const int shown = line.end - line.start < 80 ? (int)(line.end - line.start) : 80;
    return error_set(err, "%s:%zu: expected %s, found \"%.*s\"", ini->name, number, expected, shown, line.start);
}

/* One line without its end; *section is the open section, or NULL. */
static bool ini_line(Ini *ini, Span line, size_t number, char **section, Error *err) {
    char *where = memory_format("%s:%zu", ini->name, number);
    const bool is_text = ini_is_text(where, line.start, line.end, err);
    free(where);
    if (!is_text) return false;
    line = ini_trim(line);
    if (line.start == line.end || ini_comment(line.start, line.start)) return true;
    if (stbds_arrlen(ini->entries) >= INI_MOST_ENTRIES) {
        return error_set(err, "%s:%zu: expected at most %d keys, found more", ini->name, number, INI_MOST_ENTRIES);
    }

    if (*line.start == '[') {
        const char *close = memchr(line.start, ']', (size_t)(line.end - line.start));
        Span name = ini_trim((Span){line.start + 1, close ? close : line.start + 1});
        Span rest = ini_trim((Span){close ? close + 1 : line.end, line.end});
        if (!ini_name(name) || (rest.start < rest.end && !ini_comment(line.start, rest.start)))
            return ini_unexpected(ini, line, number, "\"[section]\"", err);
        free(*section);
        *section = memory_string_n(name.start, (size_t)(name.end - name.start));
        IniEntry heading = {memory_string(*section), NULL, number, false};
        stbds_arrput(ini->entries, heading);
        return true;
    }

    const char *equals = memchr(line.start, '=', (size_t)(line.end - line.start));
    Span name = ini_trim((Span){line.start, equals ? equals : line.start});
    const char *dot = equals ? memchr(name.start, '.', (size_t)(name.end - name.start)) : NULL;
    if (dot && ini_name((Span){name.start, dot}) && ini_name((Span){dot + 1, name.end})) {
        char *expected = memory_format("\"%.*s = ...\" below a line \"[%.*s]\"", (int)(name.end - dot - 1), dot + 1,
                                       (int)(dot - name.start), name.start);
        ini_unexpected(ini, line, number, expected, err);
        free(expected);
        return false;
    }
    if (!ini_name(name)) return ini_unexpected(ini, line, number, "\"[section]\" or \"key = value\"", err);
    if (!*section) return ini_unexpected(ini, line, number, "a \"[section]\" before the first key", err);
    bool list;
    char *value = ini_value(line, equals + 1, &list);
    if (!value) return ini_unexpected(ini, line, number, "a value with a \" at both its ends", err);
    char *key = memory_format("%s.%.*s", *section, (int)(name.end - name.start), name.start);
    const IniEntry *first = ini_find(ini, key);
    if (first) {
        error_set(err, "%s:%zu: %s is given twice (first at line %zu); remove one", ini->name, number, key,
                  first->line);
        free(key);
        free(value);
        return false;
    }
    IniEntry entry = {key, value, number, list};
    stbds_arrput(ini->entries, entry);
    return true;
}

Ini *ini_parse(const char *name, const char *text, size_t length, Error *err) {
    Ini *ini = memory_new(1, sizeof *ini);
    ini->name = memory_string(name);
    char *section = NULL;
    const char *p = text, *end = text + length;
    p += lines_mark(text, length);
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

bool ini_has(const Ini *ini, const char *key) { return ini_find(ini, key) != NULL; }

Ini *ini_read(const char *path, Error *err) {
    FileMap map;
    if (!file_read(&map, path, INI_LONGEST_FILE, err)) return NULL;
    const char *name = file_stream_name(path);
    const char *foreign = lines_foreign((const char *)map.data, map.size);
    Ini *ini = foreign ? error_null(err, "%s: expected UTF-8 text, found %s", name, foreign)
                       : ini_parse(name, (const char *)map.data, map.size, err);
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
    char *where = memory_format("command line: %s", assignment);
    const bool is_text = ini_is_text(where, assignment, assignment + strlen(assignment), err);
    free(where);
    if (!is_text) return false;
    if (stbds_arrlen(ini->entries) >= INI_MOST_ENTRIES)
        return error_set(err, "command line: expected at most %d keys, found more", INI_MOST_ENTRIES);
    char *key = memory_string_n(assignment, (size_t)(equals - assignment)), *value = memory_string(equals + 1);
    const char *end = equals + 1 + strlen(value), *close = *value == '"' ? ini_closing(equals + 1, end) : NULL;
    if (close && close + 1 == end) ini_unquote(value, equals + 1, close);
    IniEntry *entry = ini_find(ini, key);
    if (entry) {
        free(entry->value);
        free(key);
        entry->value = value;
        entry->line = 0;
        entry->list = false;
    } else {
        IniEntry fresh = {key, value, 0, false};
        stbds_arrput(ini->entries, fresh);
    }
    return true;
}

bool ini_drop_removed(Ini *ini, const char *key, const char *why, Error *err) {
    IniEntry *entry = ini_find(ini, key);
    if (!entry) return true;
    const char *value = entry->value;
    if (!strchr(value, '0') || value[strspn(value, "0.")]) {
        if (entry->line == 0)
            return error_set(err, "command line: %s=%s: this option is gone (%s); remove it", key, value, why);
        return error_set(err, "%s:%zu: %s = %s: this option is gone (%s); remove it", ini->name, entry->line, key,
                         value, why);
    }
    free(entry->key);
    free(entry->value);
    stbds_arrdel(ini->entries, entry - ini->entries);
    return true;
}

/* The known key, or with `section` the key of the known section, that is most like a wrong one: the same name in
 * another section, or else the one at the least distance; NULL if none is alike. */
static const char *ini_nearest(const Field *fields, const char *wrong, bool section) {
    const char *nearest = NULL;
    size_t least = names_limit(wrong);
    for (const Field *f = fields; f->key; f++) {
        if (!section && strcmp(field_name(f->key), field_name(wrong)) == 0) return f->key;
        char known[INI_LONGEST_KEY + 2];
        snprintf(known, sizeof known, "%.*s", (int)(section ? field_section(f->key) : strlen(f->key)), f->key);
        size_t distance = names_distance(wrong, known);
        if (distance < least) least = distance, nearest = f->key;
    }
    return nearest;
}

/* Whether the table has this key, or this section. */
static bool ini_is_known(const Field *fields, const IniEntry *entry) {
    for (; fields->key; fields++) {
        const size_t length = entry->value ? strlen(fields->key) : field_section(fields->key);
        if (strlen(entry->key) == length && strncmp(fields->key, entry->key, length) == 0) return true;
    }
    return false;
}

/* Every heading and key of the text is known. */
static bool ini_check_keys(const Ini *ini, const Field *fields, Error *err) {
    for (size_t e = 0; e < stbds_arrlenu(ini->entries); e++) {
        const IniEntry *entry = &ini->entries[e];
        if (ini_is_known(fields, entry)) continue;
        const bool section = !entry->value;
        const char *near = ini_nearest(fields, entry->key, section);
        char hint[INI_LONGEST_KEY + 32] = "";
        if (near && section)
            snprintf(hint, sizeof hint, "; did you mean [%.*s]?", (int)field_section(near), near);
        else if (near)
            snprintf(hint, sizeof hint, "; did you mean \"%s\"?", near);
        if (section) return error_set(err, "%s:%zu: unknown section [%s]%s", ini->name, entry->line, entry->key, hint);
        if (entry->line == 0)
            return error_set(err, "command line: %s=%s: unknown key%s", entry->key, entry->value, hint);
        return error_set(err, "%s:%zu: unknown key \"%s\"%s", ini->name, entry->line, entry->key, hint);
    }
    return true;
}

static bool ini_bind_field(const Ini *ini, const Field *field, void *config, Error *err) {
    const IniEntry *entry = ini_find(ini, field->key);
    if (!entry && field->standard) {
        field_set_standard(field, config);
        return true;
    }
    if (!entry)
        return error_set(err, "%s: missing key \"%s\" in section [%.*s]", ini->name, field->key,
                         (int)field_section(field->key), field->key);
    if (entry->list && !field->list)
        return error_set(err, "%s:%zu: expected a value with a \" at both its ends, found \"%s = %s\"", ini->name,
                         entry->line, field_name(entry->key), entry->value);
    if (field_set(field, entry->value, config)) return true;
    char *wish = field_wish(field);
    if (entry->line == 0)
        error_set(err, "command line: %s=%s: expected %s, found \"%s\"", entry->key, entry->value, wish, entry->value);
    else
        error_set(err, "%s:%zu: %s: expected %s, found \"%s\"", ini->name, entry->line, entry->key, wish, entry->value);
    free(wish);
    return false;
}

bool ini_bind(const Ini *ini, const Field *fields, void *config, Error *err) {
    for (const Field *f = fields; f->key; f++)
        if (f->type == FIELD_TEXT) *(char **)(void *)((char *)config + f->offset) = NULL;
    bool ok = ini_check_keys(ini, fields, err);
    for (const Field *f = fields; ok && f->key; f++) ok = ini_bind_field(ini, f, config, err);
    if (!ok) fields_release(fields, config);
    return ok;
}
