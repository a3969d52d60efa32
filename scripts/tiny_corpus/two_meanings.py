"""The family `two-meanings`: English words that French splits in two.

Every word has frames for each of its senses.  Only the words around it show
which sense is meant.
"""

from .families import clause, draw_subject, requested
from .grammar import (adjective_for, be, draw_article, draw_adjectives,
                      draw_noun, draw_np, draw_place, draw_predicate, draw_time,
                      noun_phrase, verb_group, without_article, NoFit, Nominal)
from .lexicon import Noun, adjective, noun
from .phrases import EMPTY, Phrase, crossed, french_only, link
from .verbs import PEOPLE, VERBS


def sense(singular, plural, fr_singular, fr_plural, gender, kind="sense"):
    """One sense of an ambiguous noun."""
    return Noun(singular, plural, fr_singular, fr_plural, gender, kind,
                frozenset(["sense"]))


def of(owner):
    return link("of", "de") + owner.phrase


def says(ch, subject, words):
    """The subject is one of the adjectives."""
    quality = adjective(ch.even(words, "sense adjective"))
    return subject.phrase + be(subject) + adjective_for(subject, quality)


def number_of(ch, plural=0.4):
    return "p" if ch.chance(plural) else "s"


# --- apple, orange and other fruits; apple, orange and other companies -------

FRUITS = ("apple", "apple", "apple", "orange", "orange", "orange",
          "pear", "lemon", "banana", "cherry")
COMPANIES = ("apple", "apple", "apple", "orange", "orange", "orange",
             "acme", "nova", "zenith")
# "the orange phone" might be a colour, so orange is left out here.
BRANDS = ("apple", "apple", "acme", "nova", "zenith")


def draw_fruit(ch, article="the", plural=0.35, besides=None, adjective=0.25):
    kind = noun(ch.even(FRUITS, "fruit"))
    while kind is besides:
        kind = noun(ch.even(FRUITS, "fruit"))
    return noun_phrase(kind, number_of(ch, plural), article,
                       draw_adjectives(ch, kind, adjective))


def draw_company(ch, besides=None):
    """A company: a name without an article."""
    name = ch.even([c for c in COMPANIES if c != besides], "company")
    return Nominal(link(name, name), "f", "s")


def fruit_request(ch):
    """please buy an apple and an orange; please buy an apple and orange"""
    base = ch.even(("buy", "take", "wash", "choose"), "fruit request")
    command = link(base, VERBS[base].imperative())
    article = ch.any(("a", "the", "a", "this"))
    if ch.chance(0.35):
        return requested(command + draw_fruit(ch, article, adjective=0.3).phrase)
    return requested(command + two_fruits(ch, article))


def two_fruits(ch, article):
    """an apple and an orange; an apple and orange; apples and oranges"""
    first = draw_fruit(ch, article, adjective=0)
    said = ch.weighted([(30, "both"), (50, "first"), (20, "neither")])
    if said == "both" or article == "this":
        second = draw_fruit(ch, article, besides=first.noun, adjective=0)
        return first.phrase + link("and", "et") + second.phrase
    plural = first.number == "p"
    if said == "neither":
        plural, article = True, "a"
        first = without_article(noun_phrase(first.noun, "p", "a"))
    second = draw_fruit(ch, article, plural, besides=first.noun, adjective=0)
    return first.phrase + link("and", "et") + without_article(second).phrase


def request_and_news(ch):
    """please buy an apple and orange, apple unveiled new phones"""
    request = requested(link("buy", VERBS["buy"].imperative())
                        + two_fruits(ch, ch.any(("a", "the"))))
    news = clause(draw_company(ch), ch.even(COMPANY_NEWS, "news"), "past",
                  draw_product(ch).phrase)
    parts = (request, news) if ch.chance(0.7) else (news, request)
    return parts[0] + link(",", ",") + parts[1]


def fruit_is_ripe(ch):
    """the apple is ripe"""
    fruit = draw_fruit(ch, ch.any(("the", "this")), plural=0.45, adjective=0)
    place = EMPTY
    if ch.chance(0.4):
        preposition, spot = ch.any((
            (("on", "sur"), "table"), (("in", "dans"), "kitchen"),
            (("in", "dans"), "box"), (("in", "dans"), "bag")))
        place = link(*preposition) + noun_phrase(noun(spot)).phrase
    return (fruit.phrase + place + be(fruit)
            + adjective_for(fruit, draw_predicate(ch, fruit)))


def eats_fruit(ch):
    """the girl ate the apple"""
    base = ch.even(("eat", "buy", "take", "wash", "sell", "choose"),
                   "fruit verb")
    tense = ch.any(("present", "past"))
    subject = draw_subject(ch, PEOPLE, adjective=0.15)
    thing = draw_fruit(ch, draw_article(ch))
    return clause(subject, base, tense, thing.phrase) + (
        draw_time(ch, "past", 0.25) if tense == "past" else EMPTY)


def apple_juice(ch):
    """she bought the apple juice"""
    kind = noun(ch.even(FRUITS, "juice"))
    flavour = link(kind.singular, "de " + kind.fr_singular)
    juice = link("juice", "jus")
    whole = crossed(flavour, juice)
    if ch.chance(0.35):
        return (link("the", "le") + whole + link("is", "est")
                + link("good", "bon"))
    base = ch.even(("buy", "like", "sell", "take"), "juice verb")
    subject = draw_subject(ch, PEOPLE, adjective=0.15)
    tense = "present" if base == "like" or ch.chance(0.5) else "past"
    return clause(subject, base, tense, link("the", "le") + whole)


COMPANY_NEWS = ("unveil", "release")


# What nobody says of something that has just been made.
WORN = {"old", "broken", "dirty"}


def draw_product(ch):
    """the new phone; a phone; new phones"""
    kind = draw_noun(ch, ("product",))
    adjectives = [adjective("new")] if ch.chance(0.4) else draw_adjectives(ch, kind, 0.4)
    if any(word.english in WORN for word in adjectives):
        raise NoFit
    if ch.chance(0.35):
        return without_article(noun_phrase(kind, "p", "a", adjectives))
    return noun_phrase(kind, number_of(ch), draw_article(ch), adjectives)


def unveils(ch):
    """apple unveiled the new phone"""
    tense = ch.weighted([(33, "present"), (34, "past"), (33, "future")])
    subject = draw_company(ch)
    base = ch.even(COMPANY_NEWS + COMPANY_NEWS + ("sell", "buy"), "company verb")
    product = draw_product(ch)
    when = draw_time(ch, tense, 0.4) if tense != "present" else EMPTY
    return clause(subject, base, tense, product.phrase) + when


def buys_company(ch):
    """apple bought nova last week"""
    subject = draw_company(ch)
    bought = draw_company(ch, besides=subject.phrase.en[0].text)
    tense = ch.any(("past", "future"))
    return clause(subject, "buy", tense, bought.phrase) + draw_time(
        ch, tense, 0.7)


def works_for(ch):
    """my sister works for apple"""
    subject = draw_subject(ch, PEOPLE, pronouns=0.25, adjective=0.2)
    tense = ch.weighted([(60, "present"), (40, "past")])
    company = draw_company(ch)
    return clause(subject, "work", tense,
                  link("for", "pour") + company.phrase)


def brand_phone(ch):
    """the apple phone is expensive; please buy an apple phone"""
    name = ch.even(BRANDS, "brand")
    product = draw_np(ch, "product", article=None, adjective=0, plural=0.35)
    branded = product._replace(
        phrase=crossed(link(name, "de " + name), product.phrase))
    article = ch.any(("the", "a"))
    shape = ch.even(("is", "buys", "please"), "brand frame")
    if shape == "is":
        article = "the"
    head = noun_phrase(product.noun, product.number, article).phrase
    branded = branded._replace(phrase=Phrase(
        head.en[:1] + branded.phrase.en, head.fr[:1] + branded.phrase.fr))
    if shape == "is":
        return branded.phrase + be(branded) + adjective_for(
            branded, draw_predicate(ch, branded))
    base = ch.even(("buy", "take", "choose"), "brand verb")
    if shape == "please":
        return requested(link(base, VERBS[base].imperative())
                         + branded.phrase)
    subject = draw_subject(ch, PEOPLE, adjective=0.15)
    return clause(subject, base, ch.any(("present", "past")), branded.phrase)

# --- bank: la banque / la rive -----------------------------------------------

BANK_MONEY = sense("bank", "banks", "banque", "banques", "f", "place")
BANK_RIVER = sense("bank", "banks", "rive", "rives", "f", "bankside")
RIVER = noun("river")


def bank_money(ch):
    """the bank sold the house; my brother works in the bank"""
    bank = noun_phrase(BANK_MONEY, "s", "the",
                       draw_adjectives(ch, BANK_MONEY, 0.2))
    shape = ch.even(("sells", "closes", "works", "goes"), "bank frame")
    tense = ch.any(("present", "past"))
    if shape == "sells":
        thing = draw_np(ch, "home", "vehicle", adjective=0.25, plural=0.2)
        return clause(bank, ch.any(("sell", "buy")), tense, thing.phrase)
    if shape == "closes":
        place = draw_place(ch, ("near", "behind", "in front of"), 0)
        return bank.phrase + place + verb_group(
            ch.any(("open", "close")), bank, tense).statement()
    subject = draw_subject(ch, PEOPLE, adjective=0.2)
    if shape == "works":
        return clause(subject, "work", tense,
                      link("in", "dans") + bank.phrase)
    return clause(subject, "go", tense, link("to", "à") + bank.phrase) + (
        draw_time(ch, "past", 0.4) if tense == "past" else EMPTY)


def bank_river(ch):
    """the cow slept on the bank of the river"""
    bank = noun_phrase(BANK_RIVER, "s", "the",
                       draw_adjectives(ch, BANK_RIVER, 0.2))
    river = noun_phrase(RIVER, "s", "the", draw_adjectives(ch, RIVER, 0.2))
    place = bank.phrase + of(river)
    if ch.chance(0.45):
        return place + be(bank) + adjective_for(
            bank, draw_predicate(ch, bank))
    base = ch.even(("sleep", "play", "sit", "sing", "rest"), "river verb")
    classes = PEOPLE if base == "sing" else ("person", "animal")
    subject = draw_subject(ch, classes, adjective=0.2)
    tense = "past" if base in ("sit", "rest") else ch.any(("present", "past"))
    return clause(subject, base, tense, link("on", "sur") + place)


# --- bat: la chauve-souris / la batte ----------------------------------------

BAT_ANIMAL = sense("bat", "bats", "chauve-souris", "chauves-souris", "f",
                   "animal")
BAT_CLUB = sense("bat", "bats", "batte", "battes", "f", "object")


def bat_animal(ch):
    """the bat slept in the church; the bat ate the cherry"""
    number = number_of(ch)
    bat = noun_phrase(BAT_ANIMAL, number, "the",
                      draw_adjectives(ch, BAT_ANIMAL, 0.3))
    tense = ch.any(("present", "past"))
    shape = ch.even(("sleeps", "eats", "is tired"), "bat frame")
    if shape == "sleeps":
        return clause(bat, "sleep", tense,
                      draw_place(ch, ("in", "under"), adjective=0.1))
    if shape == "eats":
        return clause(bat, "eat", tense, draw_fruit(ch).phrase)
    return says(ch, noun_phrase(BAT_ANIMAL, number),
                ("tired", "young", "clever"))


def bat_club(ch):
    """the boy lost the bat and the ball"""
    bat = noun_phrase(BAT_CLUB, number_of(ch, 0.3), ch.any(("the", "a")),
                      draw_adjectives(ch, BAT_CLUB, 0.25))
    article = "the" if bat.phrase.en[0].text == "the" else "a"
    tense = ch.any(("present", "past"))
    subject = draw_subject(ch, PEOPLE, adjective=0.2)
    if ch.chance(0.4):
        ball = noun_phrase(noun("ball"), number_of(ch, 0.3), article)
        return clause(subject, ch.any(("lose", "buy", "find", "sell")), tense,
                      bat.phrase + link("and", "et") + ball.phrase)
    return clause(subject, ch.any(("buy", "repair", "sell", "choose")), tense,
                  bat.phrase)


# --- spring: le printemps / le ressort ---------------------------------------

SPRING_COIL = sense("spring", "springs", "ressort", "ressorts", "m", "coil")
SPRUNG = ("clock", "lamp", "bed", "sofa", "door", "chair")


def spring_season(ch):
    """the boys played in the park last spring"""
    subject = draw_subject(ch, ("person", "animal"), adjective=0.2)
    person = subject.noun is None or not subject.noun.classes & {"animal"}
    base = ch.even(("sleep", "sing", "dance", "work", "play") if person
                   else ("sleep", "play"), "spring verb")
    if ch.chance(0.5):
        tense = "past"
        when = crossed(link("last", "dernier"),
                       link("spring", "printemps"))
        when = Phrase(when.en, french_only("le").fr + when.fr)
    else:
        tense = "future" if base in ("sing", "play") else "present"
        when = (link("in", "à") + link("the", "le")
                + link("spring", "printemps"))
    if ch.chance(0.4):
        return clause(subject, base, tense, when)
    place = draw_place(ch, ("in", "near", "behind", "in front of"), 0.1)
    return clause(subject, base, tense, place + when)


def spring_coil(ch):
    """the spring of the clock is broken; he found the spring of the bed"""
    thing = noun(ch.even(SPRUNG, "sprung"))
    number = number_of(ch, 0.35)
    owner = noun_phrase(thing, number, "the",
                        draw_adjectives(ch, thing, 0.2))
    spring = noun_phrase(SPRING_COIL, number)
    whole = spring.phrase + of(owner)
    if ch.chance(0.4):
        spring = spring._replace(phrase=whole)
        return says(ch, spring, ("broken", "old", "dirty", "heavy"))
    subject = draw_subject(ch, PEOPLE, adjective=0.15)
    base = ch.any(("sell", "repair", "find"))
    return clause(subject, base, ch.any(("present", "past")), whole)


# --- nail: l'ongle / le clou -------------------------------------------------

NAIL_FINGER = sense("nail", "nails", "ongle", "ongles", "m")
NAIL_IRON = sense("nail", "nails", "clou", "clous", "m")
NAILED = ("table", "chair", "bench", "door", "roof", "wall", "box", "bed")


def _nails(ch, kind, owner):
    """the nails of ... are dirty; she saw the nails of ..."""
    nail = noun_phrase(kind, "p")
    whole = nail.phrase + of(owner)
    if ch.chance(0.5):
        return says(ch, nail._replace(phrase=whole),
                    ("dirty", "small", "big", "red", "black"))
    subject = draw_subject(ch, PEOPLE, adjective=0.1)
    return clause(subject, "see", ch.any(("present", "past")), whole)


def nail_finger(ch):
    """the nails of the girl are red"""
    owner = draw_np(ch, "person", "relative", adjective=0.15, plural=0.25)
    return _nails(ch, NAIL_FINGER, owner)


def nail_iron(ch):
    """the nails of the door are black"""
    thing = noun(ch.even(NAILED, "nailed"))
    owner = noun_phrase(thing, number_of(ch, 0.25) if thing.plural else "s",
                        "the", draw_adjectives(ch, thing, 0.15))
    return _nails(ch, NAIL_IRON, owner)


# --- match: l'allumette / le match -------------------------------------------

MATCH_FIRE = sense("match", "matches", "allumette", "allumettes", "f")
MATCH_GAME = sense("match", "matches", "match", "matchs", "m")


def match_fire(ch):
    """the man lit the match"""
    match = noun_phrase(MATCH_FIRE, number_of(ch, 0.5), ch.any(("the", "a")))
    subject = draw_subject(ch, PEOPLE, adjective=0.2)
    place = (draw_place(ch, ("in", "near", "behind", "in front of"), 0)
             if ch.chance(0.5) else EMPTY)
    return clause(subject, "light", "past", match.phrase + place)


def match_game(ch):
    """the boys won the match yesterday"""
    match = noun_phrase(MATCH_GAME, number_of(ch, 0.3), ch.any(("the", "a")))
    subject = draw_subject(ch, PEOPLE, adjective=0.2)
    return clause(subject, ch.any(("win", "watch")), "past",
                  match.phrase + draw_time(ch, "past", 0.4))


# --- trunk: le tronc / le coffre ---------------------------------------------

TRUNK_TREE = sense("trunk", "trunks", "tronc", "troncs", "m", "trunk")
TRUNK_CAR = sense("trunk", "trunks", "coffre", "coffres", "m", "trunk")


def _trunk(ch, kind, owner_name, verbs):
    """the trunk of the ... is big; he saw the trunk of the ..."""
    thing = noun(owner_name)
    number = number_of(ch, 0.35)
    owner = noun_phrase(thing, number, "the",
                        draw_adjectives(ch, thing, 0.4))
    trunk = noun_phrase(kind, number)
    whole = trunk.phrase + of(owner)
    if ch.chance(0.45):
        return says(ch, trunk._replace(phrase=whole),
                    ("small", "big", "old", "dirty"))
    subject = draw_subject(ch, PEOPLE, adjective=0.2)
    base = ch.even(verbs, "trunk verb")
    tense = "present" if base == "like" else ch.any(("present", "past"))
    return clause(subject, base, tense, whole)


def trunk_tree(ch):
    return _trunk(ch, TRUNK_TREE, "tree", ("see", "like", "watch"))


def trunk_car(ch):
    return _trunk(ch, TRUNK_CAR, "car", ("see", "open", "close", "wash"))


TWO_MEANINGS = (
    (15, fruit_request), (8, fruit_is_ripe), (10, eats_fruit),
    (9, request_and_news), (6, apple_juice), (20, unveils), (4, buys_company), (7, works_for),
    (7, brand_phone),
    (6, bank_money), (9, bank_river), (9, bat_animal), (8, bat_club),
    (8, spring_season), (6, spring_coil), (6, nail_finger), (6, nail_iron),
    (8, match_fire), (8, match_game), (9, trunk_tree), (6, trunk_car),
)
