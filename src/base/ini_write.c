#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/ini.h"
#include "base/memory.h"

enum { INI_WIDTH = 120 }; /* of a template's lines */

/* In quotes where reading might take it for something else. */
static void ini_print_value(FILE *out, const char *text) {
    const size_t length = strlen(text);
    const bool blank_ends = length > 0 && (strchr(" \t", text[0]) || strchr(" \t", text[length - 1]));
    const bool quotes = blank_ends || strpbrk(text, "\"#;");
    if (quotes) fputc('"', out);
    for (size_t i = 0; i < length; i++) {
        CHECK((unsigned char)text[i] >= ' ' || text[i] == '\t', "ini_format: a string with control characters");
        if (quotes && (text[i] == '"' || text[i] == '\\')) fputc('\\', out);
        fputc(text[i], out);
    }
    if (quotes) fputc('"', out);
}

static bool ini_same_section(const Field *a, const Field *b) {
    return strncmp(a->key, b->key, field_section(a->key) + 1) == 0; /* with the dot */
}

/* Prints a heading, after a blank line, when field i begins a section. */
static bool ini_print_heading(FILE *out, const Field *fields, size_t i, const IniSection *sections) {
    const size_t length = field_section(fields[i].key);
    if (i > 0 && ini_same_section(&fields[i], &fields[i - 1])) return false;
    fprintf(out, "%s[%.*s]", ftell(out) > 0 ? "\n" : "", (int)length, fields[i].key);
    for (const IniSection *s = sections; s && s->name; s++)
        if (strlen(s->name) == length && memcmp(s->name, fields[i].key, length) == 0)
            fprintf(out, "   # ---- %s ----", s->about);
    fputc('\n', out);
    return true;
}

/* Text that is written like a file. */
typedef struct TextFile {
    FILE *file;
    char *text;
    size_t size;
} TextFile;

static FILE *ini_text_open(TextFile *out) {
    *out = (TextFile){0};
    out->file = open_memstream(&out->text, &out->size);
    if (!out->file) memory_out(1, BUFSIZ);
    return out->file;
}

/* The text. Without memory for it, fclose may succeed and leave NULL. */
static char *ini_text_close(TextFile *out) {
    const bool failed = ferror(out->file);
    if (fclose(out->file) != 0 || failed || !out->text) memory_out(1, out->size + 1);
    return out->text;
}

char *ini_format(const Field *fields, const void *config) {
    TextFile text;
    FILE *out = ini_text_open(&text);
    for (size_t i = 0; fields[i].key; i++) {
        ini_print_heading(out, fields, i, NULL);
        char *value = field_text(&fields[i], config);
        fprintf(out, "%s = ", field_name(fields[i].key));
        ini_print_value(out, value);
        fputc('\n', out);
        free(value);
    }
    return ini_text_close(&text);
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
static void ini_print_row(FILE *out, const Field *field, int column) {
    char *assignment = ini_assignment(field), *remark = ini_remark(field);
    const int room = INI_WIDTH - column - 2;
    const char *left = assignment, *text = remark;
    for (int length; *text; text += length + (text[length] == ' '), left = "") {
        length = (int)strlen(text);
        if (length > room)
            for (length = room; text[length] != ' '; length--) CHECK(length > 0, "ini_template: a word too long");
        fprintf(out, "%-*s# %.*s\n", column, left, length, text);
    }
    free(assignment);
    free(remark);
}

char *ini_template(const Field *fields, const char *head, const IniSection *sections) {
    int column = 0;
    TextFile text;
    FILE *out = ini_text_open(&text);
    fputs(head, out);
    for (size_t i = 0; fields[i].key; i++) {
        if (ini_print_heading(out, fields, i, sections)) column = ini_column(&fields[i]);
        ini_print_row(out, &fields[i], column);
    }
    return ini_text_close(&text);
}
