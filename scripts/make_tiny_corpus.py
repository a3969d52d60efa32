#!/usr/bin/env python3
"""Write the small English-French corpus of data/tiny.

The corpus is drawn from the grammar in scripts/tiny_corpus; the same seed
always gives the same files.
"""

import argparse
import pathlib
from collections import Counter
from typing import NamedTuple

from tiny_corpus.examples import test_examples
from tiny_corpus.families import FAMILIES
from tiny_corpus.grammar import Chooser, NoFit
from tiny_corpus.order import draw_order
from tiny_corpus.phrases import Sentence, finish
from tiny_corpus.two_meanings import TWO_MEANINGS

SEED = 20
MAX_WORDS = 14

# Sentences with a word form that is rarer than this in train are left out.
MIN_FORM_COUNT = 25

# A form that is rarer than this among all sentences drawn is left out completely.
POOL_COUNT = 42

# The frequency that the choice of sentences aims at for the rarest forms, over all files.
COVER_COUNT = 48

# How many times the wanted number of sentences is drawn before the choice. The family
# `order` draws only just enough, because mirror sentences must not be separated.
POOL = 5
POOL_OF_ORDER = 1.02

# Extra sentences for valid and for test beyond each quota, to replace those
# that have a rare form.
SPARE = 6

# Sentences per family: train, valid, test.
QUOTAS = {
    "sat": (700, 45, 45),
    "two-meanings": (2350, 90, 90),
    "order": (1500, 75, 75),
    "it": (1900, 70, 70),
    "after": (650, 25, 25),
    "long-range": (1200, 55, 55),
    "question": (650, 30, 30),
    "negation": (700, 30, 30),
    "possessive": (470, 20, 20),
    "future": (430, 20, 20),
    "imperfect": (520, 15, 15),
    "plain": (1550, 25, 25),
}


class Entry(NamedTuple):
    """A sentence of a family; `mirror` is the English with the roles swapped."""

    family: str
    sentence: Sentence
    mirror: str = ""
    template: str = ""


class Template(NamedTuple):
    """A function that draws sentences of a family, and how many are wanted."""

    family: str
    draw: object
    wanted: int

    @property
    def name(self):
        return self.draw.__name__


def all_templates():
    """Every template with its share of the sentences of its family."""
    weighted = {"two-meanings": TWO_MEANINGS, "order": ((1, draw_order),),
                **FAMILIES}
    templates = []
    for family, quota in QUOTAS.items():
        size = sum(quota) + 2 * SPARE
        total = sum(weight for weight, _ in weighted[family])
        templates += [Template(family, draw, round(size * weight / total))
                      for weight, draw in weighted[family]]
    return templates


def draw_entries(ch, template):
    """The entries of one random draw: one, or a mirror pair."""
    while True:
        try:
            drawn = template.draw(ch)
            break
        except NoFit:
            pass
    phrases = drawn if template.family == "order" else (drawn,)
    sentences = [finish(phrase) for phrase in phrases]
    mirrors = [s.english for s in reversed(sentences)]
    if len(sentences) == 1:
        mirrors = [""]
    return [Entry(template.family, sentence, mirror, template.name)
            for sentence, mirror in zip(sentences, mirrors)]


def fixed_entries(examples):
    return [Entry(family, finish(phrase)) for family, phrase in examples()]


def draw_pool(ch):
    """Distinct sentences of every template, several times as many as wanted.

    A template with few different sentences gives fewer.  Sentences with a fixed
    place are not in the pool.
    """
    pool = []
    seen = {entry.sentence.english for entry in
            fixed_entries(test_examples)}
    for template in all_templates():
        factor = POOL_OF_ORDER if template.family == "order" else POOL
        missing = int(template.wanted * factor)
        for _ in range(3 * missing):
            for entry in draw_entries(ch, template):
                sentence = entry.sentence
                if (len(sentence.english_words) <= MAX_WORDS
                        and sentence.english not in seen):
                    seen.add(sentence.english)
                    pool.append(entry)
                    missing -= 1
            if missing <= 0:
                break
    ch.random.shuffle(pool)
    return pool


def forms(entry):
    """The word forms of both sides."""
    return ([("en", w) for w in entry.sentence.english_words]
            + [("fr", w) for w in entry.sentence.french_words])


def drop_rare_forms(entries, counted, least):
    """Drop the entries that have a form which occurs fewer than `least` times, the rarest form first.

    Only the entries for which `counted` is true count.
    """
    counts, holders, kept = Counter(), {}, set(range(len(entries)))
    for index, entry in enumerate(entries):
        for form in forms(entry):
            counts[form] += counted[index]
            holders.setdefault(form, []).append(index)
    while True:
        rarest = min(counts, key=lambda form: (counts[form], form))
        if counts[rarest] >= least:
            return [entry for index, entry in enumerate(entries) if index in kept]
        for index in kept.intersection(holders[rarest]):
            kept.remove(index)
            if counted[index]:
                counts.subtract(forms(entries[index]))
        del counts[rarest]


def cover(pool):
    """Choose sentences so that every form occurs often enough.

    The forms of the fixed sentences come first, then the rarest: sentences that have them are chosen until
    COVER_COUNT is reached, as long as their template has sentences left.
    The rest of a template's share is filled with the sentences drawn next.
    """
    room = {template.name: template.wanted for template in all_templates()}
    holders = {}
    for index, entry in enumerate(pool):
        for form in forms(entry):
            holders.setdefault(form, []).append(index)
    counts, chosen = Counter(), set()

    def choose(index):
        chosen.add(index)
        room[pool[index].template] -= 1
        counts.update(forms(pool[index]))

    needed = {form for entry in fixed_entries(test_examples) for form in forms(entry)}
    for form in sorted(holders, key=lambda f: (f not in needed, len(holders[f]), f)):
        for index in holders[form]:
            if counts[form] >= COVER_COUNT:
                break
            if index not in chosen and room[pool[index].template] > 0:
                choose(index)
    for index, entry in enumerate(pool):
        if index not in chosen and room[entry.template] > 0:
            choose(index)
    return [pool[index] for index in sorted(chosen)]


def split_mirrors(entries, held_out):
    """Hold out sentences of mirror pairs: half with, half without the mirror.

    Returns (held out, mirrors for train, remaining).  Half of the held-out
    sentences have their mirror in train; of the others, neither is in train.
    """
    pairs = {}
    for entry in entries:
        key = min(entry.sentence.english, entry.mirror or entry.sentence.english)
        pairs.setdefault(key, []).append(entry)
    taken, mirrors, remaining = [], [], []
    whole = True      # hold out both of the next pair
    for pair in pairs.values():
        if len(taken) >= held_out:
            remaining += pair
        elif whole or len(pair) == 1:
            taken += pair
        else:
            taken += pair[:1]
            mirrors += pair[1:]
        whole = len(taken) % 4 == 0
    return taken, mirrors, remaining


def split_family(ch, family, entries):
    """Shuffle and divide a family's entries: train, valid, test.

    Valid and test get some spare sentences.
    """
    _, valid_size, test_size = QUOTAS[family]
    free = list(entries)
    ch.random.shuffle(free)
    train, held_out = [], []
    for size in (valid_size, test_size):
        wanted = size + SPARE
        if family == "order":
            part, mirrors, free = split_mirrors(free, wanted)
            train += mirrors
        else:
            part, free = free[:wanted], free[wanted:]
        held_out.append(part)
    return [train + free] + held_out


def split(ch, pool):
    """Three lists of entries, each with every family."""
    parts = ([], [], [])
    for family in QUOTAS:
        entries = [entry for entry in pool if entry.family == family]
        for part, chosen in zip(parts, split_family(ch, family, entries)):
            part.extend(chosen)
    train, valid, test = parts
    return train, valid, fixed_entries(test_examples) + test


def prune(parts):
    """Drop the sentences with word forms that are rare in train."""
    entries = [entry for part in parts for entry in part]
    counted = [part is parts[0] for part in parts for _ in part]
    kept = set(map(id, drop_rare_forms(entries, counted, MIN_FORM_COUNT)))
    return tuple([entry for entry in part if id(entry) in kept] for part in parts)


def trim(part, column):
    """Keep no more sentences of a family than its quota for valid or test."""
    result = []
    for family, quota in QUOTAS.items():
        entries = [entry for entry in part if entry.family == family]
        if len(entries) < quota[column]:
            raise SystemExit(f"too few sentences left of family {family}")
        result += entries[:quota[column]]
    return result


def make_corpus(seed):
    """The entries of train, valid and test, shuffled."""
    ch = Chooser(seed)
    pool = draw_pool(ch)
    pool = drop_rare_forms(pool, [True] * len(pool), POOL_COUNT)
    train, valid, test = prune(split(ch, cover(pool)))
    for fixed in fixed_entries(test_examples):
        if fixed.sentence.english not in (e.sentence.english for e in test):
            raise SystemExit(f"a word is too rare: {fixed.sentence.english}")
    parts = {"train": train, "valid": trim(valid, 1), "test": trim(test, 2)}
    for part in parts.values():
        ch.random.shuffle(part)
    return parts


def write_lines(path, lines):
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")


def write_corpus(folder, parts):
    """The .tsv files, the family labels and the alignments of test."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, entries in parts.items():
        write_lines(folder / f"{name}.tsv",
                    (f"{e.sentence.english}\t{e.sentence.french}"
                     for e in entries))
        if name != "train":
            write_lines(folder / f"{name}.families",
                        (e.family for e in entries))
    write_lines(folder / "test.align",
                (" ".join(f"{i}-{j}" for i, j in e.sentence.links)
                 for e in parts["test"]))


def print_summary(parts):
    """Sizes, families and vocabulary."""
    for family in QUOTAS:
        sizes = "  ".join(
            f"{name} {sum(e.family == family for e in entries):5}"
            for name, entries in parts.items())
        print(f"{family:14}{sizes}")
    counts = Counter(f for entry in parts["train"] for f in forms(entry))
    for language in ("en", "fr"):
        own = [(n, w) for (lang, w), n in counts.items() if lang == language]
        rarest = ", ".join(f"{w} {n}" for n, w in sorted(own)[:5])
        print(f"{language}: {len(own)} word forms; rarest: {rarest}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    root = pathlib.Path(__file__).resolve().parent.parent
    parser.add_argument("--out", type=pathlib.Path, metavar="DIR",
                        default=root / "data" / "tiny",
                        help="folder to write to (default: data/tiny)")
    parser.add_argument("--seed", type=int, default=SEED,
                        help=f"seed of the draw (default: {SEED})")
    options = parser.parse_args()
    parts = make_corpus(options.seed)
    write_corpus(options.out, parts)
    print_summary(parts)


if __name__ == "__main__":
    main()
