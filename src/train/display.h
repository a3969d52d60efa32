/* What a run shows on the terminal: a moving line with the loss as a curve, a sentence below it that is translated
 * again and again, and lines that stay, of steps and of validations. If the stream is no terminal, only the lines that
 * stay are written. */
#pragma once

#include "base/terminal.h"
#include "train/measure.h"
#include "train/trainer.h"

/* Made with its first two fields. Both must outlive it. Nothing is to be freed. */
typedef struct Display {
    Progress *progress;
    const Trainer *trainer;
    double began;      /* seconds */
    uint64_t began_at; /* step */
    double lined;      /* seconds, at the last line that stays; later by the time that validations took since */
    uint64_t tokens;   /* since then */
    double validating; /* seconds, at the beginning of the validation */
    Curve losses;
    double due; /* seconds: when the sentence is to be translated next */
} Display;

/* Speeds are measured from here on. */
void display_start(Display *display);

/* A step was done. line: this step ends a stretch; without a live terminal, a line with the means of the stretch is
 * written. Returns the target tokens per second of the stretch so far; NAN when they are not known. */
double display_step(Display *display, const StepReport *step, bool line);

/* Why a step updated nothing. */
void display_skipped(const Display *display, const StepReport *step);

/* A validation begins. */
void display_validating(Display *display);

/* What it found. measured: NULL when nothing was translated. verdict: a few words; better: they are good news. */
void display_validation(Display *display, Loss loss, const Measured *measured, bool better, const char *verdict);

/* The sentence below the moving line, until there is another; the next is due in a second, or later where that would
 * take more than some 3% of the time. took: seconds. */
void display_sample(Display *display, const Sample *sample, double took);
