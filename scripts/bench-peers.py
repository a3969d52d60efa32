#!/usr/bin/env python3
"""Times the training steps of tests/bench.c in PyTorch (nn.Transformer), in turns with our own, and prints the ratios.

A step is forward, smoothed loss, backward, clipping and Adam, on one batch. `bench batch` gives the lengths of its
sentences. Our program packs sentences without padding; PyTorch pads them, so it is timed twice:

  random  the sentences as they come, padded to the longest: what a plain data loader gives
  sorted  the same number of sentences, all of the mean length, so nothing is padded: the best case for PyTorch

Every figure is target tokens per second, with end tokens and without padding. Every run is a process of its own.
PyTorch gets the fastest environment of those that were tried (see `tuning`), which can double its speed; --untuned
switches it off. If PyTorch is not installed, the script says so and exits with 0."""

import argparse
import itertools
import json
import os
import platform
import re
import statistics
import subprocess
import sys
import time
import warnings

PADDING = 0
KEYS = ("vocab", "width", "heads", "feedforward", "encoder_layers", "decoder_layers", "dropout", "smoothing")


def read_text(path):
    """The text of a file in /proc; empty if there is none."""
    try:
        with open(path) as file:
            return file.read()
    except OSError:
        return ""


# ---- the worker: a process that imports PyTorch, reads its job from standard input and prints one line of JSON ----


def describe(torch):
    """The version, and the libraries loaded for products: a distribution may replace the BLAS of the build."""
    a = torch.ones(256, 256)
    a @ a
    built = re.search(r"BLAS_INFO=(\w+)", torch.__config__.show())
    loaded = re.findall(r"/(lib(?:openblas|mkl|blis|atlas|armpl)[^/\s]*)$", read_text("/proc/self/maps"), re.M)
    return {"version": torch.__version__, "blas": built.group(1) if built else "unknown", "loaded": sorted(set(loaded))}


def make_model(torch, hyper):
    """The model of src/model/ made of PyTorch's own parts: norms before the branches and at the end of each stack, one
    matrix for both embeddings and the output layer, dropout only on embeddings and residual branches."""
    nn = torch.nn
    width, dropout = hyper["width"], hyper["dropout"]

    class Model(nn.Module):
        def __init__(self):
            super().__init__()
            self.embedding = nn.Embedding(hyper["vocab"], width)
            nn.init.normal_(self.embedding.weight, std=width**-0.5)
            self.dropout = nn.Dropout(dropout)
            self.transformer = nn.Transformer(
                width, hyper["heads"], hyper["encoder_layers"], hyper["decoder_layers"], hyper["feedforward"],
                dropout, activation="relu", batch_first=True, norm_first=True)
            for part in self.transformer.modules():
                if isinstance(part, nn.MultiheadAttention):
                    part.dropout = 0.0  # of attention weights
                if isinstance(part, (nn.TransformerEncoderLayer, nn.TransformerDecoderLayer)):
                    part.dropout.p = 0.0  # inside the feed-forward block; the residual ones are dropout1 to dropout3
            angle = torch.outer(torch.arange(128), 10000.0 ** (-torch.arange(0, width, 2) / width))
            self.register_buffer("positions", torch.stack((angle.sin(), angle.cos()), 2).flatten(1))

        def embed(self, tokens):
            return self.dropout(self.embedding(tokens) * width**0.5 + self.positions[: tokens.shape[1]])

        def forward(self, source, target):
            future = torch.ones(target.shape[1], target.shape[1], dtype=torch.bool).triu(1)
            padded = source == PADDING
            hidden = self.transformer(
                self.embed(source), self.embed(target), tgt_mask=future, src_key_padding_mask=padded,
                tgt_key_padding_mask=target == PADDING, memory_key_padding_mask=padded)
            return nn.functional.linear(hidden, self.embedding.weight)

    return Model()


def time_steps(torch, job):
    """Runs one warm-up step, then at least two steps, for about job["seconds"]. Returns how long each took."""
    hyper = job["hyper"]
    torch.manual_seed(1)
    torch.set_num_threads(job["threads"])
    model = make_model(torch, hyper).train()
    adam = torch.optim.Adam(model.parameters(), lr=1e-4, betas=(0.9, 0.98), eps=1e-9)

    def batch(lengths):
        rows = [torch.randint(PADDING + 1, hyper["vocab"], (n,)) for n in lengths]
        return torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=PADDING)

    source, target_in, target_out = batch(job["source"]), batch(job["target"]), batch(job["target"])

    def step():
        adam.zero_grad(set_to_none=True)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=job["precision"] == "bfloat16"):
            logits = model(source, target_in)
        loss = torch.nn.functional.cross_entropy(logits.float().flatten(0, 1), target_out.flatten(),
                                                 ignore_index=PADDING, label_smoothing=hyper["smoothing"])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()

    step()
    steps, began = [], time.perf_counter()
    while len(steps) < 2 or time.perf_counter() - began < job["seconds"]:
        start = time.perf_counter()
        step()
        steps.append(time.perf_counter() - start)
    return steps


def worker():
    warnings.filterwarnings("ignore")  # newer versions warn that nested tensors are not used with norms first
    try:
        import torch
    except Exception as problem:  # whatever a broken installation raises
        return print(json.dumps({"missing": f"PyTorch cannot be imported by {sys.executable}: {problem}"}))
    job = json.load(sys.stdin)
    print(json.dumps(time_steps(torch, job) if job else describe(torch)))


# ---- the parent: runs our benchmark and the workers in turns ----


def tuning(loaded):
    """Debian's OpenBLAS has threads of its own next to PyTorch's. Threads that spin while they wait take cores from
    the others. And glibc's malloc returns large blocks at once, so every large tensor's pages are cleared again."""
    settings = {"MALLOC_MMAP_THRESHOLD_": str(1 << 32), "MALLOC_TRIM_THRESHOLD_": str(1 << 33)}
    if any(library.startswith("libopenblasp") for library in loaded):
        settings["OMP_WAIT_POLICY"] = "passive"
    return settings


def run_worker(job, threads, settings):
    """The worker's answer, or None. The thread pools of the libraries get the same number of threads."""
    environment = dict(os.environ, **settings)
    environment.update((name + "_NUM_THREADS", str(threads)) for name in ("OMP", "OPENBLAS", "MKL"))
    done = subprocess.run([sys.executable, os.path.abspath(__file__), "--worker"], input=json.dumps(job),
                          env=environment, capture_output=True, text=True)
    if done.returncode != 0:
        print(f"PyTorch failed (exit {done.returncode}): {done.stderr.strip()[-200:]}", file=sys.stderr)
    return json.loads(done.stdout) if done.returncode == 0 else None


def run_bench(path, *arguments):
    """What our benchmark prints, or None if it fails."""
    done = subprocess.run([path, *map(str, arguments)], capture_output=True, text=True)
    return done.stdout if done.returncode == 0 else None


def read_batch(path, size):
    """The hyper-parameters and the sentences' lengths that `bench batch` prints."""
    text = run_bench(path, "batch", size) or ""
    try:
        lines = {key: list(map(json.loads, values)) for key, *values in map(str.split, text.strip().splitlines())}
        return {key: lines[key][0] for key in KEYS}, lines["source"], lines["target"]
    except (KeyError, IndexError, ValueError) as problem:
        raise ValueError(f"`{path} batch {size}` did not print what was expected: {problem!r}") from None


def measure(options, size, threads, precision, batch, settings):
    """One row of the table: what our runs print, and the speeds of PyTorch's steps (settings None: no PyTorch)."""
    hyper, source, target = batch
    count, mean = len(source), lambda lengths: round(statistics.mean(lengths))
    padding = {"random": (source, target), "sorted": ([mean(source)] * count, [mean(target)] * count)}
    answers = {"ours": [], "random": [], "sorted": []}
    for _ in range(options.rounds):
        text = run_bench(options.bench, "step", size, threads, precision, options.seconds)
        if text is not None:
            answers["ours"].append({key: float(value) for key, value in re.findall(r"(\w+)=(\S+)", text)})
        for kind, (lengths_in, lengths_out) in padding.items():
            job = dict(hyper=hyper, source=lengths_in, target=lengths_out, threads=threads, precision=precision,
                       seconds=options.seconds)
            steps = run_worker(job, threads, settings) if settings is not None else None
            answers[kind] += [sum(lengths_out) / seconds for seconds in steps or []]
    return answers


def table_row(size, precision, threads, answers):
    ours = [answer["target_tokens_per_second"] for answer in answers["ours"]]
    shares = [answer["gflops"] / answer["limit_gflops"] for answer in answers["ours"]]

    def figure(found):
        return f"{max(found):.0f} ({statistics.median(found):.0f})" if found else ""

    def ratio(found):
        return f"{max(ours) / max(found):.2f}" if ours and found else ""

    return [size, precision, str(threads), figure(ours), f"{100 * max(shares):.0f}%" if shares else "",
            figure(answers["random"]), figure(answers["sorted"]), ratio(answers["random"]), ratio(answers["sorted"])]


def show(cells):
    print("  ".join(cell.rjust(width) for cell, width in zip(cells, (5, 9, 7, 15, 8, 15, 15, 11, 11))), flush=True)


def words(text):
    return text.split(",")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=words, default="tiny,small,base", metavar="LIST", help="(default: %(default)s)")
    parser.add_argument("--threads", type=lambda text: [int(word) for word in words(text)], default="2", metavar="LIST",
                        help="such as 1,2 (default: %(default)s)")
    parser.add_argument("--seconds", type=float, default=6, help="seconds of every run (default: 6)")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of ours, random, sorted (default: 3)")
    parser.add_argument("--bench", default="build/release/tests/bench", metavar="PATH", help="(default: %(default)s)")
    parser.add_argument("--untuned", action="store_true", help="run PyTorch without the tuned environment")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        return worker()
    about = run_worker(None, max(options.threads), {}) or {"missing": "PyTorch does not run here"}
    if "missing" in about:
        return print("skipped:", about["missing"])
    try:
        batches = {size: read_batch(options.bench, size) for size in options.sizes}
    except (OSError, ValueError) as problem:
        sys.exit(f"bench-peers.py: {problem} (`make bench` builds our benchmark)")
    settings = {} if options.untuned else tuning(about["loaded"])
    cpu = read_text("/proc/cpuinfo")
    name = re.search(r"^model name\s*: (.*)$", cpu, re.M)
    print(f"{name.group(1) if name else platform.machine()}; PyTorch {about['version']}, BLAS {about['blas']} "
          f"({', '.join(about['loaded']) or 'built in'}), threads {', '.join(map(str, options.threads))}")
    print("PyTorch's environment:", " ".join(map("=".join, settings.items())) or "as it is")
    bfloat16 = re.search(r"\b(amx_bf16|avx512_bf16)\b", cpu)
    if not bfloat16:
        print("PyTorch in bfloat16: skipped, the processor has neither AMX nor AVX512-BF16")
    show(words("size,precision,threads,ours tok/s,of limit,PyTorch random,PyTorch sorted,ours/random,ours/sorted"))
    for size, precision, threads in itertools.product(options.sizes, ("float32", "bfloat16"), options.threads):
        given = settings if precision == "float32" or bfloat16 else None
        answers = measure(options, size, threads, precision, batches[size], given)
        if any(answers.values()):
            show(table_row(size, precision, threads, answers))
    print("tok/s: best step, in brackets the median (ours: of the best of each round). Ratios: of the best.")


if __name__ == "__main__":
    main()
