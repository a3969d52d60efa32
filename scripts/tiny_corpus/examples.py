"""Sentences with a fixed place: always in train, or always held out."""

from .grammar import (adjective_for, be, it_object, it_subject, noun_phrase,
                      pronoun, verb_group, Nominal)
from .lexicon import adjective, noun
from .phrases import link
from .two_meanings import requested
from .verbs import VERBS


def the(name, number="s", article="the", adjectives=()):
    return noun_phrase(noun(name), number, article,
                       [adjective(word) for word in adjectives])


def is_quality(subject, quality):
    return be(subject) + adjective_for(subject, adjective(quality))


def past(subject, base, preceding=None):
    return verb_group(base, subject, "past", preceding=preceding).statement()


def present(subject, base):
    return verb_group(base, subject, "present").statement()


def train_examples():
    """(family, phrase) of the sentences that are always in train."""
    cat, again = the("cat"), the("cat")
    on_the_mat = link("on", "sur") + the("mat").phrase
    return [("sat", cat.phrase + past(cat, "sit")),
            ("sat", again.phrase + past(again, "sit") + on_the_mat)]


def test_examples():
    """(family, phrase) of the sentences that are always in test."""
    return [("two-meanings", buy_fruit()), ("two-meanings", unveiled()),
            ("it", old_but_fast()), ("it", lost_key()),
            ("long-range", green_apples()), ("long-range", happy_woman())]


def buy_fruit():
    """please buy an apple and an orange"""
    return requested(link("buy", VERBS["buy"].imperative())
                     + the("apple", article="a").phrase + link("and", "et")
                     + the("orange", article="a").phrase)


def unveiled():
    """apple unveiled the new phone"""
    apple = Nominal(link("apple", "apple"), "f", "s")
    phone = the("phone", adjectives=["new"])
    return apple.phrase + past(apple, "unveil") + phone.phrase


def old_but_fast():
    """the car is old but it is fast"""
    car = the("car")
    again = it_subject(car)
    return (car.phrase + is_quality(car, "old") + link("but", "mais")
            + again.phrase + is_quality(again, "fast"))


def lost_key():
    """he took the key and lost it"""
    he, key = pronoun("he"), the("key")
    lost = verb_group("lose", he, "past", clitic=it_object(key),
                      preceding=key).statement()
    return (he.phrase + past(he, "take") + key.phrase + link("and", "et")
            + lost)


def green_apples():
    """the apples that the old man bought yesterday are green"""
    apples, man = the("apple", "p"), the("man", adjectives=["old"])
    return (apples.phrase + link("that", "que") + man.phrase
            + past(man, "buy", preceding=apples) + link("yesterday", "hier")
            + is_quality(apples, "green"))


def happy_woman():
    """the woman who lives in the small house near the river is happy"""
    woman = the("woman")
    return (woman.phrase + link("who", "qui") + present(woman, "live")
            + link("in", "dans") + the("house", adjectives=["small"]).phrase
            + link("near", "près de") + the("river").phrase
            + is_quality(woman, "happy"))
