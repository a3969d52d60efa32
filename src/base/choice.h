/* One of a few names that stand in a string like "pre|post", in the order of an enum. */
#ifndef NMT_BASE_CHOICE_H
#define NMT_BASE_CHOICE_H

/* The position of a name, or -1. */
int choice_number(const char *names, const char *name);

/* The name at a position that there is, in a fresh string. */
char *choice_name(const char *names, int number);

#endif
