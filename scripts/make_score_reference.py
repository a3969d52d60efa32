#!/usr/bin/env python3
"""Makes tests/score_reference.h: sacreBLEU's scores for small sets of sentences that are easy to score differently.

    python3 scripts/make_score_reference.py > tests/score_reference.h

Needs sacreBLEU (written with 2.6.0); building and testing the project does not, because the result is stored.
"""

import logging

import sacrebleu
from sacrebleu.metrics import BLEU, CHRF

logging.getLogger("sacrebleu").setLevel(logging.ERROR)

# name, then for each sentence the hypothesis and its references. "\udcXX" is the byte XX, which is not UTF-8.
CASES = [
    ("plain", [
        ("Le chat noir dort sur le vieux tapis.", ["Le chat noir dort sur le tapis rouge."]),
        ("Il n'est pas venu hier soir.", ["Il n'est pas venu hier soir."]),
        ("La maison que nous avons vue est grande", ["La maison que nous avons achetée est très grande."]),
    ]),
    ("several references", [
        ("le chat le chat est assis", ["le chat est assis", "le chat, le chat est là", "un chat s'est assis"]),
        ("il fait très froid", ["il fait froid", "il gèle", "qu'il fait froid aujourd'hui !"]),
        ("je m'en vais", ["je pars", "je m'en vais", "je vais m'en aller"]),
    ]),
    ("varying numbers of references", [
        ("merci beaucoup pour tout", ["merci pour tout", "merci beaucoup"]),
        ("d'accord je viens", ["d'accord, je viens avec vous"]),
        ("où est-elle allée ?", ["où est-elle ?", "où est-elle partie ?", "elle est allée où ?", "où va-t-elle ?"]),
    ]),
    ("empty lines", [
        ("", ["il pleut depuis ce matin"]),
        ("il pleut depuis ce matin", [""]),
        ("", [""]),
        ("   ", ["  "]),
        ("la pluie tombe sur la ville", ["", "la pluie tombe sur la ville"]),
        ("la pluie tombe sur la ville", ["la pluie tombe sur le village"]),
    ]),
    ("nothing but empty lines", [("", [""]), ("", ["un mot"])]),
    ("white space", [
        ("Qui\u00a0? Moi\u202f!\u3000Oui\u2003\u00ab\u00a0toi\u00a0\u00bb.",
         ["Qui ? Moi ! Oui \u00ab toi \u00bb."]),
        ("un\u0085deux\u2028trois\x1cquatre\x1fcinq\u200bsix\ufeffsept\u180ehuit",
         ["un deux trois quatre cinq six sept huit"]),
        ("  bord gauche et bord droit \u00a0 \r", ["bord gauche et bord droit"]),
        ("1\u202f000\u00a0euros, 5\u00a0%.", ["1 000 euros, 5 %."]),
        ("tab\tulation\x0bet\x0csaut", ["tab ulation et saut"]),
    ]),
    ("no spaces between words", [
        ("\u732b\u304c\u5bdd\u3066\u3044\u308b\u3002", ["\u732b\u304c\u5bdd\u3066\u3044\u307e\u3059\u3002"]),
        ("\u6211\u559c\u6b22\u732b\u3000\u548c\u72d7", ["\u6211\u559c\u6b22\u72d7\u3000\u548c\u732b"]),
    ]),
    ("emoji", [
        ("super \U0001f600\U0001f600 !", ["super \U0001f600 !"]),
        ("\U0001f468\u200d\U0001f469\u200d\U0001f467 famille\u2764\ufe0f", ["\U0001f468\u200d\U0001f469 famille \u2764"]),
    ]),
    ("no match", [("rien de commun", ["tout autre chose"]), ("abc", ["xyz uvw"])]),
    ("only short matches", [
        ("le grand chien dort dehors", ["dehors un chien très grand aboie"]),
        ("a b c d e f", ["b a d c f e"]),
    ]),
    ("no sentence of four words", [("un deux trois", ["un deux trois"]), ("oui", ["oui"])]),
    ("very short", [("oui", ["oui"]), ("non", ["oui"]), ("un deux", ["un deux trois"]), (".", ["."]), ("a", ["a b"]),
                    ("un deux trois quatre", ["un deux trois quatre"])]),
    ("brevity ties", [
        ("a b c d e", ["a b c d", "a b c d e f"]),
        ("a b c d e", ["a b c d e f", "a b c d"]),
        ("a b c d e", ["a b c d e f g", "a b c"]),
        ("a b c d e f", ["a b c d e f g h i", "a b c d e f g h i j", "a b c d e f g"]),
    ]),
    ("references that score alike", [
        ("abc", ["xyz", "uvwxyz"]),
        ("le chat est assis", ["le chat est assis", "le chat est assis"]),
    ]),
    ("entities", [
        ("Tom &amp; Jerry disent &quot;bonjour&quot;", ["Tom & Jerry disent \"bonjour\""]),
        ("&amp;lt;b&amp;gt; &amp;quot; &amp;amp; &lt;i&gt;", ["&lt;b&gt; &quot; &amp; <i>"]),
        ("l&apos;eau &#39; &nbsp; & co &amp", ["l'eau ' & co &"]),
        ("il <skipped> est l\u00e0 <skip<skipped>ped> &am<skipped>p;", ["il est l\u00e0 <skipped> &"]),
    ]),
    ("numbers", [
        ("1,000.5 et 3.14, soit 10-15 % de 2.", ["1,000.5 et 3,14 soit 10-15% de 2."]),
        (".5 5. 5.a a.5 5,,5 5..5 5.-5 5-.5 -5 --5 5-- a-5 5-a", [".5 5 . 5 .a a. 5 5,, 5 5..5 5.- 5 - .5 -5 5-a"]),
        ("... ,,, .,., 1.,2 1,.2 a,b.c ,a .b", ["... ,,, ., ., 1., 2 1 ,.2 a , b . c ,a .b"]),
        ("le 14-07-1789, \u00e0 12h30...", ["le 14 - 07 - 1789 , \u00e0 12h30 ..."]),
        ("\u0663\u0664. \u00b2\u00bd-\u00bd \u0661,\u0662", ["\u0663\u0664 . \u00b2\u00bd - \u00bd \u0661 , \u0662"]),
    ]),
    ("punctuation", [
        ("!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~", ["! \" # $ % & ' ( ) * + , - . / : ; < = > ? @ [ \\ ] ^ _ ` { | } ~"]),
        ("".join(f"a{c}" for c in "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~") + "b",
         [" ".join(f"a {c}" for c in "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~") + " b"]),
        ("(bonjour) \u00ab oui \u00bb\u2026 l\u2019ami \u2014 d'accord??", ["( bonjour ) oui l'ami, d'accord ?"]),
        ("'mot' mot' 'mot (a) ((a)) -a- a. .a ..", ["mot 'mot' (a) a a- -a . .."]),
    ]),
    ("letters' case", [
        ("LE CHAT \u00c9TAIT \u00c0 L'\u0152UVRE", ["le chat \u00e9tait \u00e0 l'\u0153uvre"]),
        ("\u041f\u0440\u0438\u0432\u0435\u0442 \u041c\u0418\u0420 STRA\u1e9eE \u0391\u0392\u0393",
         ["\u043f\u0440\u0438\u0432\u0435\u0442 \u043c\u0438\u0440 stra\u00dfe \u03b1\u03b2\u03b3"]),
    ]),
    ("not UTF-8", [
        ("caf\udce9 cr\udcc3 \udcff\udcfe mot", ["caf\u00e9 cr\udcc3 \udcff\udcfe mot"]),
        ("a\udca0b \udced\udca0\udc80 \udce2\udc82 \udcf0\udc9f\udc98x", ["a b \udced\udca0\udc80 \udce2 \udcf0\udc9f\udc98"]),
    ]),
]


def string(text):
    out = ""
    for c in text:
        visible = c == " " or (c.isprintable() and not c.isspace())
        out += (c if visible and c not in "\"\\?" else
                "".join(f"\\{byte:03o}" for byte in c.encode("utf-8", "surrogateescape")))
    return f'"{out}"'


def numbers(values):
    return "{" + ", ".join(f"{value:.10f}" for value in values) + "}"


def main():
    metrics = [BLEU(), BLEU(tokenize="none"), BLEU(lowercase=True), CHRF(), CHRF(word_order=2), CHRF(lowercase=True)]
    sentence = [BLEU(effective_order=True), CHRF(), CHRF(word_order=2)]
    print(f"/* Made by scripts/make_score_reference.py with sacreBLEU {sacrebleu.__version__}; not written by hand. */")
    print("/* clang-format off */")
    print("static const ScoreLine score_lines[] = {")
    for _, lines in CASES:
        for hypothesis, references in lines:
            each = [metric.sentence_score(hypothesis, references).score for metric in sentence]
            print(f"{{{string(hypothesis)}, {{{', '.join(map(string, references))}}}, {len(references)},\n"
                  f" {numbers(each)}}},")
    print("};\n\nstatic const ScoreCase score_cases[] = {")
    first = 0
    for name, lines in CASES:
        hypotheses = [line[0] for line in lines]
        most = max(len(line[1]) for line in lines)
        references = [[line[1][i] if i < len(line[1]) else None for line in lines] for i in range(most)]
        scores = [metric.corpus_score(hypotheses, references) for metric in metrics]
        print(f'{{"{name}", {first}, {len(lines)}, {numbers(score.score for score in scores)},\n'
              f" {{{scores[0].sys_len}, {scores[0].ref_len}}}, {scores[0].bp:.10f}, {numbers(scores[0].precisions)},\n"
              f' "{str(metrics[0].get_signature()).rsplit("|", 1)[0]}"}},')
        first += len(lines)
    print("};")


main()
