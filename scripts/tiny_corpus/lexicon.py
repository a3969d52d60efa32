"""The dictionary: nouns, adjectives, verbs, determiners, adverbs.

Every table has one entry per line.  Semantic classes say which words go
together ("people eat food"); the grammar itself is in grammar.py.
"""

from typing import NamedTuple

# --- nouns -------------------------------------------------------------------


class Noun(NamedTuple):
    """A noun; `plural` is None on both sides if only the singular is used."""

    singular: str
    plural: str
    fr_singular: str
    fr_plural: str
    gender: str            # "m" or "f"
    kind: str              # decides which adjectives may go with it
    classes: frozenset     # decides which verbs and frames take it

    def english(self, number):
        return self.singular if number == "s" else self.plural

    def french(self, number):
        return self.fr_singular if number == "s" else self.fr_plural


# English singular/plural, French singular/plural, gender, kind, classes.
# "-" as a plural: the noun is used in the singular only.
NOUN_TABLE = """
man/men               homme/hommes            m man     person
woman/women           femme/femmes            f woman   person
boy/boys              garçon/garçons          m child   person
girl/girls            fille/filles            f child   person
king/kings            roi/rois                m man     person
queen/queens          reine/reines            f woman   person
farmer/farmers        fermier/fermiers        m man     person
doctor/doctors        médecin/médecins        m man     person
thief/thieves         voleur/voleurs          m man     person
guard/guards          garde/gardes            m man     person
father/-              père/-                  m family  relative
mother/-              mère/-                  f family  relative
brother/brothers      frère/frères            m family  relative
sister/sisters        sœur/sœurs              f family  relative

aditya/-              aditya/-                m man     name
omar/-                omar/-                  m man     name
paul/-                paul/-                  m man     name
tom/-                 tom/-                   m man     name
emma/-                emma/-                  f woman   name
lucy/-                lucy/-                  f woman   name
maria/-               maria/-                 f woman   name
priya/-               priya/-                 f woman   name

cat/cats              chat/chats              m animal  animal,small,pet,hunter,playful,runner
dog/dogs              chien/chiens            m animal  animal,small,pet,hunter,playful,runner
bird/birds            oiseau/oiseaux          m animal  animal,small,prey
horse/horses          cheval/chevaux          m animal  animal,pet,playful,runner
cow/cows              vache/vaches            f animal  animal,pet
mouse/mice            souris/souris           f animal  animal,small,prey,playful
rabbit/rabbits        lapin/lapins            m animal  animal,small,pet,prey,playful,runner
wolf/wolves           loup/loups              m animal  animal,hunter,runner
goat/goats            chèvre/chèvres          f animal  animal,pet,playful
frog/frogs            grenouille/grenouilles  f animal  animal,small,prey
hen/hens              poule/poules            f animal  animal,small,pet,prey
owl/owls              hibou/hiboux            m animal  animal,small,hunter
animal/animals        animal/animaux          m animal  animal

apple/apples          pomme/pommes            f orchard food,fruit
orange/oranges        orange/oranges          f citrus  food,fruit
pear/pears            poire/poires            f orchard food,fruit
lemon/lemons          citron/citrons          m citrus  food,fruit
banana/bananas        banane/bananes          f orchard food,fruit
cherry/cherries       cerise/cerises          f orchard food,fruit
cake/cakes            gâteau/gâteaux          m dish    food
egg/eggs              œuf/œufs                m dish    food
pizza/pizzas          pizza/pizzas            f dish    food,bare
bread/-               pain/-                  m meal    food,mass,bare
cheese/-              fromage/-               m meal    food,mass,bare
soup/-                soupe/-                 f meal    food,mass,bare
rice/-                riz/-                   m meal    food,mass,bare
milk/-                lait/-                  m meal    drink,mass
water/-               eau/-                   f meal    drink,mass

mat/mats              tapis/tapis             m thing   seat,goods
chair/chairs          chaise/chaises          f thing   seat,goods,fixable,fragile
table/tables          table/tables            f thing   seat,shelter,goods,fixable,fragile
bed/beds              lit/lits                m thing   seat,shelter,goods,fixable,fragile
bench/-               banc/-                  m thing   seat,shelter
sofa/sofas            canapé/canapés          m thing   seat,goods
roof/-                toit/-                  m wall    seat,fixable
wall/-                mur/-                   m wall    seat

car/cars              voiture/voitures        f vehicle vehicle,goods,washable,fixable,product
truck/trucks          camion/camions          m vehicle vehicle,goods,washable,fixable
bike/bikes            vélo/vélos              m vehicle ride,goods,washable,fixable,product
boat/boats            bateau/bateaux          m vehicle ride,goods,fixable
train/trains          train/trains            m vehicle ride
plane/planes          avion/avions            m vehicle ride,fixable

hat/hats              chapeau/chapeaux        m clothes clothes,goods,portable
dress/dresses         robe/robes              f clothes clothes,goods,portable,washable
shirt/shirts          chemise/chemises        f clothes clothes,goods,portable,washable
coat/coats            manteau/manteaux        m clothes clothes,goods,portable,washable

key/keys              clé/clés                f object  portable
book/books            livre/livres            m object  portable,goods,written
letter/letters        lettre/lettres          f letter  portable,written
ball/balls            balle/balles            f object  portable,goods
bag/bags              sac/sacs                m object  portable,goods,opening,washable
lamp/lamps            lampe/lampes            f object  goods,fixable,fragile
clock/clocks          horloge/horloges        f object  goods,fixable,product,fragile
box/boxes             boîte/boîtes            f object  portable,goods,opening,fragile
cup/cups              tasse/tasses            f object  portable,goods,washable,fragile
poem/poems            poème/poèmes            m text    written
story/stories         histoire/histoires      f text    written
flower/flowers        fleur/fleurs            f flower  portable,goods
phone/phones          téléphone/téléphones    m device  portable,goods,fixable,product,fragile
computer/computers    ordinateur/ordinateurs  m device  goods,fixable,product,fragile
door/doors            porte/portes            f thing   opening,fixable,fragile,way
window/windows        fenêtre/fenêtres        f thing   opening,washable,fragile,way
tree/trees            arbre/arbres            m tree    landmark,shelter
house/-               maison/-                f place   inside,home,landmark
garden/-              jardin/-                m place   inside,way
kitchen/-             cuisine/-               f place   inside
forest/-              forêt/-                 f place   inside
village/-             village/-               m place   inside,target,home
town/-                ville/-                 f place   home
market/-              marché/-                m place   target,landmark
school/-              école/-                 f place   inside,target,landmark
park/-                parc/-                  m place   inside,target,landmark,way
church/-              église/-                f place   inside,target,landmark
hotel/-               hôtel/-                 m place   inside,target,landmark,home
river/-               rivière/-               f water   shore
street/-              rue/-                   f road    road,inside
bridge/-              pont/-                  m road    road,landmark
"""


def _read_nouns(table):
    nouns = []
    for line in table.split("\n"):
        if not line:
            continue
        english, target, gender, kind, classes = line.split()
        singular, plural = english.split("/")
        fr_singular, fr_plural = target.split("/")
        nouns.append(Noun(singular, None if plural == "-" else plural,
                          fr_singular, None if plural == "-" else fr_plural,
                          gender, kind, frozenset(classes.split(","))))
    return nouns


NOUNS = _read_nouns(NOUN_TABLE)


def noun(english):
    """The noun with this English singular."""
    return next(n for n in NOUNS if n.singular == english)


# --- adjectives --------------------------------------------------------------


class Adjective(NamedTuple):
    """An adjective with its four French forms and its place."""

    english: str
    forms: dict            # (gender, number) -> French form
    before_noun: bool
    attributive: frozenset  # kinds and classes it may qualify: "the red car"
    predicative: frozenset  # ... it may be said of: "the car is red"

    def french(self, gender, number):
        return self.forms[gender, number]

    def fits(self, noun, predicative):
        kinds = self.predicative if predicative else self.attributive
        return noun.kind in kinds or bool(noun.classes & kinds)


ANIMATE_KINDS = "man woman child family animal"
COLOURED_KINDS = "vehicle clothes object flower thing letter"

# English; French m.sg. f.sg. m.pl. f.pl.; before/after; kinds or classes
# of noun when attributive; the same when predicative ("=": the same).
ADJECTIVE_TABLE = f"""
small;     petit petite petits petites;                before; child animal vehicle thing object tree place orchard dish device letter; child animal vehicle thing object tree place orchard device
big;       grand grande grands grandes;                before; animal vehicle thing object tree place water device wall; animal vehicle thing object tree place water wall
beautiful; beau belle beaux belles;                    before; woman animal vehicle clothes flower tree place bankside text; woman animal vehicle clothes flower tree place bankside text
old;       vieux vieille vieux vieilles;               before; man woman animal vehicle clothes object letter thing tree place device wall text road; man woman animal vehicle clothes object thing tree place device wall text road
new;       nouveau nouvelle nouveaux nouvelles;        before; vehicle clothes object thing device text;
young;     jeune jeune jeunes jeunes;                  before; man woman child animal; =
pretty;    joli jolie jolis jolies;                    before; clothes object flower place water bankside; =
good;      bon bonne bons bonnes;                      before; dish meal orchard citrus text; =
fat;       gros grosse gros grosses;                   before; animal; =
red;       rouge rouge rouges rouges;                  after; {COLOURED_KINDS}; {COLOURED_KINDS}
green;     vert verte verts vertes;                    after; vehicle clothes object thing orchard bankside; vehicle clothes object thing orchard tree bankside
black;     noir noire noirs noires;                    after; animal vehicle clothes object; =
white;     blanc blanche blancs blanches;              after; animal {COLOURED_KINDS} wall; =
blue;      bleu bleue bleus bleues;                    after; {COLOURED_KINDS}; =
grey;      gris grise gris grises;                     after; animal clothes vehicle; =
happy;     heureux heureuse heureux heureuses;         after; man woman child; {ANIMATE_KINDS}
sad;       triste triste tristes tristes;              after; man woman child text; {ANIMATE_KINDS} text
tired;     fatigué fatiguée fatigués fatiguées;        after; {ANIMATE_KINDS}; =
clever;    intelligent intelligente intelligents intelligentes; after; man woman child animal; {ANIMATE_KINDS}
rich;      riche riche riches riches;                  after; man woman; man woman family
fast;      rapide rapide rapides rapides;              after; vehicle runner; =
long;      long longue longs longues;                  before; text letter road; =
wide;      large large larges larges;                  after; road; road water
heavy;     lourd lourde lourds lourdes;                after; object thing device; =
expensive; cher chère chers chères;                    after; vehicle clothes device; vehicle clothes device orchard citrus dish meal
dirty;     sale sale sales sales;                      after; vehicle clothes thing wall; vehicle clothes thing object animal wall
ripe;      mûr mûre mûrs mûres;                        after; orchard citrus; =
broken;    cassé cassée cassés cassées;                after; fragile; =
"""

COLOURS = ("red", "green", "black", "white", "blue", "grey")

# Two adjectives of one group are never said of the same thing in one sentence.
ADJECTIVE_GROUPS = (
    ("small", "big", "fat"), ("old", "new", "young"), ("beautiful", "pretty"),
    COLOURS, ("happy", "sad"),
    ("green", "ripe"), ("good", "ripe"), ("rich", "expensive"),
)


def compatible(first, second):
    """True unless one adjective (English) repeats or contradicts the other."""
    return first != second and not any(
        first in group and second in group for group in ADJECTIVE_GROUPS)


def _read_adjectives(table):
    adjectives = []
    for line in table.split("\n"):
        if not line:
            continue
        english, forms, place, attributive, predicative = (
            field.strip() for field in line.split(";"))
        masc, fem, masc_plural, fem_plural = forms.split()
        if predicative == "=":
            predicative = attributive
        adjectives.append(Adjective(
            english,
            {("m", "s"): masc, ("f", "s"): fem,
             ("m", "p"): masc_plural, ("f", "p"): fem_plural},
            place == "before",
            frozenset(attributive.split()), frozenset(predicative.split())))
    return adjectives


ADJECTIVES = _read_adjectives(ADJECTIVE_TABLE)


def adjective(english):
    """The adjective with this English form."""
    return next(a for a in ADJECTIVES if a.english == english)
