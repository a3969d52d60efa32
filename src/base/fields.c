#include "base/fields.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/memory.h"
#include "base/names.h"

size_t field_section(const char *key) {
    const char *dot = strchr(key, '.');
    return dot ? (size_t)(dot - key) : 0;
}

const char *field_name(const char *key) {
    const char *dot = strchr(key, '.');
    return dot ? dot + 1 : key;
}

static const char automatic[] = "auto";

static bool in_bounds(const Field *field, double value) { /* a NaN is not */
    return value >= field->min && value <= field->max;
}

/* The bounds of an integer, exactly; the largest integer of all is no double. */
static uint64_t least(const Field *field) { return (uint64_t)field->min; }
static uint64_t most(const Field *field) { return field->max >= 0x1p64 ? UINT64_MAX : (uint64_t)field->max; }

static bool integer_in_bounds(const Field *field, uint64_t value) {
    return value >= least(field) && value <= most(field);
}

static bool parse_integer(const char *text, uint64_t *value) {
    const char *digits = text + (*text == '+');
    if (!*digits || digits[strspn(digits, "0123456789")]) return false;
    errno = 0;
    *value = strtoull(digits, NULL, 10);
    return errno == 0;
}

static bool parse_real(const char *text, double *value) {
    if (!*text || text[strspn(text, "+-.0123456789eE")]) return false; /* no hexadecimals, nor "inf", nor blanks */
    char *end;
    *value = strtod(text, &end);
    return *end == 0;
}

static bool parse_switch(const char *text, bool *value) {
    static const char *const words[] = {"false", "true", "no", "yes", "off", "on", "0", "1", NULL};
    const int found = names_find(words, text);
    *value = found % 2 == 1;
    return found >= 0;
}

uint64_t field_integer(const Field *field, const void *of) {
    const void *at = (const char *)of + field->offset;
    return field->size == sizeof(uint64_t) ? *(const uint64_t *)at : *(const uint32_t *)at;
}

void field_put_integer(const Field *field, uint64_t value, void *of) {
    void *at = (char *)of + field->offset;
    if (field->size == sizeof(uint64_t))
        *(uint64_t *)at = value;
    else
        *(uint32_t *)at = value < UINT32_MAX ? (uint32_t)value : UINT32_MAX;
}

bool field_set(const Field *field, const char *text, void *of) {
    void *at = (char *)of + field->offset;
    uint64_t value;
    switch (field->type) {
    case FIELD_INTEGER:
        if (field->automatic && strcmp(text, automatic) == 0) {
            field_put_integer(field, FIELD_AUTO, of);
            return true;
        }
        if (!parse_integer(text, &value) || !integer_in_bounds(field, value)) return false;
        field_put_integer(field, value, of);
        return true;
    case FIELD_REAL: return parse_real(text, at) && in_bounds(field, *(double *)at);
    case FIELD_SWITCH: return parse_switch(text, at);
    case FIELD_CHOICE: return (*(int *)at = names_find(field->names, text)) >= 0;
    case FIELD_TEXT: *(char **)at = memory_string(text); return true;
    }
    CHECK(false, "a field without a type");
}

void field_set_standard(const Field *field, void *of) {
    CHECK(field->standard && field_set(field, field->standard, of), "a default that its own field refuses");
}

static const char *before(const Field *field) { return field->before ? field->before : field->standard; }

void field_set_before(const Field *field, void *of) {
    CHECK(before(field) && field_set(field, before(field), of), "an earlier value that its own field refuses");
}

bool field_is_before(const Field *field, const void *of) {
    char *text = field_text(field, of);
    const bool is = before(field) && strcmp(text, before(field)) == 0;
    free(text);
    return is;
}

char *field_range(const Field *field) {
    switch (field->type) {
    case FIELD_INTEGER:
        return memory_format("%" PRIu64 " to %" PRIu64 "%s%s", least(field), most(field),
                             field->automatic ? ", or " : "", field->automatic ? automatic : "");
    case FIELD_REAL: return memory_format("%.15g to %.15g", field->min, field->max);
    case FIELD_SWITCH: return memory_string("true or false");
    case FIELD_CHOICE: return names_list(field->names);
    case FIELD_TEXT: return memory_string("text");
    }
    CHECK(false, "a field without a type");
}

char *field_wish(const Field *field) {
    static const char *const before[] = {
        [FIELD_INTEGER] = "an integer from ", [FIELD_REAL] = "a number from ", [FIELD_CHOICE] = "one of "};
    char *range = field_range(field),
         *wish = memory_format("%s%s", before[field->type] ? before[field->type] : "", range);
    free(range);
    return wish;
}

/* With the fewest digits, of 15 to 17, that give the same double again. */
static char *real_text(double value) {
    char text[40];
    for (int digits = 15; digits <= 17; digits++) {
        snprintf(text, sizeof text, "%.*g", digits, value);
        if (strtod(text, NULL) == value) break;
    }
    return memory_string(text);
}

char *field_text(const Field *field, const void *of) {
    const void *at = (const char *)of + field->offset;
    switch (field->type) {
    case FIELD_INTEGER:
        if (field->automatic && field_integer(field, of) == FIELD_AUTO) return memory_string(automatic);
        return memory_format("%" PRIu64, field_integer(field, of));
    case FIELD_REAL: return real_text(*(const double *)at);
    case FIELD_SWITCH: return memory_string(*(const bool *)at ? "true" : "false");
    case FIELD_CHOICE: return memory_string(field->names[*(const int *)at]);
    case FIELD_TEXT: return memory_string(*(char *const *)at);
    }
    CHECK(false, "a field without a type");
}

const Field *fields_find(const Field *fields, const char *key) {
    for (; fields->key; fields++)
        if (strcmp(fields->key, key) == 0) return fields;
    return NULL;
}

bool fields_check(const Field *fields, const void *of, const char *where, Error *err) {
    for (const Field *f = fields; f->key; f++) {
        if (f->type != FIELD_INTEGER && f->type != FIELD_REAL) continue;
        const double real = f->type == FIELD_REAL ? *(const double *)(const void *)((const char *)of + f->offset) : 0;
        const uint64_t integer = f->type == FIELD_INTEGER ? field_integer(f, of) : 0;
        const bool fits = f->type == FIELD_REAL ? in_bounds(f, real) : integer_in_bounds(f, integer);
        if (fits || (f->or_zero && real == 0 && integer == 0)) continue;
        char *wish = field_wish(f), *found = field_text(f, of);
        error_set(err, "%s: %s: expected %s, found %s", where, f->key, wish, found);
        free(wish);
        free(found);
        return false;
    }
    return true;
}

void fields_release(const Field *fields, void *of) {
    for (const Field *f = fields; f->key; f++) {
        if (f->type != FIELD_TEXT) continue;
        char **text = (void *)((char *)of + f->offset);
        free(*text);
        *text = NULL;
    }
}
