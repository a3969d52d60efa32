#include "page/json.h"

#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/check.h"
#include "base/ds.h"
#include "text/utf8.h"

static void put(Json *j, const char *bytes, size_t length) {
    if (length > 0) memcpy(stbds_arraddnptr(j->text, length), bytes, length);
}

/* To be called before every value and every key. */
static void begin(Json *j) {
    if (j->separate) stbds_arrput(j->text, ',');
    j->separate = true;
}

void json_free(Json *j) {
    stbds_arrfree(j->text);
    j->separate = false;
}

void json_open(Json *j, char bracket) {
    begin(j);
    stbds_arrput(j->text, bracket);
    j->separate = false;
}

void json_close(Json *j, char bracket) {
    stbds_arrput(j->text, bracket);
    j->separate = true;
}

Json *json_key(Json *j, const char *key) {
    json_text(j, key);
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
        else if (code < 0x20 || code == 0x7F || code == '<' || code == 0x2028 || code == 0x2029)
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

void json_text(Json *j, const char *text) {
    if (text)
        json_string(j, text, strlen(text));
    else
        json_null(j);
}

static void number(Json *j, int digits, double value) {
    char text[40];
    if (!isfinite(value)) {
        json_null(j);
        return;
    }
    begin(j);
    put(j, text, (size_t)snprintf(text, sizeof text, "%.*g", digits, value));
}

void json_integer(Json *j, long long value) {
    char text[32];
    begin(j);
    put(j, text, (size_t)snprintf(text, sizeof text, "%lld", value));
}

void json_number(Json *j, double value) { number(j, 9, value); }

void json_short(Json *j, double value) { number(j, 5, value); }

void json_pair(Json *j, double a, double b) { json_write(j, "[%f, %f]", a, b); }

static void put_bool(Json *j, bool value) {
    begin(j);
    put(j, value ? "true" : "false", value ? 4 : 5);
}

void json_null(Json *j) {
    begin(j);
    put(j, "null", 4);
}

/* The value of the conversion that begins at `c`; returns its length. */
static size_t write_value(Json *j, const char *c, va_list *arguments) {
    switch (c[1]) {
    case 's': json_text(j, va_arg(*arguments, const char *)); return 2;
    case 'd': json_integer(j, va_arg(*arguments, int)); return 2;
    case 'i': put_bool(j, va_arg(*arguments, int)); return 2;
    case 'g': json_number(j, va_arg(*arguments, double)); return 2;
    case 'f': json_short(j, va_arg(*arguments, double)); return 2;
    case 'z':
    case 't': json_integer(j, (long long)va_arg(*arguments, size_t)); return 3;
    case 'l': json_integer(j, va_arg(*arguments, long long)); return 4;
    default: CHECK(false, "a conversion that json.h names");
    }
}

void json_write(Json *j, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    for (const char *c = format; *c;) {
        const size_t key = strcspn(c, ":,{}[]% ");
        if (key > 0) {
            begin(j);
            stbds_arrput(j->text, '"');
            put(j, c, key);
            put(j, "\":", 2);
            j->separate = false;
            c += key;
        } else if (*c == '%')
            c += write_value(j, c, &arguments);
        else {
            if (*c == '{' || *c == '[') json_open(j, *c);
            if (*c == '}' || *c == ']') json_close(j, *c);
            c++; /* ": ", ", " */
        }
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
        json_null(j);
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
    if (outer > 0) json_integer(j, (long long)outer);
    if (rows > 0) json_integer(j, (long long)(outer > 0 ? rows / outer : rows));
    json_integer(j, (long long)cols);
    json_write(j, "], f32:");
    put(j, "\"", 1);
    json_base64(&j->text, bytes, 4 * count);
    put(j, "\"", 1);
    json_close(j, '}');
    free(bytes);
}

size_t json_array_size(size_t elements) { return (4 * elements + 2) / 3 * 4 + 64; }
