#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/ds.h"
#include "base/ini.h"

enum { INI_WIDTH = 120 }; /* of a template's lines */

/* Appends to *out, a stb_ds array. */
__attribute__((format(printf, 2, 3))) static void ini_put(char **out, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    char *text = memory_format_list(format, arguments);
    va_end(arguments);
    ds_append(*out, text, strlen(text));
    free(text);
}

/* The array as a string. */
static char *ini_end(char *out) {
    char *text = memory_string_n(out, stbds_arrlenu(out));
    stbds_arrfree(out);
    return text;
}

/* In quotes where reading might take it for something else. */
static void ini_print_value(char **out, const char *text) {
    const size_t length = strlen(text);
    const bool blank_ends = length > 0 && (strchr(" \t", text[0]) || strchr(" \t", text[length - 1]));
    const bool quotes = blank_ends || strpbrk(text, "\"#;");
    if (quotes) stbds_arrput(*out, '"');
    for (size_t i = 0; i < length; i++) {
        CHECK((unsigned char)text[i] >= ' ' || text[i] == '\t', "ini_format: a string with control characters");
        if (quotes && (text[i] == '"' || text[i] == '\\')) stbds_arrput(*out, '\\');
        stbds_arrput(*out, text[i]);
    }
    if (quotes) stbds_arrput(*out, '"');
}

static bool ini_same_section(const Field *a, const Field *b) {
    return strncmp(a->key, b->key, field_section(a->key) + 1) == 0; /* with the dot */
}

/* Prints a heading, after a blank line, when field i begins a section. */
static bool ini_print_heading(char **out, const Field *fields, size_t i, const IniSection *sections) {
    const size_t length = field_section(fields[i].key);
    if (i > 0 && ini_same_section(&fields[i], &fields[i - 1])) return false;
    ini_put(out, "%s[%.*s]", stbds_arrlenu(*out) > 0 ? "\n" : "", (int)length, fields[i].key);
    for (const IniSection *s = sections; s && s->name; s++)
        if (strlen(s->name) == length && memcmp(s->name, fields[i].key, length) == 0)
            ini_put(out, "   # ---- %s ----", s->about);
    stbds_arrput(*out, '\n');
    return true;
}

char *ini_format(const Field *fields, const void *config) {
    char *out = NULL;
    for (size_t i = 0; fields[i].key; i++) {
        ini_print_heading(&out, fields, i, NULL);
        char *value = field_text(&fields[i], config);
        ini_put(&out, "%s = ", field_name(fields[i].key));
        ini_print_value(&out, value);
        stbds_arrput(out, '\n');
        free(value);
    }
    return ini_end(out);
}

/* "key = value" of a template. */
static char *ini_assignment(const Field *f) {
    const char *value = f->example ? f->example : f->standard ? f->standard : "";
    return memory_format("%s =%s%s", field_name(f->key), *value ? " " : "", value);
}

/* The help, what is allowed, and the default where it is not the value shown. */
static char *ini_remark(const Field *f) {
    char *range = field_range(f);
    const bool text = f->type == FIELD_TEXT;
    char *remark = memory_format("%s%s%s%s%s%s", f->help, text ? "" : " [", text ? "" : range, text ? "" : "]",
                                 !f->standard ? "; required"
                                 : f->example ? "; default "
                                              : "",
                                 f->standard && f->example ? f->standard : "");
    free(range);
    return remark;
}

/* Where the comments of the section that begins with this field start: three blanks behind the longest assignment. */
static int ini_column(const Field *first) {
    int column = 0;
    for (const Field *f = first; f->key && ini_same_section(f, first); f++) {
        char *text = ini_assignment(f);
        if ((int)strlen(text) + 3 > column) column = (int)strlen(text) + 3;
        free(text);
    }
    return column;
}

/* A row of a template: the comment begins at the column, and takes as many lines as it needs. */
static void ini_print_row(char **out, const Field *field, int column) {
    char *assignment = ini_assignment(field), *remark = ini_remark(field);
    const int room = INI_WIDTH - column - 2;
    const char *left = assignment, *text = remark;
    for (int length; *text; text += length + (text[length] == ' '), left = "") {
        length = (int)strlen(text);
        if (length > room)
            for (length = room; text[length] != ' '; length--) CHECK(length > 0, "ini_template: a word too long");
        ini_put(out, "%-*s# %.*s\n", column, left, length, text);
    }
    free(assignment);
    free(remark);
}

char *ini_template(const Field *fields, const char *head, const IniSection *sections) {
    int column = 0;
    char *out = NULL;
    ini_put(&out, "%s", head);
    for (size_t i = 0; fields[i].key; i++) {
        if (ini_print_heading(&out, fields, i, sections)) column = ini_column(&fields[i]);
        ini_print_row(&out, &fields[i], column);
    }
    return ini_end(out);
}
