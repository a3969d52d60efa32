"""The family `order`: the same words, another order, another meaning."""

from .grammar import draw_np, verb_group
from .verbs import ANIMATE, BETWEEN_ANIMATES

PERSON_ONLY = ("help",)
PRESENT_ONLY = ("like",)


def order_pair(ch):
    """the small dog follows the black cat; the black cat follows the small dog

    Returns two mirror phrases.
    """
    base = ch.even(BETWEEN_ANIMATES, "order")
    classes = ("person",) if base in PERSON_ONLY else ANIMATE
    first = draw_np(ch, *classes, adjective=0.35, plural=0.25)
    second = draw_np(ch, *classes, adjective=0.35, plural=0.25,
                     besides=first.noun)
    past = base not in PRESENT_ONLY and ch.chance(0.35)
    tense = "past" if past else "present"
    return (_clause(first, base, tense, second),
            _clause(second, base, tense, first))


def order_hunt(ch):
    """the wolf ate the hen: a pair whose mirror would make no sense"""
    hunter = draw_np(ch, "hunter", adjective=0.35, plural=0.3)
    prey = draw_np(ch, "prey", adjective=0.35, plural=0.3)
    tense = "past" if ch.chance(0.4) else "present"
    return (_clause(hunter, "eat", tense, prey),)


def draw_order(ch):
    """A tuple of one or two phrases (a sentence and its mirror)."""
    return order_hunt(ch) if ch.chance(0.06) else order_pair(ch)


def _clause(subject, base, tense, thing):
    return (subject.phrase + verb_group(base, subject, tense).statement()
            + thing.phrase)
