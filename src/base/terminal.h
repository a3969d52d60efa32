/* What the terminal can do, and a progress line that moves only there. */
#ifndef NMT_BASE_TERMINAL_H
#define NMT_BASE_TERMINAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Whether the stream is a terminal that can redraw a line (a terminal, and TERM is not "dumb"). */
bool terminal_is_live(FILE *stream);

/* Whether the stream is one that takes colours: live, and NO_COLOR is unset or empty (https://no-color.org). */
bool terminal_has_colours(FILE *stream);

/* Columns of the stream's terminal; 80 where it cannot tell. */
size_t terminal_width(FILE *stream);

/* Progress on one stream. On a live terminal progress_show redraws one line, at most about 10 times a second, cut to
 * the terminal's width; elsewhere it does nothing. progress_line clears the moving line, if any, and prints a line that
 * stays; progress_note does so on a live terminal only, and cuts it. */
typedef struct Progress {
    FILE *stream;
    bool live, colours;
    bool shown;       /* a moving line stands on the terminal now */
    double last_draw; /* seconds, monotonic; negative: the next progress_show draws at once */
} Progress;

Progress progress_start(FILE *stream);
void progress_show(Progress *progress, const char *format, ...) __attribute__((format(printf, 2, 3)));
void progress_line(Progress *progress, const char *format, ...) __attribute__((format(printf, 2, 3)));
void progress_note(Progress *progress, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What begins a stretch of text in this style, to be printed in front of it; "" where there are no colours. STYLE_NONE
 * ends the stretch. */
typedef enum Style { STYLE_NONE, STYLE_FAINT, STYLE_GOOD, STYLE_BAD, STYLE_BAR } Style;
const char *progress_style(const Progress *progress, Style style);

/* Seconds of a clock that never jumps. */
double terminal_seconds(void);

/* "1:02:03" or "4:05" from seconds, into a buffer of at least 24 bytes; returns it. */
char *terminal_duration(char *buffer, double seconds);

/* "━━━━──────" of so many columns for a share of 0 .. 1, into a buffer of 3 * columns + 1 bytes; returns it. */
char *terminal_bar(char *buffer, double share, size_t columns);

/* "41,000": an integer with thousands separated, into a buffer of at least 32 bytes; returns it. */
char *terminal_count(char *buffer, long long value);

#endif
