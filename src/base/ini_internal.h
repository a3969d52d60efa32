/* What the files of base/ini.h share: the entries of a text, and how its characters are read. For them alone. */
#ifndef NMT_BASE_INI_INTERNAL_H
#define NMT_BASE_INI_INTERNAL_H

#include "base/ini.h"

/* A key with its value, or, with value NULL, the heading of a section. */
typedef struct IniEntry {
    char *key; /* "section.name" */
    char *value;
    size_t line; /* 0: from the command line */
} IniEntry;

struct Ini {
    char *name;
    IniEntry *entries; /* stb_ds array, in the order of the text */
};

/* The entry of a key, or NULL. */
IniEntry *ini_find(const Ini *ini, const char *key);

/* Bytes of "section" in "section.name", and what follows the dot. */
size_t ini_section(const char *key);
const char *ini_short_name(const char *key);

/* What a field wants, in words, in a fresh string. */
char *ini_wish(const IniField *field);

bool ini_blank(char c);
bool ini_control(char c);

/* Whether position p of a line starts a comment that reaches to its end. */
bool ini_comment(const char *line, const char *p);

#endif
