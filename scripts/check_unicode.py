#!/usr/bin/env python3
"""Compares normal form C and lower case with Python's, on every code point and on random strings.

    python3 scripts/check_unicode.py build/release/tests/test_unicode

The program, called with `-`, reads lines of code points in hexadecimal, and answers each with the line in normal form
C, with each letter small, normalised as a model with text.lowercase does, and small as ./score -l makes it. Python's
Unicode may be another version than the table's: code points that only one of them knows are left out.
"""

import pathlib
import random
import subprocess
import sys
import unicodedata

STRINGS = 30000
GREEK = "ΑΣΣΣσςοόΈ .,'’:·-1A\u0301\u00ad"


def table_version():
    table = pathlib.Path(__file__).parent.parent / "src/text/unicode_table.h"
    return table.read_text().split("'s properties")[0].split()[-1]


def lower(text):
    """Python's lower case of the letters for which it is one code point; a dotted capital I becomes i."""
    return "".join("i" if c == "\u0130" else c.lower() if len(c.lower()) == 1 else c for c in text)


def nfc(text):
    return unicodedata.normalize("NFC", text)


def strings(known):
    """Every code point, and random strings of those that decompose, combine or join."""
    letters = [c for c in known if unicodedata.decomposition(c) or c.lower() != c
               or (0xAC00 <= ord(c) <= 0xD7A3 and ord(c) % 13 == 0)]
    marks = [c for c in known if unicodedata.combining(c)]
    joining = [chr(c) for c in (*range(0x1100, 0x1113), *range(0x1161, 0x1176), *range(0x11A7, 0x11C3))]
    joining += sorted({unicodedata.normalize("NFD", c)[-1] for c in letters})
    for at in range(0, len(known), 32):
        yield ".".join(known[at:at + 32])  # a full stop joins nothing
    for c in letters + marks:
        yield unicodedata.normalize("NFD", c)
        yield c + "\u0327\u0301"
        yield "\u0301" + c + "\u0301"
    choice = random.Random(1)
    for _ in range(STRINGS):
        text = ""
        for _ in range(choice.randint(1, 8)):
            text += choice.choice(choice.choice((letters, marks, marks, joining, "AEIOUaeiou")))
        yield unicodedata.normalize(choice.choice(("NFC", "NFD")), text) if choice.random() < 0.3 else text
        yield "".join(choice.choice(GREEK) for _ in range(choice.randint(1, 8)))


def ask(program, texts):
    lines = "".join(" ".join("%x" % ord(c) for c in text) + "\n" for text in texts)
    answers = subprocess.run([program, "-"], input=lines, capture_output=True, text=True, check=True).stdout.splitlines()
    assert len(answers) == len(texts), f"expected {len(texts)} lines, found {len(answers)}"
    for answer in answers:
        yield ["".join(chr(int(code, 16)) for code in part.split()) for part in answer.split(";")]


def main(program):
    known = [chr(c) for c in range(0x110000) if not 0xD800 <= c < 0xE000 and unicodedata.category(chr(c)) != "Cn"]
    number = [int(part) for part in unicodedata.unidata_version.split(".")]
    if number > [int(part) for part in table_version().split(".")]:
        # What is new in Python's version has no properties in the table, and nothing becomes it.
        parts = [unicodedata.normalize("NFD", c) for c in known]
        known = [c for c, alone, joined in zip(known, ask(program, known), ask(program, parts))
                 if joined[0] == nfc(c) and
                 (alone != [c] * 4 or (nfc(c) == c and c.lower() == c and not unicodedata.combining(c)))]
    texts, wrong = list(strings(known)), 0
    for text, found in zip(texts, ask(program, texts)):
        expected = [nfc(text), lower(text), nfc(lower(nfc(text)))]
        if "Σ" not in text or not set(text) - set(GREEK):
            expected.append(text.lower())
        for what, e, f in zip(("normal form C", "lower case", "both", "score -l"), expected, found):
            if e != f and (wrong := wrong + 1) <= 10:
                print(f"{what} of {ascii(text)}: expected {ascii(e)}, found {ascii(f)}")
    print(f"{len(texts)} strings, {wrong} wrong; Unicode {unicodedata.unidata_version} in Python, {table_version()} here")
    return wrong > 0


sys.exit(main(sys.argv[1]))
