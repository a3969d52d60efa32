/* Says on stderr which words of a command's texts the training of the model did not have, and which texts have more
 * tokens than any sentence of the training. Models of earlier versions do not know what their training had; with them,
 * nothing is said. */
#pragma once

#include <stddef.h>

#include "base/table.h"
#include "cli/options.h"
#include "decode/modelfile.h"

typedef struct Unseen {
    Table words;   /* by their sums */
    char *named;   /* stb_ds array: the first of them, in quotes */
    size_t texts;  /* looked at */
    size_t with;   /* of them, those with such words */
    size_t longer; /* and those with more tokens */
} Unseen;

/* Looks at a text. tokens: as the model reads it, without </s>. Release with unseen_tell. */
void unseen_look(Unseen *unseen, const ModelInfo *info, Text text, size_t tokens);

/* Says what was found since the last time, and forgets it. what: "text", "line" or "sentence". */
void unseen_tell(Unseen *unseen, const ModelInfo *info, const Command *command, const char *what);
