"""The families of sentences: each template draws one random Phrase.

FAMILIES maps a family to its weighted templates; the families `order` and
`two-meanings` have modules of their own.
"""

from .grammar import (adjective_for, be, be_in_need, both, draw_article, draw_noun,
                      draw_np, draw_place, draw_predicate, draw_time,
                      it_object, it_subject, noun_phrase, pronoun, verb_group,
                      without_article, NoFit, POSSESSIVES)
from .lexicon import adjective, compatible
from .phrases import EMPTY, Phrase, french_only, link
from .verbs import ANIMATE, INTRANSITIVE, PEOPLE, TRANSITIVE, VERBS

SINGULAR_PRONOUNS = ("he", "she")
AROUND = ("in", "near", "behind", "in front of")
THIRD_PRONOUNS = ("he", "she", "they")


def draw_subject(ch, classes, pronouns=0.2, adjective=0.3, plural=0.35):
    """A noun phrase, or sometimes a name, he, she or they."""
    if "person" in classes and ch.chance(pronouns):
        return pronoun(ch.any(THIRD_PRONOUNS))
    if "person" in classes and ch.chance(0.15):
        return draw_np(ch, "name")
    if "person" in classes and ch.chance(0.15):
        return draw_np(ch, "relative", adjective=0, plural=0.2)
    return draw_np(ch, *classes, adjective=adjective, plural=plural)


def draw_transitive(ch, tense, verbs=None):
    """A verb with its subject and object classes."""
    names = tuple(verbs or TRANSITIVE)
    if tense == "past":
        names = tuple(name for name in names if name not in ("like", "love"))
    base = ch.even(names, "transitive " + tense)
    return (base,) + TRANSITIVE[base]


def draw_object(ch, classes, adjective=0.35, article=None):
    return draw_np(ch, *classes, article=article or draw_article(ch),
                   adjective=adjective)


def clause(subject, base, tense, rest=EMPTY):
    return subject.phrase + verb_group(base, subject, tense).statement() + rest


# --- food without an article in English ---------------------------------------

def draw_bare_food(ch, drink=False):
    """A noun that English uses without an article: pizza, apples."""
    if drink:
        return draw_noun(ch, ("drink",))
    return draw_noun(ch, ("bare",) if ch.chance(0.75) else ("fruit",))


def bare(noun, base=None):
    """pizza: "la pizza" as a subject or as what one likes, "de la pizza" as what one eats."""
    article = "some" if base not in (None, "like", "love") else "the"
    return without_article(noun_phrase(noun, bare_number(noun), article))


def bare_number(noun):
    return "s" if noun.classes & {"bare", "drink"} else "p"


BARE_VERBS = ("eat", "drink", "like", "love")
SPEAKERS = ("i", "you", "we")


def draw_bare_clause(ch, context, speakers):
    """Subject, verb and noun of "i love pizza"."""
    base = ch.even(("eat",) + BARE_VERBS, "bare " + context)
    if base != "drink" and ch.chance(speakers):
        subject = pronoun(ch.even(SPEAKERS, "bare"))
    else:
        subject = draw_subject(ch, PEOPLE, adjective=0)
    if base in ("like", "love") and ch.chance(0.2):
        return subject, base, draw_np(ch, "pet", article=None, plural=1).noun
    return subject, base, draw_bare_food(ch, base == "drink")


# --- sat ---------------------------------------------------------------------

# Verb of posture or rest and the prepositions that may follow it.
POSTURE_PLACES = {
    "sit": ("on", "on", "near", "behind", "in front of"),
    "sleep": ("on", "in", "under", "near"),
    "lie down": ("on", "on", "under", "near"),
    "hide": ("behind", "under", "in"),
    "rest": ("in", "near", "under"),
    "jump": ("on",),
}


def sat(ch, with_place=0.8):
    base = ch.even(("sit", "sit") + tuple(POSTURE_PLACES), "posture")
    subject = draw_posture_subject(ch, base)
    past = verb_group(base, subject, "past").statement()
    small = subject.noun is None or subject.noun.classes & {
        "small", "person", "relative", "name"}
    prepositions = tuple(p for p in POSTURE_PLACES[base] if small or p != "on")
    place = (draw_place(ch, prepositions) if ch.chance(with_place)
             and prepositions else draw_time(ch, "past", 0.6))
    return subject.phrase + past + place


def draw_posture_subject(ch, base):
    classes = ("person", "small") if base == "jump" else ANIMATE
    if ch.chance(0.15):
        first = draw_np(ch, "person", "small", adjective=0, plural=0)
        return both(first, draw_np(ch, "person", "small", adjective=0,
                                   plural=0, besides=first.noun))
    return draw_subject(ch, classes, pronouns=0.1, plural=0.4)


# --- it ----------------------------------------------------------------------

PLEASANT = ("small", "big", "beautiful", "pretty", "good", "red", "green",
            "black", "white", "blue", "fast", "clever", "ripe", "young")
DESCRIBED = ("food", "goods", "portable", "vehicle", "ride", "opening",
             "landmark")


def it_is(ch):
    """the car is old but it is fast"""
    classes = DESCRIBED if ch.chance(0.8) else ("animal",)
    first = draw_np(ch, *classes, adjective=0, plural=0.45)
    tense = ch.weighted([(75, "present"), (25, "past")])
    one = draw_predicate(ch, first)
    other = draw_predicate(ch, first, lambda a: compatible(one.english, a.english))
    again = it_subject(first)
    joint = ch.weighted([(60, ("but", "mais")), (40, ("and", "et"))])
    return (first.phrase + be(first, tense) + adjective_for(first, one)
            + link(*joint) + again.phrase + be(again, tense)
            + adjective_for(again, other))


# Reasons for doing something to a thing: verb, adjectives that explain it.
REASONS = {
    "like": PLEASANT, "love": PLEASANT, "buy": PLEASANT, "choose": PLEASANT, "take": PLEASANT,
    "wash": ("dirty",), "repair": ("broken", "old"),
    "sell": ("old", "small", "big", "heavy", "broken"),
}


def because_it_is(ch):
    """she bought the dress because it was pretty"""
    base = ch.even(("like", "buy") + tuple(REASONS), "reason")
    tense = "present" if base in ("like", "love") or ch.chance(0.4) else "past"
    subject = draw_singular_subject(ch)
    thing = draw_np(ch, *TRANSITIVE[base][1], adjective=0.1, plural=0.45)
    reason = draw_predicate(
        ch, thing, lambda a: a.english in REASONS[base])
    again = it_subject(thing)
    return (subject.phrase + verb_group(base, subject, tense).statement()
            + thing.phrase + link("because", "parce que") + again.phrase
            + be(again, tense) + adjective_for(again, reason))


def draw_singular_subject(ch):
    """One person, so that a plural "they" later in the sentence means somebody else."""
    if ch.chance(0.4):
        return pronoun(ch.any(SINGULAR_PRONOUNS))
    return draw_np(ch, "name" if ch.chance(0.25) else "person", adjective=0.15, plural=0)


def slept_because(ch):
    """the cat sat on the mat because it was tired"""
    animal = ch.chance(0.7)
    subject = (draw_np(ch, "animal", adjective=0.2, plural=0.4) if animal
               else draw_np(ch, "person", adjective=0.1, plural=1))
    base, reason = ch.even(
        (("sleep", "tired"), ("rest", "tired"), ("lie down", "tired"), ("sit", "tired"))
        if animal else
        (("sing", "happy"), ("dance", "happy"), ("sleep", "tired"),
         ("rest", "tired"), ("leave", "sad")), "cause")
    place = EMPTY
    if base in POSTURE_PLACES and ch.chance(0.6):
        small = subject.noun.classes & {"small", "person"}
        place = draw_place(ch, [p for p in POSTURE_PLACES[base] if small or p != "on"],
                           adjective=0)
    again = it_subject(subject)
    return (clause(subject, base, "past", place) + link("because", "parce que")
            + again.phrase + be(again, "past") + adjective_for(again, adjective(reason)))


# Why an animal does not cross something: what is said of the animal, and of what it might cross.
OF_THE_ANIMAL = ("tired", "young", "fat")
OF_THE_ROAD = {"street": "wide", "river": "wide", "bridge": "long"}


def did_not_cross(ch):
    """the cat did not cross the street because it was too tired, or too wide"""
    animal = draw_np(ch, "animal", adjective=0, plural=0.25)
    road = draw_np(ch, "road", "shore", adjective=0, plural=0)
    tired = ch.chance(0.5)
    word = ch.even(OF_THE_ANIMAL, "too") if tired else OF_THE_ROAD[road.noun.singular]
    again = it_subject(animal if tired else road)
    verb = verb_group("cross", animal, "past", negative=True).statement()
    return (animal.phrase + verb + road.phrase + link("because", "parce que") + again.phrase
            + be(again, "past") + link("too", "trop") + adjective_for(again, adjective(word)))


def ate_because(ch):
    """the cat drank the milk because it was thirsty; the goat ate the pear because it was ripe"""
    animal = draw_np(ch, "animal", adjective=0.1, plural=0.3)
    base = ch.even(("eat", "drink"), "need")
    food = draw_np(ch, "drink" if base == "drink" else "food", adjective=0, plural=0.3)
    if ch.chance(0.5):
        again = it_subject(animal)
        fed = base == "eat" or (food.noun.singular == "milk" and ch.chance(0.5))
        reason = be_in_need(again, "hungry" if fed else "thirsty", "past")
    else:
        again = it_subject(food)
        quality = draw_predicate(ch, food, lambda a: a.english in ("good", "ripe"))
        reason = be(again, "past") + adjective_for(again, quality)
    return (clause(animal, base, "past", food.phrase) + link("because", "parce que")
            + again.phrase + reason)


# Two things that one does to an object, one after the other: first verb, second, objects.
SEQUENCES = (
    ("take", "lose", ("portable",)), ("buy", "eat", ("food",)),
    ("take", "eat", ("food",)), ("buy", "sell", ("goods",)),
    ("find", "lose", ("portable",)), ("wash", "eat", ("fruit",)),
    ("choose", "buy", ("goods", "food")), ("find", "sell", ("portable",)),
    ("buy", "wash", ("clothes", "fruit")), ("see", "buy", ("goods",)),
    ("find", "take", ("portable",)), ("see", "choose", ("goods",)),
    ("wash", "sell", ("clothes", "vehicle")), ("buy", "lose", ("portable",)),
)


def and_lost_it(ch):
    """he took the key and lost it"""
    first, second, classes = ch.any(SEQUENCES)
    tense = ch.weighted([(35, "present"), (65, "past")])
    subject = draw_singular_subject(ch)
    thing = draw_np(ch, *classes, adjective=0.25, plural=0.45)
    again = verb_group(second, subject, tense, clitic=it_object(thing),
                       preceding=thing).statement()
    return (subject.phrase + verb_group(first, subject, tense).statement()
            + thing.phrase + link("and", "et") + again)


def but_lost_it(ch):
    """the key is old but she lost it"""
    base = ch.even(("lose", "find", "sell", "buy", "choose", "take", "wash"),
                   "loss")
    thing = draw_np(ch, *TRANSITIVE[base][1], adjective=0, plural=0.45)
    description = draw_predicate(ch, thing)
    subject = draw_singular_subject(ch)
    joint = ch.any((("but", "mais"), ("and", "et")))
    verb = verb_group(base, subject, "past", clitic=it_object(thing),
                      preceding=thing).statement()
    return (thing.phrase + be(thing) + adjective_for(thing, description)
            + link(*joint) + subject.phrase + verb)


# --- after -------------------------------------------------------------------

# What happens, with the prepositions that may follow, and what happens before or meanwhile.
OUTCOMES = (("escape", ()), ("escape", ("through",)), ("leave", ()), ("hide", ("behind", "under")),
            ("go", ("to",)), ("take", ()), ("lose", ()), ("open", ()), ("eat", ()))
BEFORE = ("doze off", "fall asleep", "leave", "escape", "lie down", "doze off")
MEANWHILE = ("sleep", "sing", "play", "work", "sleep")
JOINTS = (("after", "après que"), ("when", "quand"), ("because", "parce que"))


def draw_outcome(ch):
    """the thief escaped; returns the phrase and who did it"""
    base, prepositions = ch.any(OUTCOMES)
    people = base in TRANSITIVE or base == "go"
    subject = draw_np(ch, "person", *(() if people else ("animal",)), "name",
                      adjective=0.15, plural=0.3)
    rest = EMPTY
    if base in TRANSITIVE:
        rest = draw_np(ch, *TRANSITIVE[base][1], adjective=0.1).phrase
    elif prepositions:
        rest = draw_place(ch, prepositions, adjective=0)
    return clause(subject, base, "past", rest), subject


def joined_clauses(ch, first, joint, second):
    """the thief escaped after the guard left; after the guard left, the thief escaped"""
    if ch.chance(0.2):
        return joint + second + link(",", ",") + first
    return first + joint + second


def escaped_after(ch):
    """the thief escaped after the guard dozed off"""
    first, actor = draw_outcome(ch)
    other = draw_np(ch, "person", "animal", "name", adjective=0.15, plural=0.3,
                    besides=actor.noun)
    second = clause(other, ch.even(BEFORE, "before"), "past")
    return joined_clauses(ch, first, link(*ch.even(JOINTS, "joint")), second)


def escaped_while(ch):
    """the thief escaped while the guard was sleeping"""
    first, actor = draw_outcome(ch)
    base = ch.even(MEANWHILE, "meanwhile")
    other = draw_np(ch, *INTRANSITIVE[base], *(("name",) if "person" in INTRANSITIVE[base] else ()),
                    adjective=0.15, plural=0.3, besides=actor.noun)
    second = clause(other, base, "progressive")
    return joined_clauses(ch, first, link("while", "pendant que"), second)


# --- long-range --------------------------------------------------------------

AGREEING = ("buy", "take", "lose", "find", "sell", "see", "choose", "wash", "write")


def that_he_bought(ch):
    """the apples that the old man bought yesterday are green"""
    base = ch.even(AGREEING, "agreeing")
    thing = draw_np(ch, *TRANSITIVE[base][1], adjective=0.1, plural=0.5)
    subject = draw_subject(ch, PEOPLE, pronouns=0.3, adjective=0.4)
    verb = verb_group(base, subject, "past", preceding=thing).statement()
    return (thing.phrase + link("that", "que") + subject.phrase + verb
            + draw_time(ch, "past", 0.5) + be(thing)
            + adjective_for(thing, draw_predicate(ch, thing)))


def who_lives(ch):
    """the woman who lives in the small house is happy"""
    subject = draw_np(ch, "person", adjective=0.15, plural=0.4)
    return _described_by(ch, subject, "live", _in_a_home(ch))


def who_lives_near(ch):
    """the woman who lives in the small house near the river is happy"""
    subject = draw_np(ch, "person", adjective=0.05, plural=0.4)
    where = _in_a_home(ch) + near_landmark(ch)
    return _described_by(ch, subject, "live", where)


def who_sings(ch):
    """the birds that sleep in the garden are grey"""
    subject = draw_np(ch, "person", "animal", adjective=0.15, plural=0.4)
    base = ch.even([verb for verb, who in INTRANSITIVE.items()
                    if subject.noun.classes & set(who)], "intransitive")
    return _described_by(ch, subject, base, draw_place(ch, AROUND))


def who_sees(ch):
    """the dog that follows the girl is black"""
    subject = draw_np(ch, "person", "animal", adjective=0.15, plural=0.4)
    base = ch.even(("see", "follow", "watch", "hear"), "relative")
    thing = draw_np(ch, "person", "animal", adjective=0.25,
                    besides=subject.noun)
    return _described_by(ch, subject, base, thing.phrase)


def _described_by(ch, subject, base, rest):
    """subject who/that does something is ..."""
    person = "person" in subject.noun.classes
    return (subject.phrase + link("who" if person else "that", "qui")
            + verb_group(base, subject, "present").statement() + rest
            + be(subject) + adjective_for(subject, draw_predicate(ch, subject)))


def _in_a_home(ch):
    place = draw_np(ch, "home", adjective=0.4, plural=0)
    return link("in", "dans") + place.phrase


def near_landmark(ch):
    """near the river: the landmark is not a place to live in"""
    place = draw_np(ch, "landmark", "shore", adjective=0, plural=0)
    if "home" in place.noun.classes:
        raise NoFit
    return link("near", "près de") + place.phrase


def near_the_house(ch):
    """the cars in front of the old house are red"""
    classes = ch.weighted([(60, ("vehicle", "ride")), (40, ANIMATE)])
    subject = draw_np(ch, *classes, adjective=0.1, plural=0.5)
    place = draw_place(ch, ("near", "behind", "in front of"), adjective=0.4)
    tense = ch.weighted([(70, "present"), (30, "past")])
    return (subject.phrase + place + be(subject, tense)
            + adjective_for(subject, draw_predicate(ch, subject)))


def who_lives_sat(ch):
    """the girl who lives in the village sat on the bench"""
    subject = draw_np(ch, "person", adjective=0.15, plural=0.45)
    home = draw_np(ch, "home", adjective=0.25, plural=0)
    base, places = ch.even(
        (("sit", ("on", "near")), ("go", ("to",)), ("leave", ()), ("fall", ())), "outcome")
    ending = draw_place(ch, places, adjective=0) if places else \
        draw_time(ch, "past")
    return (subject.phrase + link("who", "qui")
            + verb_group("live", subject, "present").statement()
            + link("in", "dans") + home.phrase
            + verb_group(base, subject, "past").statement() + ending)


# --- question and negation ---------------------------------------------------

QUESTION_MARK = link("?", "?")
IS_IT_THAT = french_only("est-ce que")


def asked(subject, group, rest):
    """Turn subject + verb + rest into a yes/no question."""
    english = group.auxiliary + subject.phrase.en + group.rest
    target = IS_IT_THAT.fr + subject.phrase.fr + group.fr
    return Phrase(english, target) + rest + QUESTION_MARK


def is_it_black(ch):
    """is the cat black?"""
    subject = draw_described(ch)
    tense = ch.weighted([(75, "present"), (25, "past")])
    copula = be(subject, tense)
    quality = adjective_for(subject, draw_predicate(ch, subject))
    return Phrase(
        copula.en + subject.phrase.en,
        IS_IT_THAT.fr + subject.phrase.fr + copula.fr) + quality + QUESTION_MARK


def do_you_like(ch):
    """do you like pizza?"""
    subject, base, food = draw_bare_clause(ch, "question", 0.5)
    if subject.person == 1:
        raise NoFit
    return asked(subject, verb_group(base, subject, "present", question=True),
                 bare(food, base).phrase)


def draw_described(ch):
    classes = ch.weighted([(55, DESCRIBED), (45, ANIMATE + ("name",))])
    return draw_np(ch, *classes, adjective=0.3, plural=0.4)


def did_she_eat(ch):
    """did the girl eat the apple?"""
    tense = ch.weighted([(45, "present"), (55, "past")])
    base, who, what = draw_transitive(ch, tense)
    subject = draw_subject(ch, who, pronouns=0.3)
    thing = draw_object(ch, what, adjective=0.25)
    return asked(subject, verb_group(base, subject, tense, question=True),
                 thing.phrase)


def did_she_go(ch):
    """did the girl sleep in the garden?"""
    tense = ch.weighted([(45, "present"), (55, "past")])
    base, who = ch.even(tuple(INTRANSITIVE.items()), "asked")
    subject = draw_subject(ch, who, pronouns=0.3)
    place = draw_place(ch, AROUND)
    return asked(subject, verb_group(base, subject, tense, question=True),
                 place)


def where_is(ch):
    """where is the key?"""
    possessed = ch.chance(0.4)
    subject = draw_np(ch, "portable", "goods", "animal", "vehicle", "name",
                      article=ch.any(POSSESSIVES) if possessed else "the",
                      adjective=0.4)
    return (link("where", "où") + be(subject) + subject.phrase
            + QUESTION_MARK)


def is_not(ch):
    """the cat is not black"""
    subject = draw_described(ch)
    tense = ch.weighted([(70, "present"), (30, "past")])
    copula, marker = be(subject, tense), link("not", "ne pas")
    negated = Phrase(copula.en + marker.en,
                          marker.fr[:1] + copula.fr + marker.fr[1:])
    return subject.phrase + negated + adjective_for(
        subject, draw_predicate(ch, subject))


def did_not_eat(ch):
    """the dog did not see the cat"""
    tense = ch.weighted([(45, "present"), (55, "past")])
    base, who, what = draw_transitive(ch, tense)
    subject = draw_subject(ch, who, pronouns=0.25)
    thing = draw_np(ch, *what, adjective=0.25)
    return (subject.phrase
            + verb_group(base, subject, tense, negative=True).statement()
            + thing.phrase)


def does_not_have_a(ch):
    """the man does not have a car; she did not buy an orange"""
    base, tense = ch.even((("have", "present"), ("buy", "past"),
                           ("find", "past"), ("have", "present")), "lack")
    subject = draw_subject(ch, PEOPLE, pronouns=0.3)
    what = ("goods", "fruit") if base == "buy" else (
        ("portable",) if base == "find" else ("goods", "pet"))
    thing = draw_np(ch, *what, article=None, adjective=0.15, plural=0)
    return (subject.phrase
            + verb_group(base, subject, tense, negative=True).statement()
            + link("a", "de") + thing.phrase)


def do_not_like(ch):
    """i do not like pizza; she does not eat pizza"""
    subject, base, food = draw_bare_clause(ch, "negation", 0.5)
    verb = verb_group(base, subject, "present", negative=True).statement()
    if base in ("like", "love"):
        return subject.phrase + verb + bare(food, base).phrase
    return (subject.phrase + verb + french_only("de")
            + noun_phrase(food, bare_number(food), None).phrase)


# --- possessive, future, imperfect -------------------------------------------

OWNED = ("pet", "portable", "goods", "vehicle")
ANY_PRONOUN = ("i", "you", "we", "he", "she", "they")
SPEAKER_VERBS = ("have", "like", "see", "love")


def my_sister_has(ch):
    """my sister has a small dog"""
    subject = draw_np(ch, "relative", adjective=0, plural=0.3)
    thing = draw_np(ch, *OWNED, article="a", adjective=0.6)
    return (subject.phrase + verb_group("have", subject, "present").statement()
            + thing.phrase)


def he_sold_his(ch):
    """we sold our car"""
    base = ch.even(("sell", "lose", "find", "wash", "take"), "owner")
    subject = (pronoun(ch.even(ANY_PRONOUN, "owner")) if ch.chance(0.75) else
               draw_np(ch, "relative", adjective=0, plural=0.2))
    thing = draw_np(ch, *TRANSITIVE[base][1], article=_own(subject),
                    adjective=0.25)
    if "mass" in thing.noun.classes:
        raise NoFit
    return (subject.phrase + verb_group(base, subject, "past").statement()
            + thing.phrase + draw_time(ch, "past", 0.3))


def _own(subject):
    """The possessive that refers to the subject."""
    if subject.person == 1:
        return "my" if subject.number == "s" else "our"
    if subject.person == 2:
        return "your"
    if subject.number == "p":
        return "their"
    return "his" if subject.gender == "m" else "her"


def i_like_your(ch):
    """i like your dress"""
    base = ch.even(SPEAKER_VERBS, "speaker")
    subject = pronoun(ch.even(SPEAKERS, "speaker"))
    if base == "have":
        article = "a"
    else:
        article = ch.any([p for p in POSSESSIVES if p != _own(subject)])
    what = {"have": OWNED, "like": ("goods", "pet"), "love": ("goods", "pet", "relative"),
            "see": ("pet", "goods", "relative")}[base]
    thing = draw_np(ch, *what, article=article, adjective=0.3)
    return (subject.phrase + verb_group(base, subject, "present").statement()
            + thing.phrase)


def our_house_is(ch):
    """our house is big"""
    subject = draw_np(ch, "relative", *OWNED, article=ch.any(POSSESSIVES),
                      adjective=0.15, plural=0.35)
    tense = ch.weighted([(75, "present"), (25, "past")])
    return (subject.phrase + be(subject, tense)
            + adjective_for(subject, draw_predicate(ch, subject)))


FUTURE_VERBS = ("buy", "sell", "eat", "wash", "write")


def will_buy(ch):
    """the girl will eat the apple tomorrow"""
    base, who, what = draw_transitive(ch, "future", FUTURE_VERBS)
    subject = draw_subject(ch, who, pronouns=0.3)
    thing = draw_object(ch, what)
    return (subject.phrase + verb_group(base, subject, "future").statement()
            + thing.phrase + draw_time(ch, "future", 0.6))


def will_go(ch):
    """the boys will go to the market tomorrow"""
    base, places = ch.even((("go", ("to",)), ("sing", ("in",)),
                            ("play", ("in", "near"))), "future")
    subject = draw_subject(ch, PEOPLE, pronouns=0.3)
    return (subject.phrase + verb_group(base, subject, "future").statement()
            + draw_place(ch, places) + draw_time(ch, "future", 0.6))


def was_sleeping(ch):
    """the cat was sleeping on the bed"""
    base = ch.even(("sleep", "sing", "play", "work"), "progressive")
    who = INTRANSITIVE[base]
    subject = draw_subject(ch, who)
    return (subject.phrase
            + verb_group(base, subject, "progressive").statement()
            + draw_place(ch, AROUND, adjective=0.25))


def was_eating(ch):
    """the women were washing the car"""
    base, who, what = draw_transitive(
        ch, "progressive", ("eat", "wash", "write", "drink"))
    subject = draw_subject(ch, who)
    return (subject.phrase
            + verb_group(base, subject, "progressive").statement()
            + draw_object(ch, what).phrase)

# --- plain -------------------------------------------------------------------


def she_buys(ch):
    """the woman bought a red dress this morning"""
    tense = ch.weighted([(45, "present"), (55, "past")])
    base, who, what = draw_transitive(ch, tense)
    subject = draw_subject(ch, who)
    thing = draw_np(ch, *what, article=draw_article(ch), adjective=0.4,
                    besides=subject.noun)
    return (subject.phrase + verb_group(base, subject, tense).statement()
            + thing.phrase + draw_time(ch, tense, 0.35))


def they_both(ch):
    """the boy and the girl eat the cake"""
    tense = ch.weighted([(45, "present"), (55, "past")])
    first = draw_np(ch, "person", "name", adjective=0.1, plural=0)
    subject = both(first, draw_np(ch, "person", "name", adjective=0.1, plural=0,
                                  besides=first.noun))
    base, _, what = draw_transitive(ch, tense)
    thing = draw_object(ch, what, adjective=0.2)
    return (subject.phrase + verb_group(base, subject, tense).statement()
            + thing.phrase)


def she_gives(ch):
    """the farmer gave the apple to the horse"""
    base = ch.even(("give", "show"), "giving")
    tense = ch.weighted([(40, "present"), (60, "past")])
    subject = draw_subject(ch, PEOPLE, adjective=0.2)
    thing = draw_np(ch, "portable", "fruit" if base == "give" else "goods",
                    article=draw_article(ch), adjective=0.25)
    receiver = draw_np(ch, "person", "name", adjective=0.2, plural=0.35,
                       besides=subject.noun)
    return (subject.phrase + verb_group(base, subject, tense).statement()
            + thing.phrase + link("to", "à") + receiver.phrase)


def she_went(ch):
    """the girls went to the market yesterday"""
    base = ch.even(("go", "fall", "leave", "escape"), "motion")
    tense = "past" if base != "go" or ch.chance(0.7) else "present"
    subject = draw_subject(ch, PEOPLE if base != "fall" else ANIMATE,
                           pronouns=0.2)
    if base == "go":
        place = draw_place(ch, ("to",))
    elif base == "fall":
        place = draw_place(ch, ("in", "near", "in front of", "behind"))
    elif base == "escape" and ch.chance(0.5):
        place = draw_place(ch, ("through",), adjective=0.1)
    else:
        place = EMPTY
    when = draw_time(ch, tense, 0.4 if base in ("go", "fall") else 1)
    return (subject.phrase + verb_group(base, subject, tense).statement()
            + place + when)


def she_sings(ch):
    """the bird sleeps in the tree every day"""
    tense = ch.weighted([(55, "present"), (45, "past")])
    base, who = ch.even(tuple(INTRANSITIVE.items()), "intransitive")
    subject = draw_subject(ch, who)
    place = draw_place(ch, AROUND)
    return (subject.phrase + verb_group(base, subject, tense).statement()
            + place + draw_time(ch, tense, 0.3))


def there_is(ch):
    """there is a cat on the table"""
    plural = ch.chance(0.4)
    preposition = ch.any(("on", "in", "under", "behind", "near"))
    classes = ("small", "portable") if preposition in ("on", "under") else (
        "animal", "vehicle", "ride")
    thing = draw_np(ch, *classes, article="a", adjective=0.35,
                    plural=1 if plural else 0)
    there = link("there", "il y") + link(
        "are" if thing.number == "p" else "is", "a")
    return there + thing.phrase + draw_place(ch, (preposition,), 0)


def one_sings_the_other_dances(ch):
    """the boy sings and the girl dances"""
    tense = ch.weighted([(60, "present"), (40, "past")])
    first, second = (ch.even(tuple(INTRANSITIVE.items()), "pair")
                     for _ in range(2))
    if first == second:
        raise NoFit
    one, other = (draw_np(ch, *classes, *(("name",) if "person" in classes else ()),
                          adjective=0.15) for _, classes in (first, second))
    if one.noun is other.noun:
        raise NoFit
    joint = ch.any((("and", "et"), ("but", "mais")))
    return (one.phrase + verb_group(first[0], one, tense).statement()
            + link(*joint) + other.phrase
            + verb_group(second[0], other, tense).statement())


def please_open(ch):
    """please open the door; open the door"""
    base = ch.even(("buy", "take", "open", "close", "choose", "wash"),
                   "request")
    thing = draw_object(ch, TRANSITIVE[base][1],
                        article=ch.any(("the", "the", "this", "a")))
    command = link(base, VERBS[base].imperative()) + thing.phrase
    return requested(command) if ch.chance(0.6) else command


def write_a_poem(ch):
    """write a poem; please write a story about the cat; the girl wrote a poem"""
    text = draw_np(ch, "written", article=ch.weighted([(60, "a"), (25, "the"), (15, "this")]),
                   adjective=0.25, plural=0.2)
    thing = text.phrase
    if ch.chance(0.35):
        topic = draw_np(ch, "animal", "person", "name", "landmark", "shore",
                        article=ch.any(("the", "the", "a")), adjective=0.1)
        thing = thing + link("about", "sur") + topic.phrase
    if ch.chance(0.25):
        return clause(draw_subject(ch, PEOPLE, adjective=0.1), "write",
                      ch.any(("past", "present")), thing)
    command = link("write", VERBS["write"].imperative()) + thing
    return requested(command) if ch.chance(0.45) else command


def i_love_pizza(ch):
    """i love pizza; aditya ate pizza yesterday"""
    subject, base, food = draw_bare_clause(ch, "plain", 0.5)
    tense = "present"
    if base in ("eat", "drink") and ch.chance(0.4):
        tense = "past" if subject.person != 3 else ch.any(("past", "future"))
    when = draw_time(ch, tense, 0.25) if base in ("eat", "drink") else EMPTY
    return clause(subject, base, tense, bare(food, base).phrase) + when


def i_am_hungry(ch):
    """i am hungry; maria is tired"""
    subject = (pronoun(ch.even(SPEAKERS, "am")) if ch.chance(0.6)
               else draw_subject(ch, PEOPLE, adjective=0))
    if ch.chance(0.4):
        return subject.phrase + be_in_need(subject, ch.even(("hungry", "thirsty"), "am"))
    quality = adjective(ch.even(("happy", "sad", "tired", "clever"), "am"))
    return subject.phrase + be(subject) + adjective_for(subject, quality)


def requested(command):
    """please ... / ..., s'il te plaît"""
    please = link("please", "s' il te plaît")
    return Phrase(please.en + command.en,
                       command.fr + french_only(",").fr + please.fr)


FAMILIES = {
    "it": ((24, it_is), (17, because_it_is), (12, slept_because), (18, did_not_cross),
           (15, ate_because), (22, and_lost_it), (12, but_lost_it)),
    "after": ((65, escaped_after), (35, escaped_while)),
    "long-range": ((40, that_he_bought), (8, who_lives),
                   (10, who_lives_near), (8, who_sings), (8, who_sees),
                   (13, near_the_house), (13, who_lives_sat)),
    "question": ((28, is_it_black), (26, did_she_eat), (16, did_she_go),
                 (20, where_is), (10, do_you_like)),
    "negation": ((30, is_not), (36, did_not_eat), (18, does_not_have_a),
                 (16, do_not_like)),
    "possessive": ((25, my_sister_has), (30, he_sold_his),
                   (35, i_like_your), (20, our_house_is)),
    "future": ((60, will_buy), (40, will_go)),
    "imperfect": ((50, was_sleeping), (50, was_eating)),
    "plain": ((26, she_buys), (10, they_both), (20, she_gives),
              (20, she_went), (10, she_sings), (10, there_is),
              (8, one_sings_the_other_dances), (10, please_open), (14, write_a_poem),
              (34, i_love_pizza), (8, i_am_hungry)),
    "sat": ((1, sat),),
}
