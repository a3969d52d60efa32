/* Writing a config as INI text, and what keys it has. */
#include "base/ini_internal.h"

#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/choice.h"
#include "base/ds.h"
#include "base/memory.h"

/* Appends to a stb_ds array, without a NUL. */
static void ini_put(char **out, const char *text, size_t length) {
    if (length > 0) memcpy(stbds_arraddnptr(*out, length), text, length);
}
static void ini_print(char **out, const char *text) {
    ini_put(out, text, strlen(text));
}

/* What was appended, as a fresh string. */
static char *ini_finish(char *out) {
    char *text = memory_string_n(out ? out : "", stbds_arrlenu(out));
    stbds_arrfree(out);
    return text;
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
    char *name = choice_name(choices, value);
    ini_print(out, name);
    free(name);
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
    return ini_finish(out);
}

char *ini_help(const IniField *fields, size_t count) {
    char *out = NULL;
    for (size_t i = 0; i < count; i++) {
        const IniField *f = &fields[i];
        const char *standard = !f->standard ? "(required)" : *f->standard ? f->standard : "(empty)";
        char *wish = ini_wish(f);
        char *lines = memory_format("%-26s %-13s %s\n    %s\n", f->key, standard, wish, f->help);
        ini_print(&out, lines);
        free(wish);
        free(lines);
    }
    return ini_finish(out);
}
