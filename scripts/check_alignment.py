#!/usr/bin/env python3
"""Check the alignments of ./translate on the test sentences of the shipped corpus.

The grammar that made the corpus knows which words belong together
(data/tiny/test.align).  In the sentences that are translated exactly right,
this script counts how many nouns, and how many of all linked French words,
are aligned with the right English word.  It fails if the share of nouns is
below --least.
"""

import argparse
import pathlib
import re
import subprocess

from tiny_corpus import two_meanings
from tiny_corpus.lexicon import NOUNS, Noun

ROOT = pathlib.Path(__file__).resolve().parent.parent
DATA = ROOT / "data" / "tiny"


def split_words(sentence):
    """The corpus' words, each with the number of the white-space word that contains it."""
    return [(word, number) for number, text in enumerate(sentence.split())
            for word in re.findall(r"[^',?]+'?|[,?]", text)]


def noun_pairs():
    """English and French forms of every noun."""
    nouns = [n for n in vars(two_meanings).values() if isinstance(n, Noun)]
    nouns += NOUNS.values() if isinstance(NOUNS, dict) else NOUNS
    return {(n.english(number), n.french(number))
            for n in nouns for number in "sp"}


def gold_links(english, french, links):
    """(English word, French word, whether nouns) by numbers of white-space words."""
    source, target, nouns = split_words(english), split_words(french), noun_pairs()
    for link in links.split():
        i, j = map(int, link.split("-"))
        yield (source[i][1], target[j][1], (source[i][0], target[j][0]) in nouns)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", nargs="?", default=ROOT / "runs/tiny/model.gguf",
                        help="default: runs/tiny/model.gguf")
    parser.add_argument("--least", type=float, default=90, metavar="PERCENT",
                        help="share of nouns that must be right (default: 90)")
    options = parser.parse_args()
    pairs = [line.split("\t") for line in
             (DATA / "test.tsv").read_text(encoding="utf-8").splitlines()]
    gold = (DATA / "test.align").read_text(encoding="utf-8").splitlines()
    run = subprocess.run([ROOT / "translate", "-m", options.model, "--beam", "1",
                          "--alignment", "hard"], check=True, encoding="utf-8",
                         input="".join(f"{pair[0]}\n" for pair in pairs),
                         stdout=subprocess.PIPE)
    sentences, right, seen = 0, [0, 0], [0, 0]      # all linked words, nouns
    for (english, french, *_), links, line in zip(pairs, gold,
                                                  run.stdout.splitlines()):
        text, _, alignment = line.partition(" ||| ")
        if text != french:
            continue
        sentences += 1
        found = set(alignment.split())
        # A French word such as "l'arbre" may have several English ones.
        words = {}
        for i, j, is_noun in gold_links(english, french, links):
            words.setdefault(j, set()).add(i)
            if is_noun:
                seen[1] += 1
                right[1] += f"{i}-{j}" in found
        for j, sources in words.items():
            seen[0] += 1
            right[0] += any(f"{i}-{j}" in found for i in sources)
    print(f"{sentences} of {len(pairs)} test sentences translated exactly right; "
          "aligned right in them:")
    for name, k in (("nouns", 1), ("all words", 0)):
        print(f"    {name:10} {right[k]} of {seen[k]} ({100 * right[k] / max(seen[k], 1):.1f}%)")
    return right[1] * 100 < options.least * seen[1] or not seen[1]


if __name__ == "__main__":
    raise SystemExit(main())
