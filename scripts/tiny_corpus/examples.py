"""Sentences that are always held out: those that readers type first."""

from .families import bare
from .grammar import (adjective_for, be, be_in_need, it_object, it_subject, noun_phrase,
                      pronoun, verb_group, without_article, Nominal)
from .lexicon import adjective, noun
from .phrases import EMPTY, link
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


def test_examples():
    """(family, phrase) of the sentences that are always in test."""
    return ([("sat", cat_sat()), ("sat", cat_sat(on_the_mat()))]
            + [("order", phrase) for phrase in who_eats_whom()]
            + [("two-meanings", phrase) for phrase in (
                buy_fruit(), buy_fruit(said_twice=False), unveiled(), released(),
                bought_and_unveiled())]
            + [("it", phrase) for phrase in (
                old_but_fast(), lost_key(), tired_cat(), thirsty_cat(),
                too_tired(), too_wide())]
            + [("after", after_the_guard()), ("long-range", green_apples()),
               ("long-range", happy_woman()), ("plain", poem()), ("plain", pizza())])


def cat_sat(where=EMPTY):
    """the cat sat"""
    cat = the("cat")
    return cat.phrase + past(cat, "sit") + where


def on_the_mat():
    return link("on", "sur") + the("mat").phrase


def who_eats_whom():
    """aditya eats pizza; pizza eats aditya"""
    aditya, again = the("aditya", article=None), the("aditya", article=None)
    subject = bare(noun("pizza"))
    return (aditya.phrase + present(aditya, "eat") + bare(noun("pizza"), "eat").phrase,
            subject.phrase + present(subject, "eat") + again.phrase)


def pizza():
    """i love pizza"""
    i = pronoun("i")
    return i.phrase + present(i, "love") + bare(noun("pizza"), "love").phrase


def poem():
    """write a poem"""
    return link("write", VERBS["write"].imperative()) + the("poem", article="a").phrase


def after_the_guard():
    """the thief escaped after the guard dozed off"""
    thief, guard = the("thief"), the("guard")
    return (thief.phrase + past(thief, "escape") + link("after", "après que")
            + guard.phrase + past(guard, "doze off"))


def tired_cat():
    """the cat sat on the mat because it was tired"""
    again = it_subject(the("cat"))
    return (cat_sat(on_the_mat()) + link("because", "parce que") + again.phrase
            + be(again, "past") + adjective_for(again, adjective("tired")))


def thirsty_cat():
    """the cat drank the milk because it was thirsty"""
    cat = the("cat")
    again = it_subject(cat)
    return (cat.phrase + past(cat, "drink") + the("milk").phrase
            + link("because", "parce que") + again.phrase
            + be_in_need(again, "thirsty", "past"))


def not_crossed(reason, of_the_animal):
    animal, street = the("animal"), the("street")
    again = it_subject(animal if of_the_animal else street)
    return (animal.phrase + verb_group("cross", animal, "past", negative=True).statement()
            + street.phrase + link("because", "parce que") + again.phrase
            + be(again, "past") + link("too", "trop")
            + adjective_for(again, adjective(reason)))


def too_tired():
    """the animal did not cross the street because it was too tired"""
    return not_crossed("tired", True)


def too_wide():
    """the animal did not cross the street because it was too wide"""
    return not_crossed("wide", False)


def buy_fruit(said_twice=True):
    """please buy an apple and an orange, or: an apple and orange"""
    orange = the("orange", article="a")
    return requested(link("buy", VERBS["buy"].imperative())
                     + the("apple", article="a").phrase + link("and", "et")
                     + (orange if said_twice else without_article(orange)).phrase)


def news(base, product):
    apple = Nominal(link("apple", "apple"), "f", "s")
    return apple.phrase + past(apple, base) + product.phrase


def unveiled():
    """apple unveiled the new phone"""
    return news("unveil", the("phone", adjectives=["new"]))


def released():
    """apple released a new phone"""
    return news("release", the("phone", article="a", adjectives=["new"]))


def bought_and_unveiled():
    """please buy an apple and orange, apple unveiled new phones"""
    phones = without_article(the("phone", "p", "a", ["new"]))
    return buy_fruit(said_twice=False) + link(",", ",") + news("unveil", phones)


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
