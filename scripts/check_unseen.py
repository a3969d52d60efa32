#!/usr/bin/env python3
"""How well ./translate tells the words that a model never saw: how often it tells of one in held-out sentences that come
out right (a false alarm), and how often when a word is put in that no corpus has. And the same of another sign, for
comparison: a translation that the model itself finds unlikely.

usage: python3 scripts/check_unseen.py MODEL TEST.tsv [--rough]
TEST.tsv: lines of source TAB reference. A translation is right if it is a reference, capitals aside; with --rough, for
corpora where many translations are right, if three in five of its groups of three letters are the reference's (F1)."""

import collections
import random
import re
import subprocess
import sys

INVENTED = "blorp wug snerk floop drizzlegap vorpal quimble tastrin mungle gribnock plorf zantik".split()
WORD = re.compile(r"[^\W\d_]{4,}")


def translate(model, lines):
    """Translations, log probabilities a token, and how many of the lines are told to have unseen words."""
    command = ["./translate", "-m", model, "-b", "1", "--n-best", "1"]
    run = subprocess.run(command, input="\n".join(lines) + "\n", capture_output=True, text=True, check=True)
    rows = [line.split(" ||| ") for line in run.stdout.splitlines()]
    told = re.search(r"never saw .* \((\d+) of \d+ lines have such words\)", run.stderr)
    return [row[1] for row in rows], [float(row[3]) for row in rows], int(told.group(1)) if told else 0


def groups(text):
    text = "".join(text.lower().split())
    return collections.Counter(text[i : i + 3] for i in range(len(text) - 2))


def is_right(said, references, rough):
    if not rough:
        return said.lower() in [reference.lower() for reference in references]
    a, b = groups(said), groups(references[0])
    return 2 * sum((a & b).values()) >= 0.6 * (sum(a.values()) + sum(b.values()))


def put_in(line, chance):
    """The line with an invented word in place of one of its longer words, or None."""
    words = list(WORD.finditer(line))
    if not words:
        return None
    word = chance.choice(words)
    return line[: word.start()] + chance.choice(INVENTED) + line[word.end() :]


def main():
    arguments = [argument for argument in sys.argv[1:] if argument != "--rough"]
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    model, path = arguments
    with open(path, encoding="utf-8") as file:
        rows = [line.rstrip("\n").split("\t") for line in file]
    chance = random.Random(1)
    said, scores, told = translate(model, [row[0] for row in rows])
    right = [is_right(text, row[1:], "--rough" in sys.argv) for text, row in zip(said, rows)]
    good = [row[0] for row, ok in zip(rows, right) if ok]
    changed = [line for line in (put_in(row[0], chance) for row in rows) if line]
    _, _, alarms = translate(model, good)
    _, odd_scores, found = translate(model, changed)
    print(f"{len(rows)} sentences, of which {told} have words that were never seen; {len(good)} come out right")
    print(f"by words: told of {alarms} of {len(good)} that come out right, and of {found} of {len(changed)} invented words")
    usual = sorted(score for score, ok in zip(scores, right) if ok)
    for share in (alarms / len(good), 0.01, 0.05):
        least = usual[int(share * len(usual))]
        found = sum(score < least for score in odd_scores)
        print(
            f"by log probability a token below {least:.3f}: told of {sum(score < least for score in usual)} of "
            f"{len(good)}, and of {found} of {len(changed)}"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
