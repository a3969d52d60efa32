"""The family `order`: the same words, another order, another meaning."""

from .families import bare, draw_bare_food
from .grammar import draw_np, verb_group
from .verbs import ANIMATE, BETWEEN_ANIMATES

PERSON_ONLY = ("help",)
PRESENT_ONLY = ("like", "love")


def order_pair(ch):
    """the small dog follows the black cat; the black cat follows the small dog

    Returns two mirror phrases.
    """
    base = ch.even(BETWEEN_ANIMATES, "order")
    classes = ("person",) if base in PERSON_ONLY else ANIMATE
    classes += ("name",)
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


def order_meal(ch):
    """aditya eats pizza; pizza eats aditya: the second is right, though it makes no sense"""
    base = ch.even(("eat", "eat", "like", "love"), "meal")
    eater = draw_np(ch, "name" if ch.chance(0.75) else "person", adjective=0)
    past = base not in PRESENT_ONLY and ch.chance(0.35)
    tense = "past" if past else "present"
    if ch.chance(0.3):
        food = draw_np(ch, "food", article=ch.any(("the", "this")), adjective=0)
        return _clause(eater, base, tense, food), _clause(food, base, tense, eater)
    food = draw_bare_food(ch)
    return (_clause(eater, base, tense, bare(food, base)),
            _clause(bare(food), base, tense, eater))


def draw_order(ch):
    """A tuple of one or two phrases (a sentence and its mirror)."""
    return ch.weighted([(5, order_hunt), (20, order_meal), (75, order_pair)])(ch)


def _clause(subject, base, tense, thing):
    return (subject.phrase + verb_group(base, subject, tense).statement()
            + thing.phrase)
