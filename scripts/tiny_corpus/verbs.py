"""The verbs: their forms in both languages and what they combine with."""

from typing import NamedTuple


class Verb(NamedTuple):
    """English and French forms of one verb.

    `present` has je, tu, il, nous, ils; `past_participle` is masculine
    singular; `stem_future` and `stem_imperfect` take the regular endings.
    """

    base: str
    third: str
    past: str
    progressive: str
    present: tuple
    past_participle: str
    stem_future: str
    stem_imperfect: str
    auxiliary: str         # "avoir", "être", or "s'être" for a reflexive

    def imperfect(self, number):
        return self.stem_imperfect + ("ait" if number == "s" else "aient")

    def future(self, number):
        return self.stem_future + ("a" if number == "s" else "ont")

    def imperative(self):
        """The form for "tu", which drops the s of -es."""
        second = self.present[1]
        return second[:-1] if second.endswith("es") else second

    def participle(self, gender, number):
        feminine = "e" if gender == "f" else ""
        ends_in_s = self.past_participle.endswith("s") and not feminine
        plural = "s" if number == "p" and not ends_in_s else ""
        return self.past_participle + feminine + plural


# English base/third/past/-ing (_ for a space); French present je,tu,il,nous,ils;
# past participle; future stem; imperfect stem; auxiliary.
VERB_TABLE = """
see/sees/saw/seeing             vois,vois,voit,voyons,voient             vu        verr       voy       avoir
eat/eats/ate/eating             mange,manges,mange,mangeons,mangent      mangé     manger     mange     avoir
buy/buys/bought/buying          achète,achètes,achète,achetons,achètent  acheté    achèter    achet     avoir
sell/sells/sold/selling         vends,vends,vend,vendons,vendent         vendu     vendr      vend      avoir
take/takes/took/taking          prends,prends,prend,prenons,prennent     pris      prendr     pren      avoir
lose/loses/lost/losing          perds,perds,perd,perdons,perdent         perdu     perdr      perd      avoir
find/finds/found/finding        trouve,trouves,trouve,trouvons,trouvent  trouvé    trouver    trouv     avoir
choose/chooses/chose/choosing   choisis,choisis,choisit,choisissons,choisissent choisi choisir choisiss avoir
wash/washes/washed/washing      lave,laves,lave,lavons,lavent            lavé      laver      lav       avoir
hear/hears/heard/hearing        entends,entends,entend,entendons,entendent entendu entendr    entend    avoir
follow/follows/followed/following suis,suis,suit,suivons,suivent         suivi     suivr      suiv      avoir
watch/watches/watched/watching  regarde,regardes,regarde,regardons,regardent regardé regarder regard    avoir
chase/chases/chased/chasing     poursuis,poursuis,poursuit,poursuivons,poursuivent poursuivi poursuivr poursuiv avoir
help/helps/helped/helping       aide,aides,aide,aidons,aident            aidé      aider      aid       avoir
like/likes/liked/liking         aime,aimes,aime,aimons,aiment            aimé      aimer      aim       avoir
open/opens/opened/opening       ouvre,ouvres,ouvre,ouvrons,ouvrent       ouvert    ouvrir     ouvr      avoir
close/closes/closed/closing     ferme,fermes,ferme,fermons,ferment       fermé     fermer     ferm      avoir
wear/wears/wore/wearing         porte,portes,porte,portons,portent       porté     porter     port      avoir
drive/drives/drove/driving      conduis,conduis,conduit,conduisons,conduisent conduit conduir conduis   avoir
repair/repairs/repaired/repairing répare,répares,répare,réparons,réparent réparé   réparer    répar     avoir
write/writes/wrote/writing      écris,écris,écrit,écrivons,écrivent      écrit     écrir      écriv     avoir
drink/drinks/drank/drinking     bois,bois,boit,buvons,boivent            bu        boir       buv       avoir
love/loves/loved/loving         adore,adores,adore,adorons,adorent       adoré     adorer     ador      avoir
cross/crosses/crossed/crossing  traverse,traverses,traverse,traversons,traversent traversé traverser travers avoir
give/gives/gave/giving          donne,donnes,donne,donnons,donnent       donné     donner     donn      avoir
show/shows/showed/showing       montre,montres,montre,montrons,montrent  montré    montrer    montr     avoir
have/has/had/having             ai,as,a,avons,ont                        eu        aur        av        avoir
sleep/sleeps/slept/sleeping     dors,dors,dort,dormons,dorment           dormi     dormir     dorm      avoir
sing/sings/sang/singing         chante,chantes,chante,chantons,chantent  chanté    chanter    chant     avoir
dance/dances/danced/dancing     danse,danses,danse,dansons,dansent       dansé     danser     dans      avoir
work/works/worked/working       travaille,travailles,travaille,travaillons,travaillent travaillé travailler travaill avoir
play/plays/played/playing       joue,joues,joue,jouons,jouent            joué      jouer      jou       avoir
live/lives/lived/living         habite,habites,habite,habitons,habitent  habité    habiter    habit     avoir
jump/jumps/jumped/jumping       saute,sautes,saute,sautons,sautent       sauté     sauter     saut      avoir
sit/sits/sat/sitting            -,-,-,-,-                                assis     -          -         s'être
lie_down/lies_down/lay_down/lying_down           -,-,-,-,-                                couché    -          -         s'être
hide/hides/hid/hiding           -,-,-,-,-                                caché     -          -         s'être
rest/rests/rested/resting       -,-,-,-,-                                reposé    -          -         s'être
escape/escapes/escaped/escaping -,-,-,-,-                                échappé   -          -         s'être
doze_off/dozes_off/dozed_off/dozing_off          -,-,-,-,-                                endormi   -          -         s'être
fall_asleep/falls_asleep/fell_asleep/falling_asleep -,-,-,-,-                             endormi   -          -         s'être
go/goes/went/going              vais,vas,va,allons,vont                  allé      ir         all       être
fall/falls/fell/falling         tombe,tombes,tombe,tombons,tombent       tombé     tomber     tomb      être
leave/leaves/left/leaving       pars,pars,part,partons,partent           parti     partir     part      être
unveil/unveils/unveiled/unveiling -,-,dévoile,-,-                        dévoilé   dévoiler   dévoil    avoir
release/releases/released/releasing -,-,lance,-,-                        lancé     lancer     lanc      avoir
win/wins/won/winning            -,-,gagne,-,gagnent                      gagné     gagner     gagn      avoir
light/lights/lit/lighting       -,-,allume,-,allument                    allumé    allumer    allum     avoir
"""


def _read_verbs(table):
    verbs = {}
    for line in table.split("\n"):
        if not line:
            continue
        (english, present, participle, stem_future, stem_imperfect,
         auxiliary) = line.split()
        forms = english.replace("_", " ").split("/")
        verbs[forms[0]] = Verb(
            *forms, tuple(present.split(",")), participle,
            stem_future, stem_imperfect, auxiliary)
    return verbs


VERBS = _read_verbs(VERB_TABLE)

# Who does what to what: verb, classes of subject, classes of object.
PEOPLE = ("person",)
ANIMATE = ("person", "animal")

TRANSITIVE = {
    "see": (ANIMATE, ("person", "animal", "vehicle", "ride", "portable",
                      "landmark")),
    "eat": (PEOPLE, ("food",)),
    "buy": (PEOPLE, ("food", "drink", "goods")),
    "sell": (PEOPLE, ("food", "goods")),
    "take": (PEOPLE, ("portable", "food")),
    "lose": (PEOPLE, ("portable",)),
    "find": (PEOPLE, ("portable",)),
    "choose": (PEOPLE, ("goods", "food")),
    "wash": (PEOPLE, ("washable", "fruit")),
    "write": (PEOPLE, ("written",)),
    "drink": (PEOPLE, ("drink",)),
    "cross": (ANIMATE, ("road", "shore")),
    "like": (PEOPLE, ("animal", "food", "drink", "goods")),
    "love": (PEOPLE, ("animal", "food", "drink", "goods")),
    "watch": (PEOPLE, ("person", "animal", "ride")),
    "open": (PEOPLE, ("opening",)),
    "close": (PEOPLE, ("opening",)),
    "wear": (PEOPLE, ("clothes",)),
    "drive": (PEOPLE, ("vehicle",)),
    "repair": (PEOPLE, ("fixable",)),
}

# Verbs of the family `order`: both sides may be swapped.
BETWEEN_ANIMATES = ("see", "follow", "hear", "watch", "chase", "like", "love",
                    "help")

INTRANSITIVE = {
    "sleep": ANIMATE,
    "sing": PEOPLE,
    "dance": PEOPLE,
    "work": PEOPLE,
    "play": ("person", "playful"),
}
