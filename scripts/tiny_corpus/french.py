"""French spelling where two words meet: elision, contraction, variants.

Words come in as in the dictionary ("le arbre", "de le jardin") and leave as
they are written ("l'" "arbre", "du" "jardin").
"""

VOWELS = "aâàeéèêëiîïoôœuûùhy"

# Words whose initial h forbids elision ("le hibou", never "l'hibou").
H_ASPIRE = {"hibou", "hiboux"}

ELIDED = {
    "le": "l'", "la": "l'", "de": "d'", "je": "j'", "ne": "n'",
    "que": "qu'", "se": "s'", "te": "t'",
}

# Forms that change before a vowel without losing it.
LIAISON_FORMS = {
    "ce": "cet", "ma": "mon", "ta": "ton", "sa": "son",
    "beau": "bel", "nouveau": "nouvel", "vieux": "vieil",
}

CONTRACTED = {
    ("de", "le"): "du", ("de", "les"): "des",
    ("à", "le"): "au", ("à", "les"): "aux",
}


def begins_with_vowel(word):
    """True if `word` begins with a vowel sound (an h muet counts as one)."""
    return word[0] in VOWELS and word not in H_ASPIRE


def before_vowel(word):
    """The form of an adjective or determiner before a vowel sound."""
    return LIAISON_FORMS.get(word, word)


def elide(words):
    """Apply elision and the possessive/demonstrative variants."""
    result = list(words)
    for i in range(len(result) - 1):
        text, following = result[i].text, result[i + 1].text
        if not begins_with_vowel(following):
            continue
        if text in ELIDED:
            result[i] = result[i].spelt(ELIDED[text])
        elif text in ("ce", "ma", "ta", "sa"):
            result[i] = result[i].spelt(LIAISON_FORMS[text])
    return result


def contract(words):
    """Merge de/à with a following le/les; the merged word keeps both tags.

    Only whole articles contract, so elision must be applied first:
    "de" "l'" "arbre" stays as it is.
    """
    result = []
    for word in words:
        pair = (result[-1].text, word.text) if result else None
        if pair in CONTRACTED:
            result[-1] = result[-1].merged(CONTRACTED[pair], word)
        else:
            result.append(word)
    return result


def written(words):
    """The words of a French sentence as they are spelt next to each other."""
    return contract(elide(words))


def joined(texts):
    """One line of text: elided words and commas are joined to their neighbour."""
    return " ".join(texts).replace("' ", "'").replace(" ,", ",")
