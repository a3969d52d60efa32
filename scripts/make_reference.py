#!/usr/bin/env python3
"""Makes tests/reference_data.h: what PyTorch computes for each layer, two small models and three Adam steps.

    python3 scripts/make_reference.py > tests/reference_data.h

Needs PyTorch (written with 1.13) and NumPy. Building and testing the project needs neither, because the result is
stored. Everything is computed in double, by PyTorch's own layers on padded and masked batches, with gradients from its
automatic differentiation. tests/test_reference.c computes the same in float on packed sentences.

Nothing is random: weights, inputs and tokens are values of an integer formula (`values`, `tokens`), which the test
also computes, so only results are stored. Of large tensors every stride-th element is stored. Each tensor has two
checksums over all its elements: sum of x[i] c[i], with c = values("check"), and sum of x[i]^2.
"""

import math
import sys

import numpy
import torch
from torch import nn
from torch.nn import functional

torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)


# ---- inputs by formula ----------------------------------------------------------------------------------------------

def bits(name, count):
    """(count) 32-bit words: FNV-1a of the name, then MurmurHash3's finaliser over it and the index."""
    seed = 2166136261
    for byte in name.encode():
        seed = (seed ^ byte) * 16777619 & 0xFFFFFFFF
    low = numpy.uint64(0xFFFFFFFF)
    x = (numpy.arange(count, dtype=numpy.uint64) * numpy.uint64(2654435761) & low) ^ numpy.uint64(seed)
    for multiplier, shift in ((0x85EBCA6B, 16), (0xC2B2AE35, 13)):
        x = (x ^ (x >> numpy.uint64(shift))) * numpy.uint64(multiplier) & low
    return x ^ (x >> numpy.uint64(16))


def values(name, shape, spread, centre=0.0):
    """Multiples of spread / 32768 in [centre - spread, centre + spread): exact in float, spread being a power of 2."""
    integer = (bits(name, math.prod(shape)) >> numpy.uint64(16)).astype(numpy.float64) - 32768
    return torch.tensor(centre + integer * (spread / 32768)).reshape(shape)


def leaf(name, shape, spread=1.0, centre=0.0):
    return values(name, shape, spread, centre).requires_grad_()


def tokens(name, count, vocab):
    return [int(word) % vocab for word in bits(name, count)]


# ---- output ---------------------------------------------------------------------------------------------------------

entries = []


def keep(name, tensor, limit=1000):
    """Stores a result; if it has more than `limit` elements, about `limit` of them."""
    x = tensor.detach().reshape(-1)
    x = x * (x.abs() > 1e-15)  # zeros must not depend on how the machine rounds
    stride = 1 if len(x) <= limit else len(x) // limit | 1
    check = float((x * values("check", x.shape, 1.0)).sum())
    numbers = ",".join(f"{float(v):.8g}" for v in x[::stride])
    entries.append(f'{{"{name}", {len(x)}, {stride}, {check:.12g}, {float((x * x).sum()):.12g},\n'
                   f" (const double[]){{{numbers}}}}},")


def print_header():
    print("/* Made by scripts/make_reference.py with PyTorch, in double; not written by hand. */")
    print("/* clang-format off */")
    print("static const Reference references[] = {")
    print("\n".join(entries))
    print("};")


# ---- packed and padded ----------------------------------------------------------------------------------------------

def pad(packed, lengths):
    """Turns (N, ...) rows of sentences into (B, longest, ...), with zeros after the shorter ones."""
    return nn.utils.rnn.pad_sequence(torch.split(packed, lengths), batch_first=True)


def pack(padded, lengths):
    return torch.cat([row[:length] for row, length in zip(padded, lengths)])


def is_padding(lengths):
    """(B, longest): True where there is no token."""
    return torch.arange(max(lengths))[None, :] >= torch.tensor(lengths)[:, None]


def is_future(length):
    return torch.ones(length, length, dtype=torch.bool).triu(1)


def sinusoids(count, width):
    position = torch.arange(count)[:, None]
    frequency = torch.exp(-math.log(10000.0) * torch.arange(0, width, 2) / width)
    return torch.stack([torch.sin(position * frequency), torch.cos(position * frequency)], 2).reshape(count, width)


# ---- layers ---------------------------------------------------------------------------------------------------------

def keep_gradients(prefix, out, names, leaves):
    """Stores the output, and the gradient of each leaf for dout = values("PREFIX.dout")."""
    keep(prefix + ".out", out)
    gradients = torch.autograd.grad(out, leaves, values(prefix + ".dout", out.shape, 1.0))
    for name, gradient in zip(names, gradients):
        keep(f"{prefix}.d{name}", gradient)


def linear():
    leaves = x, weight, bias = leaf("linear.x", (5, 7)), leaf("linear.weight", (6, 7)), leaf("linear.bias", (6,))
    keep_gradients("linear", functional.linear(x, weight, bias), ["x", "weight", "bias"], leaves)


def layernorm():
    leaves = x, weight, bias = (leaf("layernorm.x", (5, 37), 0.125, 0.25), leaf("layernorm.weight", (37,), 0.5, 1.0),
                                leaf("layernorm.bias", (37,)))
    keep_gradients("layernorm", functional.layer_norm(x, (37,), weight, bias, 1e-5), ["x", "weight", "bias"], leaves)


def activations():
    for name, function in (("relu", functional.relu), ("gelu", functional.gelu)):
        x = leaf(name + ".x", (150,), 4.0)
        keep_gradients(name, function(x), ["x"], [x])


def embedding():
    lengths, vocab, width = [3, 1, 4], 9, 6
    token = torch.tensor(tokens("embedding.token", 8, vocab))
    place = torch.cat([torch.arange(length) for length in lengths])
    for name, positions in (("sinusoidal", sinusoids(5, width)), ("learned", leaf("learned.positions", (5, width)))):
        table = leaf(name + ".table", (vocab, width))
        out = functional.embedding(token, table) * math.sqrt(width) + functional.embedding(place, positions)
        learned = name == "learned"
        keep_gradients(name, out, ["table"] + ["positions"] * learned, [table] + [positions] * learned)


def multihead(prefix, query_lengths, key_lengths, causal):
    """key_lengths None: self-attention."""
    width, heads = 12, 3
    attention = nn.MultiheadAttention(width, heads, batch_first=True)
    with torch.no_grad():
        attention.in_proj_weight.copy_(values(prefix + ".in.weight", (3 * width, width), 0.5))
        attention.in_proj_bias.copy_(values(prefix + ".in.bias", (3 * width,), 0.5))
        attention.out_proj.weight.copy_(values(prefix + ".out.weight", (width, width), 0.5))
        attention.out_proj.bias.copy_(values(prefix + ".out.bias", (width,), 0.5))
    x = leaf(prefix + ".x", (sum(query_lengths), width), 2.0)
    leaves, names = [x], ["x"]
    query = memory = pad(x, query_lengths)
    if key_lengths:
        packed_memory = leaf(prefix + ".memory", (sum(key_lengths), width), 2.0)
        leaves, names, memory = leaves + [packed_memory], names + ["memory"], pad(packed_memory, key_lengths)
    absent = is_padding(key_lengths or query_lengths)
    out, _ = attention(query, memory, memory, need_weights=False, key_padding_mask=absent,
                       attn_mask=is_future(max(query_lengths)) if causal else None)
    leaves += [attention.in_proj_weight, attention.in_proj_bias, attention.out_proj.weight, attention.out_proj.bias]
    names += ["in.weight", "in.bias", "out.weight", "out.bias"]
    keep_gradients(prefix, pack(out, query_lengths), names, leaves)


def feedforward():
    for name, function in (("relu", functional.relu), ("gelu", functional.gelu)):
        prefix = "feedforward." + name
        leaves = x, weight1, bias1, weight2, bias2 = (
            leaf(prefix + ".x", (5, 6), 2.0), leaf(prefix + ".weight1", (10, 6)), leaf(prefix + ".bias1", (10,)),
            leaf(prefix + ".weight2", (6, 10)), leaf(prefix + ".bias2", (6,)))
        out = functional.linear(function(functional.linear(x, weight1, bias1)), weight2, bias2)
        keep_gradients(prefix, out, ["x", "weight1", "bias1", "weight2", "bias2"], leaves)


def residual():
    """Around a linear layer without bias."""
    for name in ("pre", "post"):
        prefix = "residual." + name
        leaves = x, scale, shift, weight = (leaf(prefix + ".x", (5, 8), 2.0), leaf(prefix + ".scale", (8,), 0.5, 1.0),
                                            leaf(prefix + ".shift", (8,)), leaf(prefix + ".weight", (8, 8)))

        def norm(rows):
            return functional.layer_norm(rows, (8,), scale, shift, 1e-5)

        out = x + norm(x) @ weight.T if name == "pre" else norm(x + x @ weight.T)
        keep_gradients(prefix, out, ["x", "scale", "shift", "weight"], leaves)


def loss():
    rows, width, vocab = 7, 6, 11
    target = torch.tensor(tokens("loss.target", rows, vocab))
    h, weight = leaf("loss.h", (rows, width), 2.0), leaf("loss.weight", (vocab, width))
    for name, smoothing in (("sharp", 0.0), ("smooth", 0.1)):
        logits = functional.linear(h, weight)
        result = functional.cross_entropy(logits, target, label_smoothing=smoothing)
        dh, dweight = torch.autograd.grad(result, [h, weight])
        keep(f"loss.{name}.loss", result)
        keep(f"loss.{name}.nll", functional.cross_entropy(logits, target))
        keep(f"loss.{name}.dh", dh)
        keep(f"loss.{name}.dweight", dweight)


# ---- whole models ---------------------------------------------------------------------------------------------------

VOCAB, WIDTH, HEADS, INNER, LAYERS, MAX_LENGTH, SMOOTHING = 260, 12, 3, 10, 2, 9, 0.1
SOURCE_LENGTHS, TARGET_LENGTHS = [5, 2, 7], [4, 6, 3]


class Translator(nn.Module):
    def __init__(self, pre_norm, activation, tied, learned):
        super().__init__()
        options = dict(d_model=WIDTH, nhead=HEADS, dim_feedforward=INNER, dropout=0.0, activation=activation,
                       layer_norm_eps=1e-5, batch_first=True, norm_first=pre_norm)
        self.encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(**options), LAYERS,
                                             nn.LayerNorm(WIDTH) if pre_norm else None)
        self.decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(**options), LAYERS,
                                             nn.LayerNorm(WIDTH) if pre_norm else None)
        self.source = nn.Embedding(VOCAB, WIDTH)
        self.target = self.source if tied else nn.Embedding(VOCAB, WIDTH)
        self.output = nn.Linear(WIDTH, VOCAB, bias=False)
        if tied:
            self.output.weight = self.source.weight
        self.learned = learned
        if learned:
            self.source_positions = nn.Embedding(MAX_LENGTH, WIDTH)
            self.target_positions = nn.Embedding(MAX_LENGTH, WIDTH)
        self.tied = tied

    def embed(self, table, positions, token):
        place = torch.arange(token.shape[1])
        where = positions(place) if self.learned else sinusoids(token.shape[1], WIDTH)
        return table(token) * math.sqrt(WIDTH) + where

    def forward(self, source, target):
        absent = is_padding(SOURCE_LENGTHS)
        memory = self.encoder(self.embed(self.source, getattr(self, "source_positions", None), source),
                              src_key_padding_mask=absent)
        out = self.decoder(self.embed(self.target, getattr(self, "target_positions", None), target), memory,
                           tgt_mask=is_future(target.shape[1]), memory_key_padding_mask=absent)
        return self.output(out)

    def named(self):
        """The names of Hugging Face's BART: (name, parameter, slice of its rows)."""
        everything = slice(None)
        if self.tied:
            yield "shared.weight", self.source.weight, everything
        else:
            yield "encoder.embed_tokens.weight", self.source.weight, everything
            yield "decoder.embed_tokens.weight", self.target.weight, everything
            yield "lm_head.weight", self.output.weight, everything
        if self.learned:
            yield "encoder.embed_positions.weight", self.source_positions.weight, everything
            yield "decoder.embed_positions.weight", self.target_positions.weight, everything
        for stack in ("encoder", "decoder"):
            module = getattr(self, stack)
            for number, layer in enumerate(module.layers):
                parts = ([("self_attn", layer.self_attn, "attention"), ("self_attn_layer_norm", layer.norm1, "plain")]
                         + ([("final_layer_norm", layer.norm2, "plain")] if stack == "encoder" else
                            [("encoder_attn", layer.multihead_attn, "attention"),
                             ("encoder_attn_layer_norm", layer.norm2, "plain"),
                             ("final_layer_norm", layer.norm3, "plain")])
                         + [("fc1", layer.linear1, "plain"), ("fc2", layer.linear2, "plain")])
                for part, inside, kind in parts:
                    prefix = f"{stack}.layers.{number}.{part}"
                    if kind == "attention":
                        for i, letter in enumerate("qkv"):
                            rows = slice(i * WIDTH, (i + 1) * WIDTH)
                            yield f"{prefix}.{letter}_proj.weight", inside.in_proj_weight, rows
                            yield f"{prefix}.{letter}_proj.bias", inside.in_proj_bias, rows
                        prefix, inside = prefix + ".out_proj", inside.out_proj
                    yield prefix + ".weight", inside.weight, everything
                    yield prefix + ".bias", inside.bias, everything
            if module.norm is not None:
                yield stack + ".layer_norm.weight", module.norm.weight, everything
                yield stack + ".layer_norm.bias", module.norm.bias, everything


def initial(name, shape):
    if name.endswith("norm.weight"):
        return values(name, shape, 0.25, 1.0)
    return values(name, shape, 0.125 if name.endswith("bias") else 0.25 if len(shape) == 2 and shape[0] in
                  (VOCAB, MAX_LENGTH) else 0.5)


def whole_model(prefix, max_norm, weight_decay, **options):
    model = Translator(**options)
    named = list(model.named())
    with torch.no_grad():
        for name, parameter, rows in named:
            parameter[rows] = initial(name, parameter[rows].shape)
    covered = {id(parameter) for _, parameter, _ in named}
    assert all(id(parameter) in covered for parameter in model.parameters())

    source = pad(torch.tensor(tokens("source", sum(SOURCE_LENGTHS), VOCAB)), SOURCE_LENGTHS)
    target_in = pad(torch.tensor(tokens("target_in", sum(TARGET_LENGTHS), VOCAB)), TARGET_LENGTHS)
    target_out = torch.tensor(tokens("target_out", sum(TARGET_LENGTHS), VOCAB))

    parameters = list(model.parameters())
    if weight_decay:
        optimiser = torch.optim.AdamW([{"params": [p for p in parameters if p.dim() > 1], "weight_decay": weight_decay},
                                       {"params": [p for p in parameters if p.dim() == 1], "weight_decay": 0.0}],
                                      lr=1e-2, betas=(0.9, 0.98), eps=1e-9)
    else:
        optimiser = torch.optim.Adam(parameters, lr=1e-2, betas=(0.9, 0.98), eps=1e-9)
    for step in (1, 2, 3):
        optimiser.zero_grad()
        logits = pack(model(source, target_in), TARGET_LENGTHS)
        result = functional.cross_entropy(logits, target_out, label_smoothing=SMOOTHING)
        result.backward()
        norm = torch.sqrt(sum((p.grad ** 2).sum() for p in parameters))
        keep(f"{prefix}.loss{step}", result)
        keep(f"{prefix}.nll{step}", functional.cross_entropy(logits, target_out))
        keep(f"{prefix}.norm{step}", norm)
        print(f"{prefix} step {step}: loss {float(result):.6f}, gradient norm {float(norm):.4f}", file=sys.stderr)
        if step == 1:
            for name, parameter, rows in named:
                keep(f"{prefix}.gradient.{name}", parameter.grad[rows], 100)
        for parameter in parameters:  # clipped by hand, because clip_grad_norm_ adds 1e-6 to the norm
            parameter.grad *= min(1.0, max_norm / float(norm))
        optimiser.step()
        for name, parameter, rows in named:
            keep(f"{prefix}.step{step}.{name}", parameter[rows], 12)


linear()
layernorm()
activations()
embedding()
multihead("self", [4, 1, 6], None, False)
multihead("causal", [4, 1, 6], None, True)
multihead("cross", [3, 5, 2], [4, 2, 6], False)
feedforward()
residual()
loss()
whole_model("pre", 1.0, 0.0, pre_norm=True, activation="gelu", tied=True, learned=False)
# Of its gradients only the first two are clipped.
whole_model("post", 1.5, 0.1, pre_norm=False, activation="relu", tied=False, learned=True)
print_header()
