/* Names: those of an enum's values, and which known name a mistyped one was meant to be. */
#pragma once

#include <stddef.h>

/* A list of names is an array whose index is the enum's value, and which ends with NULL. Written with designators, each
 * name is tied to its value:
 *
 *     (const char *const[]){[NORM_PRE] = "pre", [NORM_POST] = "post", NULL}
 */

/* The value that has this name, or -1. */
int names_find(const char *const *names, const char *name);

/* "pre|post", a fresh string. */
char *names_list(const char *const *names);

enum { NAMES_LONGEST = 127 }; /* bytes of a word that is compared; a longer one is unlike any other */

/* The number of bytes to insert, leave out, change or swap with their neighbour to get from a to b (the restricted
 * Damerau distance); SIZE_MAX when one is too long. */
size_t names_distance(const char *a, const char *b);

/* Two words are alike when their distance is less than this: 2, and 1 for every four bytes of the wrong one. */
size_t names_limit(const char *wrong);
