/* What the terminal can do, and a progress line that is redrawn only where it can be. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/exact.h"

/* Whether the stream is a terminal that can redraw a line (a terminal, and TERM is not "dumb"). */
bool terminal_is_live(FILE *stream);

/* Whether to use colours: the stream is live, and NO_COLOR is unset or empty (https://no-color.org). */
bool terminal_has_colours(FILE *stream);

/* Columns of the stream's terminal; 80 if unknown. */
size_t terminal_width(FILE *stream);

/* Progress on one stream. On a live terminal progress_show redraws one moving line, at most about 10 times a second and
 * cut to the terminal's width; elsewhere it does nothing. progress_below says what is in a second moving line below
 * it, from the next progress_show on ("": there is none, as at the start). progress_line clears the moving lines, if
 * they are there, and prints a line that stays. progress_note prints such a line, cut to the width, on a live terminal
 * only. What is neither plain (base/plain.h) nor a style becomes '?' in all of them. */
typedef void ProgressSink(void *context, const char *line);
typedef struct Progress {
    FILE *stream; /* NULL: lines that stay go to the sink */
    ProgressSink *sink;
    void *context;
    bool live, colours;
    int shown;        /* moving lines that are on the terminal now */
    double last_draw; /* seconds, monotonic; negative: the next progress_show draws at once */
    char below[512];
} Progress;

Progress progress_start(FILE *stream);
/* Calls the sink with each line that stays, without a line end, and prints nothing. */
Progress progress_to(ProgressSink *sink, void *context);
void progress_show(Progress *progress, const char *format, ...) __attribute__((format(printf, 2, 3)));
void progress_below(Progress *progress, const char *format, ...) __attribute__((format(printf, 2, 3)));
void progress_line(Progress *progress, const char *format, ...) __attribute__((format(printf, 2, 3)));
void progress_note(Progress *progress, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* What switches to a style, for the arguments of these functions, before the text; "" where there are no colours.
 * STYLE_NONE switches back, and so does the end of a line. A style is a byte from F8 to FC, which no UTF-8 has: where
 * there are colours, an argument that is not UTF-8 can colour the rest of its line. */
typedef enum Style { STYLE_NONE, STYLE_FAINT, STYLE_GOOD, STYLE_BAD, STYLE_BAR } Style;
const char *progress_style(const Progress *progress, Style style);

/* Seconds, by a clock that never jumps. */
double terminal_seconds(void);

/* Numbers for people: seconds as "1:02:03" or "4:05", and a count as "41,000". */
typedef struct NumberText {
    char text[32];
} NumberText;
NumberText terminal_duration(double seconds);
NumberText terminal_count(uint64_t value);

/* What can be pasted: a text as one word of a shell's command, in quotes where it needs them; and the file:// link to a
 * file that is there. Fresh strings. */
char *terminal_word(const char *text);
char *terminal_link(const char *path);

/* Writes a share of 0 .. 1 as "━━━━──────" into a buffer of 3 * columns + 1 bytes, and returns it. */
char *terminal_bar(char *buffer, double share, size_t columns);

/* A curve as blocks of eight heights, "█▅▃▂▁▁": each point is the mean of as many values as the others, and when there
 * are too many points, each two become one. A value that is not finite does not count. */
enum { CURVE_POINTS = 24 };
typedef struct Curve {
    double sums[CURVE_POINTS];
    size_t counts[CURVE_POINTS], points; /* points: how many have begun */
    size_t each;                         /* values of a point; 0: none yet */
} Curve;
void curve_add(Curve *curve, double value);
char *curve_text(char buffer[3 * CURVE_POINTS + 1], const Curve *curve);
