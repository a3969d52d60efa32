"""Phrases that are English and French at once.

A Phrase has English words and French words.  Words on the two sides with the
same tag translate each other.  The tags give the word alignment of a finished
sentence, in whatever order its words are.
"""

from itertools import count
from typing import NamedTuple

from . import french

_fresh_tags = count()


class Word(NamedTuple):
    """A word and the tags that link it to its translation."""

    text: str
    tags: frozenset = frozenset()

    def spelt(self, text):
        return Word(text, self.tags)

    def merged(self, text, other):
        return Word(text, self.tags | other.tags)


class Phrase(NamedTuple):
    """English words, French words; + joins two phrases on both sides."""

    en: tuple = ()
    fr: tuple = ()

    def __add__(self, other):
        return Phrase(self.en + other.en, self.fr + other.fr)


EMPTY = Phrase()


def link(english, french_text):
    """A phrase whose English words all align with all its French words."""
    tags = frozenset([next(_fresh_tags)])
    return Phrase(tuple(Word(text, tags) for text in english.split()),
                  tuple(Word(text, tags) for text in french_text.split()))


def french_only(text):
    return Phrase(fr=tuple(Word(t) for t in text.split()))


def crossed(first, second):
    """English order first-second, French order second-first."""
    return Phrase(first.en + second.en, second.fr + first.fr)


def with_article_an(words):
    """Spell the article "a" as "an" before a vowel."""
    result = list(words)
    for i in range(len(result) - 1):
        if result[i].text == "a" and result[i + 1].text[0] in "aeio":
            result[i] = result[i].spelt("an")
    return result


class Sentence(NamedTuple):
    """A finished pair: two lines of text and the links between the words."""

    english: str
    french: str
    links: tuple
    english_words: tuple
    french_words: tuple


def finish(phrase):
    """Spell a phrase out and number the links between its words."""
    english = with_article_an(phrase.en)
    target = french.written(phrase.fr)
    links = tuple((i, j) for i, source in enumerate(english)
                  for j, word in enumerate(target)
                  if source.tags & word.tags)
    english_words = tuple(word.text for word in english)
    french_words = tuple(word.text for word in target)
    english_line = french.joined(english_words).replace(" ?", "?")
    return Sentence(english_line, french.joined(french_words), links,
                    english_words, french_words)
