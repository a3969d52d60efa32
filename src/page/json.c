#include "page/json.h"

#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/ds.h"
#include "base/plain.h"
#include "text/utf8.h"

static void put(Json *j, const char *bytes, size_t length) { ds_append(j->text, bytes, length); }

/* To be called before every value and every key. */
static void begin(Json *j) {
    if (j->separate) stbds_arrput(j->text, ',');
    j->separate = true;
}

/* A value that is written as it is. */
static void word(Json *j, const char *text, size_t length) {
    begin(j);
    put(j, text, length);
}

void json_free(Json *j) {
    stbds_arrfree(j->text);
    j->separate = false;
}

Json *json_key(Json *j, const char *key) {
    json_string(j, key, strlen(key));
    stbds_arrput(j->text, ':');
    j->separate = false;
    return j;
}

void json_string(Json *j, const char *bytes, size_t length) {
    begin(j);
    stbds_arrput(j->text, '"');
    for (size_t at = 0, size; at < length; at += size) {
        uint32_t code;
        char escape[8];
        size = utf8_decode(&code, bytes + at, length - at);
        int written = 0;
        if (code >= UTF8_BAD)
            written = snprintf(escape, sizeof escape, "\\\\x%02X", (unsigned)(code - UTF8_BAD));
        else if (code == '<' || plain_character(bytes + at, size) == 0)
            written = snprintf(escape, sizeof escape, "\\u%04x", (unsigned)code);
        else if (code == '"' || code == '\\')
            written = snprintf(escape, sizeof escape, "\\%c", (char)code);
        if (written > 0)
            put(j, escape, (size_t)written);
        else
            put(j, bytes + at, size);
    }
    stbds_arrput(j->text, '"');
}

static void number(Json *j, int digits, double value) {
    char text[40];
    const int length = isfinite(value) ? snprintf(text, sizeof text, "%.*g", digits, value) : 0;
    word(j, length > 0 ? text : "null", length > 0 ? (size_t)length : 4);
}

static void integer(Json *j, long long value) {
    char text[32];
    word(j, text, (size_t)snprintf(text, sizeof text, "%lld", value));
}

static void text(Json *j, const char *value) {
    if (value)
        json_string(j, value, strlen(value));
    else
        word(j, "null", 4);
}

/* The value of the conversion that begins at `c`; returns its length. */
static size_t write_value(Json *j, const char *c, va_list *arguments) {
    bool yes;
    switch (c[1]) {
    case 's': text(j, va_arg(*arguments, const char *)); return 2;
    case 'd': integer(j, va_arg(*arguments, int)); return 2;
    case 'i':
        yes = va_arg(*arguments, int);
        word(j, yes ? "true" : "false", yes ? 4 : 5);
        return 2;
    case 'g': number(j, 9, va_arg(*arguments, double)); return 2;
    case 'f': number(j, 5, va_arg(*arguments, double)); return 2;
    case 'z': integer(j, (long long)va_arg(*arguments, size_t)); return 3;
    case 't': integer(j, va_arg(*arguments, ptrdiff_t)); return 3;
    case 'l': integer(j, va_arg(*arguments, long long)); return 4;
    default: CHECK(false, "a conversion that json.h names");
    }
}

void json_write(Json *j, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    for (const char *c = format; *c;) {
        const size_t length = strcspn(c, ":,{}[]% ");
        if (length > 0 && c[length] == ':') {
            json_string(j, c, length);
            stbds_arrput(j->text, ':');
            j->separate = false;
        } else if (length > 0)
            word(j, c, length);
        else if (*c == '{' || *c == '[') {
            word(j, c, 1);
            j->separate = false;
        } else if (*c == '}' || *c == ']') {
            put(j, c, 1);
            j->separate = true;
        } else if (*c == '%')
            c += write_value(j, c, &arguments) - 1;
        c += length > 0 ? length : 1;
    }
    va_end(arguments);
}

void json_base64(char **text, const unsigned char *bytes, size_t count) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < count; i += 3) {
        const size_t left = count - i;
        const uint32_t three =
            (uint32_t)bytes[i] << 16 | (left > 1 ? (uint32_t)bytes[i + 1] << 8 : 0) | (left > 2 ? bytes[i + 2] : 0u);
        char *out = stbds_arraddnptr(*text, 4);
        for (int k = 0; k < 4; k++) out[k] = letters[three >> (18 - 6 * k) & 63];
        if (left < 3) out[3] = '=';
        if (left < 2) out[2] = '=';
    }
}

void json_array(Json *j, size_t outer, size_t rows, size_t cols, const real *data, size_t stride) {
    if (!data) {
        word(j, "null", 4);
        return;
    }
    const size_t count = (rows > 0 ? rows : 1) * cols;
    unsigned char *bytes = memory_new(count, 4);
    for (size_t i = 0; i < count; i++) {
        const float value = (float)data[i / cols * stride + i % cols];
        uint32_t bits;
        memcpy(&bits, &value, sizeof bits);
        for (int k = 0; k < 4; k++) bytes[4 * i + (size_t)k] = (unsigned char)(bits >> 8 * k);
    }
    json_write(j, "{shape: [");
    if (outer > 0) json_write(j, "%zu", outer);
    if (rows > 0) json_write(j, "%zu", outer > 0 ? rows / outer : rows);
    json_write(j, "%zu", cols);
    json_write(j, "], f32:");
    put(j, "\"", 1);
    json_base64(&j->text, bytes, 4 * count);
    put(j, "\"", 1);
    json_write(j, "}");
    free(bytes);
}

size_t json_array_size(size_t elements) { return (4 * elements + 2) / 3 * 4 + 64; }
