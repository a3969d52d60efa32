"""Noun phrases, verb groups and clauses in English and French at once."""

import random
from functools import cache
from typing import NamedTuple

from . import french
from .lexicon import ADJECTIVES, COLOURS, NOUNS, compatible
from .phrases import EMPTY, Phrase, Word, link
from .verbs import VERBS


class NoFit(Exception):
    """Nothing in the lexicon fits what was drawn so far; draw again."""


class Chooser:
    """Seeded choices that keep the vocabulary evenly used.

    Of a few candidates drawn at random, the least used one wins, so that no
    word is too rare or too frequent.
    """

    CANDIDATES = 4

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.uses = {}

    def chance(self, probability):
        return self.random.random() < probability

    def any(self, items):
        """A plain uniform choice."""
        return items[self.random.randrange(len(items))]

    def even(self, items, context=""):
        """A choice among (named) items that is even over time in each context."""
        drawn = [self.any(items) for _ in range(self.CANDIDATES)]
        best = min(drawn, key=lambda item: self.uses.get((context, _name(item)), 0))
        key = (context, _name(best))
        self.uses[key] = self.uses.get(key, 0) + 1
        return best

    def weighted(self, pairs):
        """A choice among (weight, value) pairs."""
        return self.random.choices([value for _, value in pairs],
                                   [weight for weight, _ in pairs])[0]


def _name(item):
    return item[0] if isinstance(item, tuple) else item


# --- noun phrases ------------------------------------------------------------

# English singular, plural; French masculine, feminine, plural.
DETERMINERS = {
    "the": ("the", "the", "le", "la", "les"),
    "a": ("a", "some", "un", "une", "des"),
    "some": ("some", "some", "de le", "de la", "des"),   # mass nouns
    "this": ("this", "these", "ce", "cette", "ces"),
    "two": (None, "two", None, None, "deux"),
    "my": ("my", "my", "mon", "ma", "mes"),
    "your": ("your", "your", "ton", "ta", "tes"),
    "his": ("his", "his", "son", "sa", "ses"),
    "her": ("her", "her", "son", "sa", "ses"),
    "our": ("our", "our", "notre", "notre", "nos"),
    "their": ("their", "their", "leur", "leur", "leurs"),
}
POSSESSIVES = ("my", "your", "his", "her", "our", "their")


class Nominal(NamedTuple):
    """A noun phrase or pronoun and what agrees with it."""

    phrase: Phrase
    gender: str
    number: str
    person: int = 3
    noun: object = None


def determiner(name, gender, number):
    english = DETERMINERS[name][0 if number == "s" else 1]
    column = 4 if number == "p" else 2 if gender == "m" else 3
    return link(english, DETERMINERS[name][column])


def noun_phrase(noun, number="s", article="the", adjectives=()):
    """Determiner, adjectives and noun in the order of each language.

    English puts every adjective before the noun.  French "des" becomes
    "de" before an adjective that precedes a plural noun.
    """
    core = link(noun.english(number), noun.french(number))
    english, before, after = core.en, (), ()
    for adj in reversed(adjectives):
        word = link(adj.english, adj.french(noun.gender, number))
        english = word.en + english
        if adj.before_noun:
            before = word.fr + before
        else:
            after = after + word.fr
    words = _before_vowels(before + core.fr, number) + after
    if article is None:
        return Nominal(Phrase(english, words), noun.gender, number, 3, noun)
    head = determiner(article, noun.gender, number)
    if head.fr[0].text == "des" and before:
        head = Phrase(head.en, (head.fr[0].spelt("de"),))
    return Nominal(Phrase(head.en + english, head.fr + words),
                   noun.gender, number, 3, noun)


def without_article(nominal):
    """The same noun phrase with an article in French only: "apples", "des pommes"."""
    english, target = nominal.phrase
    words = tuple(Word(word.text, word.tags - english[0].tags) for word in target)
    return nominal._replace(phrase=Phrase(english[1:], words))


def _before_vowels(words, number):
    """bel, nouvel, vieil before a masculine singular in a vowel."""
    if number == "p":
        return words
    return tuple(
        word.spelt(french.before_vowel(word.text))
        if i + 1 < len(words) and french.begins_with_vowel(words[i + 1].text)
        else word
        for i, word in enumerate(words))


def both(first, second):
    """Two co-ordinated noun phrases; one masculine makes it masculine."""
    gender = "f" if first.gender == second.gender == "f" else "m"
    phrase = first.phrase + link("and", "et") + second.phrase
    return Nominal(phrase, gender, "p", 3)


# French form, gender, number, person.
PRONOUNS = {
    "i": ("je", "m", "s", 1),
    "you": ("tu", "m", "s", 2),
    "he": ("il", "m", "s", 3),
    "she": ("elle", "f", "s", 3),
    "we": ("nous", "m", "p", 1),
    "they": ("ils", "m", "p", 3),
}


def pronoun(english):
    target, gender, number, person = PRONOUNS[english]
    return Nominal(link(english, target), gender, number, person)


def it_subject(antecedent):
    """"it"/"they" for something named before: il, elle, ils, elles."""
    masculine, feminine = (("il", "elle") if antecedent.number == "s"
                           else ("ils", "elles"))
    text = masculine if antecedent.gender == "m" else feminine
    english = "it" if antecedent.number == "s" else "they"
    return Nominal(link(english, text), antecedent.gender, antecedent.number)


def it_object(antecedent):
    """"it"/"them" for something named before: le, la, les."""
    if antecedent.number == "p":
        return link("them", "les")
    return link("it", "le" if antecedent.gender == "m" else "la")


# --- drawing noun phrases ----------------------------------------------------


@cache
def fitting_adjectives(noun, predicative=False):
    return [a for a in ADJECTIVES if a.fits(noun, predicative)]


@cache
def nouns_of(classes):
    return [n for n in NOUNS if n.classes & set(classes)]


def draw_noun(ch, classes):
    return ch.even(nouns_of(classes), "noun")


def draw_number(ch, noun, plural=0.4):
    return "p" if noun.plural and ch.chance(plural) else "s"


def draw_adjectives(ch, noun, chance):
    """None, one or (rarely) two adjectives: "small black", petit ... noir."""
    fitting = fitting_adjectives(noun)
    if not fitting or not ch.chance(chance):
        return ()
    first = ch.even(fitting, "adjective")
    if noun.gender == "m" and french.begins_with_vowel(noun.fr_singular):
        special = [a for a in fitting if a.french("m", "s") in french.LIAISON_FORMS]
        if special and ch.chance(0.5):
            first = ch.any(special)      # "vieil homme" would be rare otherwise
    if first.before_noun and ch.chance(0.1):
        later = [a for a in fitting if a.english in COLOURS]
        if later:
            return (first, ch.even(later, "adjective"))
    return (first,)


def draw_np(ch, *classes, article="the", adjective=0.35, plural=0.4,
            besides=None):
    """A random noun phrase of one of `classes`, but not of the noun `besides`."""
    noun = draw_noun(ch, classes)
    while noun is besides:
        noun = draw_noun(ch, classes)
    number = draw_number(ch, noun, plural)
    if "name" in noun.classes:
        return noun_phrase(noun, article=None)
    if "relative" in noun.classes:
        article = ch.any(POSSESSIVES)
    elif article == "a" and "mass" in noun.classes:
        article = "some"
    return noun_phrase(noun, number, article,
                       draw_adjectives(ch, noun, adjective))


def draw_article(ch):
    return ch.weighted([(70, "the"), (22, "a"), (8, "this")])

# --- verb groups -------------------------------------------------------------

AVOIR = ("ai", "as", "a", "avons", "ont")
NEEDS = {"hungry": ("hungry", "faim"), "thirsty": ("thirsty", "soif")}
ETRE = ("suis", "es", "est", "sommes", "sont")


def slot(subject):
    """Index into je, tu, il, nous, ils."""
    if subject.number == "p":
        return 3 if subject.person == 1 else 4
    return subject.person - 1


def is_third_singular(subject):
    return subject.number == "s" and subject.person == 3


class VerbGroup(NamedTuple):
    """English: auxiliary and rest, which questions separate; French: one piece."""

    auxiliary: tuple
    rest: tuple
    fr: tuple

    def statement(self):
        return Phrase(self.auxiliary + self.rest, self.fr)


def verb_group(base, subject, tense, negative=False, question=False,
               clitic=EMPTY, preceding=None):
    """The verb with its negation and object pronoun.

    tense: "present", "past" (passé composé), "future" or "progressive"
    (was ...ing, imparfait).  `preceding` is the direct object if it comes
    before the French verb: the participle agrees with it.
    """
    verb = VERBS[base]
    marker = link("not", "ne pas")
    do_support = negative or question
    auxiliary, main = _english_verb(verb, subject, tense, do_support)
    finite, participle = _french_verb(verb, subject, tense, preceding)
    tags = link(base, base).en[0].tags

    def words(text):
        return tuple(Word(t, tags) for t in text.split())

    english = words(auxiliary), words(main) + clitic.en
    if negative:
        english = english[0] + marker.en, english[1]
    ne, pas = (marker.fr[:1], marker.fr[1:]) if negative else ((), ())
    reflexive = words("se") if verb.auxiliary == "s'être" else ()
    target = (ne + reflexive + clitic.fr + words(finite) + pas
              + words(participle))
    return VerbGroup(english[0], english[1], target)


def _english_verb(verb, subject, tense, do_support):
    third = is_third_singular(subject)
    if tense == "future":
        return "will", verb.base
    if tense == "progressive":
        singular = subject.number == "s" and subject.person != 2
        return ("was" if singular else "were"), verb.progressive
    if tense == "past":
        return ("did", verb.base) if do_support else ("", verb.past)
    if do_support:
        return ("does" if third else "do"), verb.base
    return "", (verb.third if third else verb.base)


def _french_verb(verb, subject, tense, preceding):
    if tense == "present":
        return verb.present[slot(subject)], ""
    if tense == "future":
        return verb.future(subject.number), ""
    if tense == "progressive":
        return verb.imperfect(subject.number), ""
    if verb.auxiliary == "avoir":
        agreeing = preceding
        finite = AVOIR[slot(subject)]
    else:
        agreeing = subject
        finite = ETRE[slot(subject)]
    if agreeing is None:
        return finite, verb.past_participle
    return finite, verb.participle(agreeing.gender, agreeing.number)


def be(subject, tense="present"):
    """am/is/are with suis/es/est/..., and was/were with était/étaient (third person)."""
    if tense == "present":
        return link(_am(subject), ETRE[slot(subject)])
    return link("was", "était") if subject.number == "s" else link("were", "étaient")


def _am(subject):
    if is_third_singular(subject):
        return "is"
    return "am" if subject.person == 1 and subject.number == "s" else "are"


def be_in_need(subject, need, tense="present"):
    """is hungry / a faim: "être" in English, "avoir" in French."""
    english, target = NEEDS[need]
    if tense == "present":
        return link(f"{_am(subject)} {english}", f"{AVOIR[slot(subject)]} {target}")
    one = subject.number == "s"
    return link(f"{'was' if one else 'were'} {english}",
                f"{'avait' if one else 'avaient'} {target}")


def adjective_for(nominal, adjective):
    """A predicative adjective agreeing with its subject."""
    return link(adjective.english,
                adjective.french(nominal.gender, nominal.number))


def draw_predicate(ch, nominal, allowed=lambda adjective: True):
    """A random adjective that can be said of the noun phrase."""
    stated = {word.text for word in nominal.phrase.en}
    fitting = [a for a in fitting_adjectives(nominal.noun, predicative=True)
               if allowed(a) and all(compatible(word, a.english)
                                     for word in stated)]
    if not fitting:
        raise NoFit
    return ch.even(fitting, "adjective")


# --- adverbs of time and place -----------------------------------------------

LAST_WEEK = ("last week", "la semaine dernière")
TIMES = {
    "past": [("yesterday", "hier"), ("this morning", "ce matin"), LAST_WEEK],
    "present": [("every day", "chaque jour")],
    "future": [("tomorrow", "demain"), ("this evening", "ce soir"),
               ("next week", "la semaine prochaine")],
}


def draw_time(ch, tense, chance=1.0):
    if not ch.chance(chance):
        return EMPTY
    english, target = ch.even(TIMES[tense], "time")
    return link(english, target)


# Preposition and the classes of noun that may follow.
PLACES = {
    "in": ("dans", ("inside",)),
    "on": ("sur", ("seat",)),
    "near": ("près de", ("landmark", "shore")),
    "behind": ("derrière", ("landmark",)),
    "in front of": ("devant", ("landmark",)),
    "under": ("sous", ("shelter",)),
    "to": ("à", ("target",)),
    "through": ("par", ("way",)),
}


def draw_place(ch, prepositions, adjective=0.15):
    preposition = ch.even(prepositions, "preposition")
    target, classes = PLACES[preposition]
    there = draw_np(ch, *classes, adjective=adjective, plural=0.1)
    return link(preposition, target) + there.phrase
