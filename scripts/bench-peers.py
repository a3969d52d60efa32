#!/usr/bin/env python3
"""Times the training steps of tests/bench.c in PyTorch (nn.Transformer), in turns with our own, and prints the ratios.

A step is forward, smoothed loss, backward, clipping and Adam, on one batch whose lengths `bench batch` gives. Ours packs
sentences without padding; PyTorch pads them, so it is timed twice:

  random  the sentences as they come, padded to the longest: what a plain data loader gives
  sorted  as many sentences, all of the mean length, so that nothing is padded: the kindest case

Every figure is target tokens a second, end tokens counted, padding not. Every run is a process of its own. Where
PyTorch is not installed the script says so and ends with 0."""

import argparse
import json
import os
import platform
import re
import resource
import statistics
import subprocess
import sys
import time
import warnings

PADDING = 0
COUNTS = ("vocab", "width", "heads", "feedforward", "encoder_layers", "decoder_layers")
SHARES = ("dropout", "smoothing")


# ---- the worker: a process that imports PyTorch, reads its job from standard input and prints one line of JSON ----


def describe(torch):
    """Version and the libraries that multiply, as loaded: a distribution may exchange the BLAS it was built for."""
    a = torch.ones(256, 256)
    a @ a
    built = re.search(r"BLAS_INFO=(\w+)", torch.__config__.show())
    loaded = set()
    if os.path.exists("/proc/self/maps"):
        with open("/proc/self/maps") as maps:
            loaded = set(re.findall(r"/(lib(?:openblas|mkl|blis|atlas|armpl|dnnl)[^/\s]*)$", maps.read(), re.M))
    return {"version": torch.__version__, "blas": built.group(1) if built else "unknown", "loaded": sorted(loaded)}


def make_model(torch, hyper):
    """The model of src/model/, from PyTorch's own parts: norms before the branches and at the end of each stack, one
    matrix for both embeddings and the output layer, dropout on embeddings and residual branches and nowhere else."""
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
            position = torch.arange(512).unsqueeze(1)
            angle = position * torch.pow(10000.0, -torch.arange(0, width, 2) / width)
            table = torch.stack((angle.sin(), angle.cos()), 2).reshape(512, width)
            self.register_buffer("positions", table)

        def embed(self, tokens):
            return self.dropout(self.embedding(tokens) * width**0.5 + self.positions[: tokens.shape[1]])

        def forward(self, source, target):
            length = target.shape[1]
            future = torch.ones(length, length, dtype=torch.bool).triu(1)
            padded = source == PADDING
            hidden = self.transformer(
                self.embed(source), self.embed(target), tgt_mask=future, src_key_padding_mask=padded,
                tgt_key_padding_mask=target == PADDING, memory_key_padding_mask=padded)
            return nn.functional.linear(hidden, self.embedding.weight)

    return Model()


def time_steps(torch, job):
    """One warm-up step, then steps for about job["seconds"], two at least. Returns the seconds of each."""
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
        loss = torch.nn.functional.cross_entropy(
            logits.float().flatten(0, 1), target_out.flatten(), ignore_index=PADDING,
            label_smoothing=hyper["smoothing"])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        adam.step()
        return loss.item()

    step()
    steps, began = [], time.perf_counter()
    while len(steps) < 2 or time.perf_counter() - began < job["seconds"]:
        start = time.perf_counter()
        step()
        steps.append(time.perf_counter() - start)
    return {"steps": steps, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def worker():
    warnings.filterwarnings("ignore")  # of newer versions: that nested tensors are not used with norms first
    try:
        import torch
    except Exception as problem:  # whatever a broken installation raises
        print(json.dumps({"missing": f"PyTorch cannot be imported by {sys.executable}: {problem}"}))
        return 0
    job = json.load(sys.stdin)
    print(json.dumps(time_steps(torch, job) if job else describe(torch)))
    return 0


# ---- the parent: runs our benchmark and the workers in turns ----


def run_worker(job, threads):
    """The worker's answer, or None. The libraries' own pools of threads are told the number too."""
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    environment = dict(os.environ, **{name: str(threads) for name in names})
    done = subprocess.run([sys.executable, os.path.abspath(__file__), "--worker"], input=json.dumps(job),
                          env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, universal_newlines=True)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        print(f"PyTorch failed (exit {done.returncode}): {last}", file=sys.stderr)
        return None
    return json.loads(done.stdout)


def run_bench(path, *arguments):
    """What our benchmark prints, or None where it refuses."""
    done = subprocess.run([path, *map(str, arguments)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          universal_newlines=True)
    return done.stdout if done.returncode == 0 else None


def read_batch(path, size):
    """The hyper-parameters and the sentences' lengths that `bench batch` prints."""
    text = run_bench(path, "batch", size)
    if text is None:
        raise ValueError(f"`{path} batch {size}` failed")
    lines = {words[0]: words[1:] for words in map(str.split, text.splitlines()) if words}
    try:
        hyper = {key: int(lines[key][0]) for key in COUNTS}
        hyper.update((key, float(lines[key][0])) for key in SHARES)
        return hyper, [int(n) for n in lines["source"]], [int(n) for n in lines["target"]]
    except (KeyError, IndexError, ValueError) as problem:
        raise ValueError(f"`{path} batch {size}` printed something else than expected: {problem!r}") from None


def read_step(text):
    return {key: float(value) for key, value in re.findall(r"(\w+)=([-+.\de]+)", text)}


def processor():
    """The processor's name and whether it multiplies bfloat16 by itself."""
    try:
        with open("/proc/cpuinfo") as file:
            text = file.read()
    except OSError:
        return platform.processor() or platform.machine(), False
    name = re.search(r"^model name\s*: (.*)$", text, re.M)
    return name.group(1) if name else platform.machine(), bool(re.search(r"\b(amx_bf16|avx512_bf16)\b", text))


def measure(options, size, threads, precision, batch, torch_too):
    """The rounds of one line of the table: {"ours": [...], "random": [...], "sorted": [...]}, answers as they came."""
    hyper, source, target = batch
    mean_source, mean_target = round(statistics.mean(source)), round(statistics.mean(target))
    padding = {"random": (source, target),
               "sorted": ([mean_source] * len(source), [mean_target] * len(target))}
    answers = {"ours": [], "random": [], "sorted": []}
    refused = False
    for turn in range(options.rounds):
        if sys.stderr.isatty():
            print(f"\r{size} {precision}, {threads} threads: round {turn + 1}   ", end="\r", file=sys.stderr)
        text = None if refused else run_bench(options.bench, "step", size, threads, precision, options.seconds)
        refused = text is None
        if not refused:
            answers["ours"].append(read_step(text))
        for kind, (lengths_in, lengths_out) in padding.items():
            job = {"hyper": hyper, "source": lengths_in, "target": lengths_out, "threads": threads,
                   "precision": precision, "seconds": options.seconds}
            answer = run_worker(job, threads) if torch_too else None
            if answer:
                answer["speeds"] = [sum(lengths_out) / seconds for seconds in answer["steps"]]
                answers[kind].append(answer)
    return answers


def table_row(size, precision, threads, answers):
    cells = [size, precision, str(threads)]
    ours = [answer["target_tokens_per_second"] for answer in answers["ours"]]
    best = max(ours, default=None)
    share = max((answer["gflops"] / answer["limit_gflops"] for answer in answers["ours"]
                 if answer.get("limit_gflops")), default=None)
    figures = {"ours": ours}
    for kind in ("random", "sorted"):
        figures[kind] = [speed for answer in answers[kind] for speed in answer["speeds"]]
    for kind, speeds in figures.items():
        cells.append(f"{max(speeds):.0f} ({statistics.median(speeds):.0f})" if speeds else "")
    cells.insert(4, f"{100 * share:.0f}%" if share else "")
    for kind in ("random", "sorted"):
        cells.append(f"{best / max(figures[kind]):.2f}" if best and figures[kind] else "")
    for kind in ("ours", "random"):
        memory = [answer["peak_mb"] for answer in answers[kind] if "peak_mb" in answer]
        cells.append(f"{max(memory):.0f}" if memory else "")
    return cells


def print_table(rows):
    widths = [max(map(len, column)) for column in zip(*rows)]
    for row in rows:
        print("  ".join(c.ljust(w) if i < 2 else c.rjust(w) for i, (c, w) in enumerate(zip(row, widths))).rstrip())


def listed(choices=None):
    """An argument such as tiny,base or 1,2."""
    def read(text):
        items = text.split(",")
        for item in items:
            if item not in choices if choices else not (item.isdigit() and int(item) > 0):
                raise argparse.ArgumentTypeError(f"'{item}' is not " + ("|".join(choices or ()) or "a count"))
        return items if choices else [int(item) for item in items]
    return read


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sizes", type=listed(("tiny", "small", "base")), default=["tiny", "small", "base"],
                        metavar="LIST", help="of tiny,small,base (default: all)")
    parser.add_argument("--threads", type=listed(), default=[2], metavar="LIST", help="such as 1,2 (default: 2)")
    parser.add_argument("--precisions", type=listed(("float32", "bfloat16")), default=["float32", "bfloat16"],
                        metavar="LIST", help="of float32,bfloat16 (default: both)")
    parser.add_argument("--seconds", type=float, default=6, help="of every run (default: 6)")
    parser.add_argument("--rounds", type=int, default=3, help="ours, random, sorted are one (default: 3)")
    parser.add_argument("--bench", default="build/release/tests/bench", metavar="PATH", help="(default: %(default)s)")
    parser.add_argument("--worker", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.worker:
        return worker()

    about = run_worker(None, max(options.threads))
    if about is None or "missing" in about:
        print("skipped: " + (about["missing"] if about else "PyTorch does not run here"))
        return 0
    try:
        batches = {size: read_batch(options.bench, size) for size in options.sizes}
    except (OSError, ValueError) as problem:
        print(f"bench-peers.py: {problem}; `make bench` builds our benchmark", file=sys.stderr)
        return 1
    name, bfloat16 = processor()
    print(f"{name}; PyTorch {about['version']}, BLAS {about['blas']} ({', '.join(about['loaded']) or 'built in'}), "
          f"threads {','.join(map(str, options.threads))}")
    if "bfloat16" in options.precisions and not bfloat16:
        print("PyTorch in bfloat16: skipped, the processor has neither AMX nor AVX512-BF16")

    rows = [("size", "precision", "threads", "ours tok/s", "of limit", "PyTorch random", "PyTorch sorted",
             "ours/random", "ours/sorted", "MB ours", "MB PyTorch")]
    for size in options.sizes:
        for precision in options.precisions:
            for threads in options.threads:
                torch_too = precision == "float32" or bfloat16
                answers = measure(options, size, threads, precision, batches[size], torch_too)
                if any(answers.values()):
                    rows.append(table_row(size, precision, threads, answers))
    print_table(rows)
    print("Target tokens a second: the best step, in brackets the median (ours: of the rounds' best). Ratios: of the "
          "best.\nMB: peak of the process, PyTorch's with its libraries.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
