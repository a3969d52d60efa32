/* "Did you mean ...?": how alike two words are. */
#ifndef NMT_BASE_SUGGEST_H
#define NMT_BASE_SUGGEST_H

#include <stddef.h>

enum { SUGGEST_LONGEST = 127 }; /* bytes of a word; a longer one is unlike any other */

/* The number of letters to insert, leave out, change or swap with their neighbour to get from a to b (Damerau's
 * distance); SIZE_MAX when one is too long. */
size_t suggest_distance(const char *a, const char *b);

/* The distance from which on two words count as unlike: two, and one more for every four letters of the wrong one. */
size_t suggest_limit(const char *wrong);

#endif
