#!/usr/bin/env python3
"""Trains on a large generated corpus, and prints the time to the first step and the memory used.

usage: python3 scripts/check_large.py [--pairs N] [--folder DIR]     (after make; default: 5,000,000 pairs, a temporary
                                                                      folder that is removed afterwards)

The sentences are random words of data/tiny, the same in every run. Fails if the first step takes more than 180 seconds,
or if more than 1 GB is resident at any time.
"""
import argparse, json, os, random, resource, shutil, subprocess, sys, tempfile, time

HOME = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")


def generate(path, pairs):
    sides = [set(), set()]
    with open(os.path.join(HOME, "data/tiny/train.tsv"), encoding="utf-8") as corpus:
        for line in corpus:
            for words, text in zip(sides, line.rstrip("\n").split("\t")):
                words.update(text.split())
    source, target = (sorted(words) for words in sides)
    draw = random.Random(1)
    with open(path, "w", encoding="utf-8") as out:
        for _ in range(pairs):
            length = draw.randint(1, 7)
            out.write(" ".join(draw.choices(source, k=length)) + "\t" + " ".join(draw.choices(target, k=length)) + "\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--pairs", type=int, default=5_000_000)
    parser.add_argument("--folder")
    options = parser.parse_args()
    folder = options.folder or tempfile.mkdtemp(prefix="nmt-large-")
    os.makedirs(folder, exist_ok=True)
    text, run = os.path.join(folder, f"{options.pairs}.tsv"), os.path.join(folder, f"run{options.pairs}")
    if not os.path.exists(text):
        generate(text, options.pairs)
    shutil.rmtree(run, ignore_errors=True)
    command = [os.path.join(os.environ.get("NMT_BIN", HOME), "train"), os.path.join(HOME, "configs/tiny.ini"), f"data.train={text}",
               f"data.valid={HOME}/data/tiny/valid.tsv", f"run.dir={run}", "train.log_every=1", "train.max_steps=40",
               "valid.translate=0", "valid.metric=loss"]
    began, first = time.time(), None
    process = subprocess.Popen(command)
    while process.poll() is None:
        time.sleep(0.05)
        log = os.path.join(run, "log.jsonl")
        if first is None and os.path.exists(log) and os.path.getsize(log) > 0:
            first = time.time() - began
    if process.returncode != 0 or first is None:
        sys.exit(f"check_large: train ended with exit code {process.returncode}")
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    with open(os.path.join(run, "log.jsonl"), encoding="utf-8") as log:
        steps = sum(json.loads(line)["kind"] == "train" for line in log)
    print(f"{options.pairs:,} pairs, {os.path.getsize(text) / 1e6:.0f} MB of text, "
          f"{os.path.getsize(os.path.join(run, 'train.cache')) / 1e6:.0f} MB of cache: "
          f"first step after {first:.1f} s, {steps} steps, at most {memory:.0f} MB resident")
    if not options.folder:
        shutil.rmtree(folder)
    if first > 180 or memory > 1024:
        sys.exit("check_large: expected the first step within 180 s and at most 1024 MB")


main()
