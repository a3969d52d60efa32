#include "base/terminal.h"

#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "base/memory.h"
#include "base/plain.h"
#include "base/size.h"

static const char ERASE_LINE[] = "\r\033[K";      /* ECMA-48: erase from the cursor to the end of the line */
static const char ERASE_ABOVE[] = "\033[A\033[K"; /* ... after going a line up */

bool terminal_is_live(FILE *stream) {
    const char *kind = getenv("TERM");
    return kind && kind[0] && strcmp(kind, "dumb") != 0 && isatty(fileno(stream));
}

bool terminal_has_colours(FILE *stream) {
    const char *no = getenv("NO_COLOR");
    return !(no && no[0]) && terminal_is_live(stream);
}

size_t terminal_width(FILE *stream) {
    struct winsize size;
    if (!stream || ioctl(fileno(stream), TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return 80;
    return size.ws_col;
}

Progress progress_start(FILE *stream) {
    return (Progress){
        .stream = stream, .live = terminal_is_live(stream), .colours = terminal_has_colours(stream), .last_draw = -1.0};
}

Progress progress_to(ProgressSink *sink, void *context) {
    return (Progress){.sink = sink, .context = context, .last_draw = -1.0};
}

/* A style is one byte that no UTF-8 has, until the line is written. */
enum { FIRST_STYLE = 0xF8 };
static const char *const codes[] = {"\033[m", "\033[2m", "\033[32m", "\033[33m", "\033[36m"}; /* by Style */

const char *progress_style(const Progress *progress, Style style) {
    static const char marks[][2] = {"\xF8", "\xF9", "\xFA", "\xFB", "\xFC"};
    return progress->colours ? marks[style] : "";
}

/* The columns that a terminal gives to a character, or more: a line that is cut too soon does no harm. Two for those of
 * East Asia and for pictures, with all of a block of which some take two; one for all others, also for marks that are
 * drawn on the character before. */
static size_t columns_of(const char *text, size_t length) {
    static const uint32_t wide[][2] = {
        {0x1100, 0x115F}, {0x2300, 0x23FF},   {0x25FD, 0x27BF},   {0x2B00, 0x2BFF},   {0x2E80, 0xA4CF},
        {0xA960, 0xA97F}, {0xAC00, 0xD7A3},   {0xF900, 0xFAFF},   {0xFE10, 0xFE6F},   {0xFF00, 0xFF60},
        {0xFFE0, 0xFFE6}, {0x16FE0, 0x1B2FF}, {0x1D300, 0x1D37F}, {0x1F000, 0x1FAFF}, {0x20000, 0x3FFFD},
    };
    uint32_t c;
    plain_decode(&c, text, length);
    for (size_t i = 0; i < COUNT(wide); i++)
        if (c >= wide[i][0] && c <= wide[i][1]) return 2;
    return 1;
}

/* Writes up to `width` columns of a line: styles, which take none, as what the terminal obeys, and whatever is not
 * plain as '?'. Ends a style that is still open. */
static void progress_write(const Progress *progress, const char *text, size_t width) {
    const size_t length = strlen(text);
    bool open = false;
    for (size_t at = 0, columns = 0, size; at < length; at += size) {
        const unsigned style = (unsigned char)text[at] - FIRST_STYLE;
        if (progress->colours && style < COUNT(codes)) {
            size = 1;
            fputs(codes[style], progress->stream);
            open = style != STYLE_NONE;
            continue;
        }
        columns += columns_of(text + at, length - at);
        if (columns > width) break;
        size = plain_character(text + at, length - at);
        if (size > 0)
            fwrite(text + at, 1, size, progress->stream);
        else
            fputc('?', progress->stream), size = 1;
    }
    if (open) fputs(codes[STYLE_NONE], progress->stream);
}

/* Erases the moving lines; the cursor is in the last of them, and then where the first began. */
static void progress_clear(Progress *progress) {
    fputs(ERASE_LINE, progress->stream);
    for (; progress->shown > 1; progress->shown--) fputs(ERASE_ABOVE, progress->stream);
    progress->shown = 0;
}

/* Draws a line in place of the moving ones; it never wraps: one of the full width would make some terminals scroll. */
__attribute__((format(printf, 3, 0))) static void progress_draw(Progress *progress, bool stays, const char *format,
                                                                va_list arguments) {
    char text[1024];
    vsnprintf(text, sizeof text, format, arguments);
    const size_t width = terminal_width(progress->stream), room = width > 1 ? width - 1 : 1;
    progress_clear(progress);
    progress_write(progress, text, room);
    if (!stays && *progress->below) {
        fputc('\n', progress->stream);
        progress_write(progress, progress->below, room);
    }
    if (stays) fputc('\n', progress->stream);
    fflush(progress->stream);
    progress->shown = stays ? 0 : *progress->below ? 2 : 1;
}

void progress_below(Progress *progress, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(progress->below, sizeof progress->below, format, arguments);
    va_end(arguments);
}

void progress_show(Progress *progress, const char *format, ...) {
    const double now = terminal_seconds();
    if (!progress->live || (progress->shown && now - progress->last_draw < 0.1)) return;
    va_list arguments;
    va_start(arguments, format);
    progress_draw(progress, false, format, arguments);
    va_end(arguments);
    progress->last_draw = now;
}

void progress_note(Progress *progress, const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    if (progress->live) progress_draw(progress, true, format, arguments);
    va_end(arguments);
}

void progress_line(Progress *progress, const char *format, ...) {
    char text[8192]; /* a path has 4,096 at most */
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (progress->sink) {
        progress->sink(progress->context, plain_clean(text));
        return;
    }
    if (progress->shown > 0) progress_clear(progress);
    progress_write(progress, text, SIZE_MAX);
    fputc('\n', progress->stream);
    fflush(progress->stream);
}

double terminal_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

NumberText terminal_duration(double seconds) {
    const double most = 4e9; /* more than a century; NaN becomes 0 */
    const unsigned whole = seconds > 0 ? (unsigned)((seconds < most ? seconds : most) + 0.5) : 0;
    const unsigned hours = whole / 3600, minutes = whole / 60 % 60, rest = whole % 60;
    NumberText out;
    if (hours > 0)
        snprintf(out.text, sizeof out.text, "%u:%02u:%02u", hours, minutes, rest);
    else
        snprintf(out.text, sizeof out.text, "%u:%02u", minutes, rest);
    return out;
}

static const char PLAIN_LETTERS[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

char *terminal_word(const char *text) {
    size_t plain = 0;
    while (text[plain] && (strchr(PLAIN_LETTERS, text[plain]) || strchr("._-+=:,@%/", text[plain]))) plain++;
    if (*text && !text[plain]) return memory_string(text);
    /* Within "" a shell obeys these; within '' nothing, but a ' ends it. */
    if (!text[strcspn(text, "\"\\$`!")]) return memory_format("\"%s\"", text);
    char *word = memory_string("'");
    for (const char *rest = text;; rest++) {
        const size_t length = strcspn(rest, "'");
        word = memory_join(word, "", memory_string_n(rest, length));
        rest += length;
        word = memory_join(word, "", memory_string(*rest ? "'\\''" : "'"));
        if (!*rest) return word;
    }
}

char *terminal_link(const char *path) {
    char *whole = realpath(path, NULL);
    const char *from = whole ? whole : path;
    char *link = memory_new(8 + 3 * strlen(from), 1), *to = link + sprintf(link, "file://");
    for (; *from; from++) {
        if (strchr(PLAIN_LETTERS, *from) || strchr("/._-~", *from))
            *to++ = *from;
        else
            to += sprintf(to, "%%%02X", (unsigned char)*from);
    }
    *to = '\0';
    free(whole);
    return link;
}

char *terminal_bar(char *buffer, double share, size_t columns) {
    const double done = share > 0 ? fmin(share, 1) * (double)columns : 0;
    *buffer = '\0';
    for (size_t i = 0; i < columns; i++) strcpy(buffer + 3 * i, (double)i + 0.5 <= done ? "\u2501" : "\u2500");
    return buffer;
}

void curve_add(Curve *curve, double value) {
    if (!isfinite(value)) return;
    if (curve->points == CURVE_POINTS && curve->counts[CURVE_POINTS - 1] == curve->each) {
        for (size_t i = 0; i < CURVE_POINTS / 2; i++) {
            curve->sums[i] = curve->sums[2 * i] + curve->sums[2 * i + 1];
            curve->counts[i] = curve->counts[2 * i] + curve->counts[2 * i + 1];
        }
        curve->points = CURVE_POINTS / 2;
        curve->each *= 2;
    }
    if (curve->each == 0) curve->each = 1;
    if (curve->points == 0 || curve->counts[curve->points - 1] == curve->each) {
        curve->sums[curve->points] = 0;
        curve->counts[curve->points++] = 0;
    }
    curve->sums[curve->points - 1] += value;
    curve->counts[curve->points - 1]++;
}

char *curve_text(char buffer[3 * CURVE_POINTS + 1], const Curve *curve) {
    static const char blocks[][4] = {"\u2581", "\u2582", "\u2583", "\u2584", "\u2585", "\u2586", "\u2587", "\u2588"};
    double low = INFINITY, high = -INFINITY, means[CURVE_POINTS];
    for (size_t i = 0; i < curve->points; i++) {
        means[i] = curve->sums[i] / (double)curve->counts[i];
        low = fmin(low, means[i]), high = fmax(high, means[i]);
    }
    *buffer = '\0';
    for (size_t i = 0; i < curve->points; i++) {
        const double share = high > low ? (means[i] - low) / (high - low) : 0;
        strcpy(buffer + 3 * i, blocks[(size_t)(share * 7 + 0.5)]);
    }
    return buffer;
}

NumberText terminal_count(uint64_t value) {
    char digits[24], *to;
    const int length = snprintf(digits, sizeof digits, "%llu", (unsigned long long)value);
    NumberText out;
    to = out.text;
    for (int i = 0; i < length; i++) {
        if (i > 0 && (length - i) % 3 == 0) *to++ = ',';
        *to++ = digits[i];
    }
    *to = '\0';
    return out;
}
