#!/usr/bin/env python3
"""Makes src/text/unicode_table.h from the files of the Unicode Character Database.

    python3 scripts/make_unicode.py [FOLDER] > src/text/unicode_table.h

FOLDER has UnicodeData.txt, CompositionExclusions.txt and DerivedCoreProperties.txt of one version of Unicode
(https://www.unicode.org/Public/15.0.0/ucd/). Without it, the folder is /usr/share/unicode, where Debian's package
unicode-data puts them. Building the project does not need them, because the result is stored.
"""

import os
import sys

LAST = 0x110000
KEPT = {0x200C, 0x200D, 0x180E}  # join letters and emoji, or choose the form of a letter
EVEN, ODD = "EVEN", "ODD"
HEAD = """/* Unicode %s's properties of characters, for text/unicode.c. Made by scripts/make_unicode.py. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

typedef struct Kind {
    uint8_t class; /* canonical combining class */
    bool moves;    /* normal form C may change it, or join it to the character before it */
    bool hidden;   /* unicode_hidden */
    int32_t step;  /* from a capital to its small letter; EVEN, ODD: 1 where the code is even, odd */
} Kind;

enum { EVEN = 1 << 30, ODD };

/* clang-format off */
"""


def rows(folder, name):
    with open(os.path.join(folder, name), encoding="utf-8") as file:
        for line in file:
            line = line.split("#")[0].strip()
            if line:
                yield [field.strip() for field in line.split(";")]


def span(text):
    first, _, last = text.partition("..")
    return range(int(first, 16), int(last or first, 16) + 1)


def read(folder):
    """The properties of all code points, from the database's files."""
    marks, pairs, lower, formats = {}, {}, {}, set()
    for row in rows(folder, "UnicodeData.txt"):
        code = int(row[0], 16)
        if row[2] == "Cf":
            formats.add(code)
        if row[3] != "0":
            marks[code] = int(row[3])
        if row[5] and not row[5].startswith("<"):
            pairs[code] = tuple(int(part, 16) for part in row[5].split())
        if row[13]:
            lower[code] = int(row[13], 16)
    excluded = {int(row[0], 16) for row in rows(folder, "CompositionExclusions.txt")}
    ignorable = set()
    for row in rows(folder, "DerivedCoreProperties.txt"):
        if row[1] == "Default_Ignorable_Code_Point":
            ignorable.update(span(row[0]))
    hidden = {code for code in formats & ignorable - KEPT if code < 0x10000}
    return marks, pairs, lower, excluded, hidden


def version(folder):
    with open(os.path.join(folder, "DerivedCoreProperties.txt"), encoding="utf-8") as file:
        return file.readline().split("-")[1].rsplit(".", 1)[0]


def steps_of(lower):
    """The step to each capital's small letter; where capitals and small letters alternate, EVEN or ODD."""
    steps = {code: small - code for code, small in lower.items()}
    for code in sorted(lower):
        if steps[code] == 1 and (lower.get(code + 2) == code + 3 or steps.get(code - 2) in (EVEN, ODD)):
            steps[code] = ODD if code % 2 else EVEN
            if code + 1 not in steps:
                steps[code + 1] = steps[code]
    return steps


def print_numbers(kind, name, comment, numbers):
    print(f"\n/* {comment} */\nstatic const {kind} {name}[] = {{")
    line = "   "
    for number in numbers:
        if len(line) + len(number) + 2 > 120:
            print(line)
            line = "   "
        line += f" {number},"
    print(f"{line}\n}};")


def main(folder):
    marks, pairs, lower, excluded, hidden = read(folder)
    seconds = sorted({pair[1] for pair in pairs.values() if len(pair) == 2})
    assert not any(second in pairs for second in seconds) and len(seconds) < 1 << 11

    def composes(code):
        return (len(pairs[code]) == 2 and code not in excluded and code not in marks and pairs[code][0] not in marks)

    # What normal form C may change: marks, what is decomposed for good, and what joins the character before it.
    moves = set(marks) | {code for code in pairs if not composes(code)} | set(range(0x1161, 0x1176))
    moves |= set(range(0x11A8, 0x11C3)) | {pairs[code][1] for code in pairs if composes(code)}
    steps = steps_of(lower)

    def kind_of(code):
        return marks.get(code, 0), steps.get(code, 0), code in moves, code in hidden

    kinds, changes, before = [(0, 0, False, False)], [], 0
    for code in range(LAST):
        kind = kind_of(code)
        if kind not in kinds:
            kinds.append(kind)
        if kinds.index(kind) != before:
            before = kinds.index(kind)
            changes.append((code, before))
    assert len(kinds) <= 256

    codes = sorted(pairs)
    parts = [pairs[code][0] | (seconds.index(pairs[code][1]) + 1 if len(pairs[code]) == 2 else 0) << 21
             for code in codes]
    runs = [code << 12 | i for i, code in enumerate(codes) if i == 0 or codes[i - 1] != code - 1]
    assert len(parts) < 1 << 12 and codes[-1] < 1 << 20
    joins = sorted((i for i, code in enumerate(codes) if composes(code)), key=lambda i: parts[i])

    print(HEAD % version(folder), end="")
    print_numbers("Kind", "kinds", "The kinds of characters; 0 is that of most.",
                  ["{%d, %d, %d, %s}" % (mark, move, hide, step) for mark, step, move, hide in kinds])
    print_numbers("uint32_t", "changes", "code << 8 | kind: all characters from this code to that of the next entry.",
                  ["0x%x" % (code << 8 | kind) for code, kind in changes])
    print_numbers("uint32_t", "seconds", "The second characters of pairs.", ["0x%x" % code for code in seconds])
    print_numbers("uint32_t", "parts", "What a character decomposes into: the first code, and << 21 the second's place "
                  "in `seconds` + 1, or 0 for none.", ["0x%x" % part for part in parts])
    print_numbers("uint32_t", "runs", "code << 12 | its place in `parts`: the first of characters that follow one "
                  "another there.", ["0x%x" % run for run in runs])
    print_numbers("uint16_t", "joins", "Places in `parts` of all pairs that compose, by rising parts.",
                  ["%d" % i for i in joins])


main(sys.argv[1] if len(sys.argv) > 1 else "/usr/share/unicode")
