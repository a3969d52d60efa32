#!/usr/bin/env python3
"""Check what ./inspect shows of the model that configs/tiny.ini trains.

The arithmetic is computed again, in double, from the numbers that ./inspect
writes, and must agree to 1e-5: embedding and position, the projections to
query, key and value, the probabilities and their sums, the weighted sums, the
output projection.  The script also checks, on the held-out sentences of the
shipped corpus:

  - "apple" ends on the side of the fruits where it is a fruit, and on that of the
    companies where it is one, in 8 of 10 sentences; all words with two meanings
    end on the side of theirs in 85 of 100;
  - who pulls a word, and how far, adds up to how far it moves;
  - logits differ as the logarithms of the probabilities;
  - of the 8 nearest neighbours of a word's embedding, twelve times as many are of the
    same kind as by chance.  (Not all: rows begin as random numbers, and in this small
    corpus, words of different kinds occur in the same places.)
  - one head of the last layer's cross-attention, or the mean of its heads,
    aligns 95% of the nouns of the family two-meanings.

If there is no model, it says so and succeeds.
"""

import argparse
import base64
import json
import math
import os
import pathlib
import re
import struct
import subprocess

from check_alignment import gold_links
from tiny_corpus.lexicon import ADJECTIVES, COLOURS, NOUNS

ROOT = pathlib.Path(__file__).resolve().parent.parent
DATA = ROOT / "data" / "tiny"
BIN = pathlib.Path(os.environ.get("NMT_BIN", ROOT)).resolve()


def inspect(model, sentence, *options):
    run = subprocess.run([BIN / "inspect", "-m", model, "--json", *options, "--",
                          sentence], check=True, encoding="utf-8",
                         stdout=subprocess.PIPE)
    return json.loads(run.stdout)


def matrix(array):
    """Rows (or numbers, or matrices) of a JSON array."""
    shape = array["shape"]
    count = math.prod(shape)
    flat = struct.unpack(f"<{count}f", base64.b64decode(array["f32"]))
    rows = [list(flat[i:i + shape[-1]]) for i in range(0, count, shape[-1])]
    if len(shape) == 1:
        return rows[0]
    if len(shape) == 2:
        return rows
    return [rows[i:i + shape[1]] for i in range(0, len(rows), shape[1])]


def dot(a, b):
    return math.fsum(x * y for x, y in zip(a, b))


def affine(rows, weight, bias):
    return [[dot(row, w) + b for w, b in zip(weight, bias)] for row in rows]


def softmax(row):
    top = max(row)
    weights = [math.exp(x - top) for x in row]
    return [w / math.fsum(weights) for w in weights]


def distance(a, b):
    """The largest difference between two matrices."""
    assert len(a) == len(b) and len(a[0]) == len(b[0])
    return max(abs(x - y) for p, q in zip(a, b) for x, y in zip(p, q))


def columns(rows, head, width):
    return [row[head * width:(head + 1) * width] for row in rows]


def attend(q, k, causal, width):
    """softmax(q k^T / sqrt(K)), row by row."""
    out = []
    for i, row in enumerate(q):
        seen = k[:i + 1] if causal else k
        scores = [dot(row, key) / math.sqrt(width) for key in seen]
        out.append(softmax(scores) + [0.0] * (len(k) - len(seen)))
    return out


def check_arithmetic(data, worst):
    """Notes the largest error of each formula in `worst`."""
    def note(name, error):
        worst[name] = max(worst.get(name, 0), error)

    model, a = data["model"], data["arithmetic"]
    width, heads = model["head_width"], model["heads"]
    block = data["attention"][a["block"]]
    x = matrix(a["x"])
    memory = matrix(a["memory"]) if a["memory"] else x
    for name, rows in (("q", x), ("k", memory), ("v", memory)):
        mine = affine(rows, matrix(a["w" + name]), matrix(a["b" + name]))
        theirs = columns(matrix(block[name]), a["head"], width)
        note(f"{name} = W{name} x + b{name}", distance(mine, theirs))
    for one in data["attention"]:
        probabilities = matrix(one["p"])
        note("rows of p sum to 1", max(abs(math.fsum(row) - 1)
                                       for p in probabilities for row in p))
        if not one["q"]:
            continue
        q, k, v = (matrix(one[name]) for name in "qkv")
        for head in range(heads):
            mine = attend(columns(q, head, width), columns(k, head, width),
                          one["kind"] == "decoder", width)
            note("p = softmax(q k^T / sqrt(K))",
                 distance(mine, probabilities[head]))
            if one is not block:
                continue
            values = list(zip(*columns(v, head, width)))
            sums = [[dot(row, column) for column in values] for row in mine]
            note("joined = p v",
                 distance(sums, columns(matrix(a["joined"]), head, width)))
    if a["wo"]:
        mine = affine(matrix(a["joined"]), matrix(a["wo"]), matrix(a["bo"]))
        note("projected = Wo joined + bo", distance(mine, matrix(a["projected"])))
    # What a stack's first layer reads: embedding and position, normalised if the model is pre-norm.
    e = data["embedding"]
    for side in ("source", "target"):
        rows = matrix(e[side])
        positions = matrix(e[side + "_positions"] or e["source_positions"])
        inputs = [[e["scale"] * r + p for r, p in zip(row, position)]
                  for row, position in zip(rows, positions)]
        if a["block"] != {"source": 0, "target": model["encoder_layers"]}[side]:
            continue
        if a["norm_weight"]:
            inputs = [norm(row, matrix(a["norm_weight"]), matrix(a["norm_bias"]))
                      for row in inputs]
        note("x = norm(scale embedding + position)", distance(inputs, x))


def norm(row, weight, bias):
    mean = math.fsum(row) / len(row)
    variance = math.fsum((r - mean) ** 2 for r in row) / len(row)
    return [(r - mean) / math.sqrt(variance + 1e-5) * w + b
            for r, w, b in zip(row, weight, bias)]


def held_out(names=("valid", "test"), wanted="two-meanings"):
    """(English, French, links or None) of a family."""
    for name in names:
        families = (DATA / f"{name}.families").read_text().split()
        align = DATA / f"{name}.align"
        links = align.read_text().splitlines() if align.exists() else [None] * len(families)
        text = (DATA / f"{name}.tsv").read_text(encoding="utf-8").splitlines()
        for family, line, link in zip(families, text, links):
            if family == wanted:
                yield (*line.split("\t")[:2], link)


# Words with two meanings: what the French sentence has, and the group that means.
MEANINGS = {
    "apple": {"pomme": "fruits", "pommes": "fruits", "apple": "companies"},
    "bank": {"banque": "money", "rive": "river"},
    "bat": {"chauve": "animals", "batte": "things"},
    "spring": {"printemps": "seasons", "ressort": "coils"},
    "nails": {"ongles": "fingers", "clous": "iron"},
    "match": {"allumette": "fire", "match": "games"},
    "trunk": {"tronc": "trees", "coffre": "cars"},
}


def check_context(model):
    """For each word: in how many sentences it ends on the side of its meaning, and in how many it is; and the wrong ones."""
    counts, wrong = {word: [0, 0] for word in MEANINGS}, []
    for english, french, _ in held_out():
        for word, groups in MEANINGS.items():
            meant = {groups[token] for token in re.split(r"[ ',-]", french) if token in groups}
            if word not in english.split() or len(meant) != 1:
                continue
            found = inspect(model, english, "--word", word)["context"]["nearest"][0]
            counts[word][0] += found["group"] in meant
            counts[word][1] += 1
            if found["group"] not in meant:
                wrong.append(f"{english}: {min(meant)}, found {found['group']}, {found['end']:.2f}")
    return counts, wrong


def check_pulls(data, worst):
    """The parts of each step add up to it, and the steps to the path; moves of heads to their total."""
    pulls, path = data["pulls"], data["context"]["paths"][0]["xy"]
    for layer in pulls["layers"]:
        step = layer["position_after"] - layer["position_before"]
        parts = layer["place"] + layer["alone"] + math.fsum(layer["total"])
        heads = [math.fsum(column) for column in zip(*(h["moves"] for h in layer["heads"]))]
        ends = (layer["position_before"] - path[layer["layer"]][0], layer["position_after"] - path[layer["layer"] + 1][0])
        error = max(abs(step - parts), *(abs(a - b) for a, b in zip(heads, layer["total"])), *map(abs, ends))
        name = "the pulls add up to the path (5 digits)"
        worst[name] = max(worst.get(name, 0), error / 10)  # numbers that are drawn have 5 digits


def check_galaxy(data, worst):
    """The first two groups' words are, on average, at -1 and 1 across."""
    for group in (0, 1):
        xs = [w["xy"][0] for w in data["galaxy"]["words"] if w["group"] == group]
        name = "the galaxy's groups are at -1 and 1 (5 digits)"
        worst[name] = max(worst.get(name, 0), abs(math.fsum(xs) / len(xs) - (1 if group else -1)) / 10)


def check_logits(data, worst):
    for step in data["steps"]:
        first = step["candidates"][0]
        for other in step["candidates"][1:]:
            if other["p"] > 1e-7:
                error = abs(math.log(first["p"] / other["p"]) - (first["logit"] - other["logit"]))
                name = "logits differ as log p does"
                worst[name] = max(worst.get(name, 0), error / max(1, abs(first["logit"])))


def check_pronouns(model):
    """How much of its attention "it" gives the noun it stands for, in each head of the encoder: of the sentences "the NOUN
    is ... it ..." with one other noun at most."""
    share, count = {}, 0
    for english, _, _ in held_out(("valid", "test"), "it"):
        words = english.split()
        if words[0] != "the" or words[2:3] != ["is"] or words.count("it") != 1:
            continue
        data = inspect(model, english, "--beam", "1")
        tokens = [t["word"] for t in data["source"]["tokens"]]
        row, count = tokens.index(words.index("it")), count + 1
        for block in data["attention"]:
            for head, p in enumerate(matrix(block["p"]) if block["kind"] == "encoder" else ()):
                key = f"layer {block['layer']}, head {head}"
                share[key] = share.get(key, 0) + math.fsum(x for x, w in zip(p[row], tokens) if w == 1)
    return {key: total / count for key, total in share.items()}, count


def kinds():
    """Kinds of each word form, English and French."""
    found = {}
    for noun in NOUNS:
        for form in (noun.singular, noun.plural, noun.fr_singular, noun.fr_plural):
            if form:
                found.setdefault(form, set()).update(
                    kind for kind in ("animal", "fruit", "person", "relative")
                    if kind in noun.classes)
    for adjective in ADJECTIVES:
        if adjective.english in COLOURS:
            for form in (adjective.english, *adjective.forms.values()):
                found.setdefault(form, set()).add("colour")
    for company in ("apple", "orange", "acme", "nova", "zenith"):
        found.setdefault(company, set()).add("company")
    return found


PROBES = ("cat", "dog", "horse", "wolf", "rabbit", "red", "black", "white", "blue", "nova")


def check_neighbours(model):
    """How many of the 8 nearest tokens of each probe word are of its kind, and how many would be by chance."""
    found, good, chance, said = kinds(), 0, 0, []
    for word in PROBES:
        data = inspect(model, word)
        near = next(n for n in data["neighbours"] if n["side"] == "source" and n["text"] == f" {word}")["near"]
        words = [n["text"].strip() for n in near]
        same = sum(bool(found.get(w, set()) & found[word]) for w in words)
        alike = sum(bool(kind & found[word]) for kind in found.values())
        good, chance = good + same, chance + len(near) * alike / data["model"]["vocab"]
        said.append(f"{word}: {', '.join(words)} ({same} of {len(near)})")
    return good, chance, said


def check_alignment(model):
    """How many nouns are aligned right by each head of the last layer, and by their mean."""
    right, seen, exact = {}, 0, 0
    for english, french, links in held_out(("test",)):
        data = inspect(model, english, "--beam", "1")
        if data["target"]["text"] != french:
            continue
        exact += 1
        last = matrix(data["attention"][-1]["p"])
        views = {f"head {h}": p for h, p in enumerate(last)}
        views["mean"] = [[sum(column) / len(last) for column in zip(*rows)]
                         for rows in zip(*last)]
        source = [t["word"] for t in data["source"]["tokens"]]
        # Row i produces the token that is the input of row i + 1.
        target = [t["word"] for t in data["target"]["tokens"][1:]] + [-1]
        nouns = [(i, j) for i, j, noun in gold_links(english, french, links) if noun]
        seen += len(nouns)
        for name, p in views.items():
            for i, j in nouns:
                shares = {}
                for word, row in zip(target, p):
                    for key, share in zip(source, row) if word == j else ():
                        if key >= 0:
                            shares[key] = shares.get(key, 0) + share
                best = max(shares, key=shares.get)
                right[name] = right.get(name, 0) + (best == i)
    return right, seen, exact


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("model", nargs="?", default=ROOT / "runs/tiny/model.gguf",
                        help="default: runs/tiny/model.gguf")
    model = parser.parse_args().model
    if not pathlib.Path(model).exists():
        print(f"check-inspect: skipped: no {model}; make && ./train configs/tiny.ini makes it")
        return 0
    failed = []

    def judge(ok, text):
        print(("ok      " if ok else "FAILED  ") + text)
        if not ok:
            failed.append(text)

    worst, sentence = {}, "please buy an apple and an orange"
    layers = inspect(model, sentence)["model"]
    for kind in ("encoder", "decoder", "cross"):
        for layer in range(layers["encoder_layers" if kind == "encoder" else "decoder_layers"]):
            for head in range(layers["heads"]):
                check_arithmetic(inspect(model, sentence, "--kind", kind, "--layer", str(layer),
                                         "--head", str(head)), worst)
    for one in (sentence, "apple unveiled the new phone", "the cow slept on the bank of the river"):
        data = inspect(model, one)
        check_pulls(data, worst)
        check_logits(data, worst)
        check_galaxy(data, worst)
    for name, error in worst.items():
        judge(error < 1e-5, f"{name}: {error:.1e}")

    # By chance, half would be right. With three seeds and the kernels of AVX2 and AVX-512, 20 to 23 of the 26 were, and
    # 75 to 79 of all 89. The limits are below that, because a model of another CPU is as good as one of another seed.
    counts, wrong = check_context(model)
    right, seen = counts["apple"]
    judge(right >= 0.7 * seen > 0, f"meaning of apple: {right} of {seen} held-out sentences")
    right, seen = (sum(c[k] for c in counts.values()) for k in (0, 1))
    judge(right >= 0.8 * seen, f"meaning of all words with two: {right} of {seen}; "
          + ", ".join(f"{word} {c[0]} of {c[1]}" for word, c in counts.items()))
    for line in wrong:
        print("            " + line)
    share, count = check_pronouns(model)
    best = max(share, key=share.get)
    print(f"        of its attention, \"it\" gives {100 * share[best]:.0f}% to its noun in encoder {best}, on average of "
          f"{count} sentences; in the mean head {100 * math.fsum(share.values()) / len(share):.0f}%")
    good, chance, said = check_neighbours(model)
    judge(good >= 12 * chance, f"neighbours of the same kind: {good} of {8 * len(PROBES)}, by chance {chance:.1f}")
    for line in said:
        print("            " + line)
    aligned, seen, exact = check_alignment(model)
    best = max(aligned, key=aligned.get)
    judge(aligned[best] >= 0.95 * seen and seen > 0,
          f"nouns aligned by {best}: {aligned[best]} of {seen}, in the {exact} sentences "
          "translated exactly right")
    for name, count in sorted(aligned.items()):
        print(f"            {name}: {100 * count / seen:.1f}%")
    return bool(failed)


if __name__ == "__main__":
    raise SystemExit(main())
