#!/usr/bin/env python3
"""Turns a model.gguf into a folder for CTranslate2 or for Hugging Face's transformers, and back.

CTranslate2 gets model.bin, config.json and shared_vocabulary.json. Transformers gets model.safetensors, config.json and
vocab.json; to it, the model is a Pegasus, or a Marian if it has model.norm = post, because these have the same network.
Both folders also get nmt.head: the beginning of model.gguf, up to the tensors. It has what the other program cannot
keep, such as the merges of the vocabulary. `back` puts the folder's tensors behind it.

Needs the Python packages gguf and numpy; xxhash for `back`; ctranslate2 for its folders; safetensors for those of
transformers, and transformers and torch to check one."""
import argparse, json, os, re, struct, subprocess, sys, unicodedata
import numpy as np

HEAD, CHECKSUM = "nmt.head", "nmt.checksum"


def open_model(path, mode="r"):
    import gguf
    reader = gguf.GGUFReader(path, mode)
    return reader, {name: field.contents() for name, field in reader.fields.items() if name.startswith("nmt.")}


def floats(reader):
    from gguf.quants import dequantize
    return {t.name: dequantize(np.array(t.data), t.tensor_type).reshape([int(n) for n in reversed(t.shape)]).astype(np.float32)
            for t in reader.tensors}


def key(keys, name, otherwise):
    return keys.get("nmt." + name, otherwise)


def positions(keys, tensors, side):
    learned = tensors.get(f"{side}.embed_positions.weight")
    if learned is not None:
        return learned
    places, width = key(keys, "max_length", 0), key(keys, "width", 0)
    if key(keys, "positions", "sinusoidal") == "none":
        return np.zeros((places, width), np.float32)
    angle = np.arange(places)[:, None] / 10000.0 ** (np.arange(0, width, 2) / width)
    return np.stack([np.sin(angle), np.cos(angle)], -1).reshape(places, width).astype(np.float32)


def tokens(keys):
    """The vocabulary as text: bytes 0 to 255 as the code points U+0100 to U+01FF, so that each token is another text."""
    names = ["<s>", "</s>"] + [chr(256 + b) for b in range(256)]
    for left, right in np.array(keys["nmt.tokenizer.merges"]).reshape(-1, 2):
        names.append(names[left] + names[right])
    return names


def save_head(reader, path, folder):
    data = min(t.data_offset for t in reader.tensors)
    with open(path, "rb") as model, open(os.path.join(folder, HEAD), "wb") as head:
        head.write(struct.pack("<Q", os.path.getsize(path)) + model.read(data))


def ct2_names(keys):
    """Pairs of CTranslate2's name of a variable and ours, of which there may be several, one below the other."""
    for side in "encoder", "decoder":
        if key(keys, "norm", "pre") == "pre":
            yield from ((f"{side}/layer_norm/{a}", [f"{side}.layer_norm.{b}"]) for a, b in (("gamma", "weight"), ("beta", "bias")))
        for n in range(key(keys, f"{side}_layers", 0)):
            theirs, ours = f"{side}/layer_{n}/", f"{side}.layers.{n}."
            blocks = [("self_attention", "self_attn", ["qkv", "out"])]
            if side == "decoder":
                blocks.append(("attention", "encoder_attn", ["q", "kv", "out"]))
            for a, b, linears in blocks:
                for i, linear in enumerate(linears):
                    parts = ["out_proj"] if linear == "out" else [f"{c}_proj" for c in linear]
                    for kind in "weight", "bias":
                        yield f"{theirs}{a}/linear_{i}/{kind}", [f"{ours}{b}.{part}.{kind}" for part in parts]
                yield from ((f"{theirs}{a}/layer_norm/{c}", [f"{ours}{b}_layer_norm.{d}"]) for c, d in (("gamma", "weight"), ("beta", "bias")))
            for i in 0, 1:
                yield from ((f"{theirs}ffn/linear_{i}/{kind}", [f"{ours}fc{i + 1}.{kind}"]) for kind in ("weight", "bias"))
            yield from ((f"{theirs}ffn/layer_norm/{c}", [f"{ours}final_layer_norm.{d}"]) for c, d in (("gamma", "weight"), ("beta", "bias")))


def embeddings(tensors):
    """Names of the encoder's and the decoder's embedding, and of the output layer."""
    pick = lambda *names: next(name for name in names if name in tensors)
    decoder = pick("decoder.embed_tokens.weight", "shared.weight")
    return pick("encoder.embed_tokens.weight", "shared.weight"), decoder, pick("lm_head.weight", decoder)


def to_ct2(path, folder):
    from ctranslate2.specs import common_spec, transformer_spec
    reader, keys = open_model(path)
    tensors = floats(reader)
    gelu = key(keys, "activation", "relu") == "gelu"
    spec = transformer_spec.TransformerSpec.from_config(
        (keys["nmt.encoder_layers"], keys["nmt.decoder_layers"]), keys["nmt.heads"], pre_norm=key(keys, "norm", "pre") == "pre",
        activation=common_spec.Activation.GELU if gelu else common_spec.Activation.RELU)
    for theirs, ours in ct2_names(keys):
        at = spec
        *folders, last = theirs.split("/")
        for name in folders:
            numbered = re.fullmatch(r"(layer|linear)_(\d+)", name)
            in_list = numbered and hasattr(at, numbered[1]) and isinstance(getattr(at, numbered[1]), list)
            at = getattr(at, numbered[1])[int(numbered[2])] if in_list else getattr(at, name)
        setattr(at, last, np.concatenate([tensors[name] for name in ours]))
    source, target, output = embeddings(tensors)
    spec.encoder.embeddings[0].weight, spec.decoder.embeddings.weight = tensors[source], tensors[target]
    spec.decoder.projection.weight = tensors[output]
    for side, name in (spec.encoder, "encoder"), (spec.decoder, "decoder"):
        side.scale_embeddings = True
        side.position_encodings.encodings = positions(keys, tensors, name)
    names = tokens(keys)
    spec.register_source_vocabulary(names)
    spec.register_target_vocabulary(names)
    spec.config.bos_token = spec.config.decoder_start_token = "<s>"
    spec.config.eos_token, spec.config.unk_token, spec.config.add_source_eos = "</s>", "<s>", True
    spec.validate()
    spec.optimize()
    os.makedirs(folder, exist_ok=True)
    spec.save(folder)
    save_head(reader, path, folder)


def to_hf(path, folder):
    from safetensors.numpy import save_file
    reader, keys = open_model(path)
    tensors = floats(reader)
    pre = key(keys, "norm", "pre") == "pre"
    source, target, output = embeddings(tensors)
    named = {name if name == "lm_head.weight" else "model." + name: data for name, data in tensors.items()}
    for side in "encoder", "decoder":
        named[f"model.{side}.embed_positions.weight"] = positions(keys, tensors, side)
    if pre:  # a Pegasus has a shared table, even if nothing uses it
        named["model.shared.weight"] = tensors[source]
    vocabulary = tokens(keys)
    named["final_logits_bias"] = np.zeros((1, len(vocabulary)), np.float32)
    config = {
        "model_type": "pegasus" if pre else "marian",
        "architectures": ["PegasusForConditionalGeneration" if pre else "MarianMTModel"],
        "d_model": keys["nmt.width"], "vocab_size": len(vocabulary), "decoder_vocab_size": len(vocabulary),
        "max_position_embeddings": keys["nmt.max_length"], "activation_function": "gelu" if key(keys, "activation", "relu") == "gelu" else "relu",
        "scale_embedding": True, "static_position_embeddings": True, "is_encoder_decoder": True,
        "share_encoder_decoder_embeddings": source == target, "tie_word_embeddings": target == output,
        "bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 0, "decoder_start_token_id": 0, "forced_eos_token_id": None,
        "num_beams": key(keys, "decode.beam", 1), "length_penalty": key(keys, "decode.length_alpha", 1.0), "torch_dtype": "float32"}
    for side in "encoder", "decoder":
        config |= {f"{side}_layers": keys[f"nmt.{side}_layers"], f"{side}_attention_heads": keys["nmt.heads"], f"{side}_ffn_dim": keys["nmt.feedforward"]}
    os.makedirs(folder, exist_ok=True)
    save_file({name: np.ascontiguousarray(data) for name, data in named.items()}, os.path.join(folder, "model.safetensors"), {"format": "pt"})
    with open(os.path.join(folder, "config.json"), "w") as file:
        json.dump(config, file, indent=2)
    with open(os.path.join(folder, "vocab.json"), "w") as file:
        json.dump({name: i for i, name in enumerate(vocabulary)}, file, ensure_ascii=False)
    save_head(reader, path, folder)


def read_ct2(path):
    """The float32 variables of a model.bin, with the names of those that are another's copy."""
    with open(path, "rb") as file:
        number = lambda form: struct.unpack("<" + form, file.read(struct.calcsize("<" + form)))[0]
        text = lambda: file.read(number("H"))[:-1].decode()
        number("I"), text(), number("I")
        found = {}
        for _ in range(number("I")):
            name, shape = text(), None
            shape = [number("I") for _ in range(number("B"))]
            kind, size = number("B"), number("I")
            data = file.read(size)
            if kind == 0:
                found[name] = np.frombuffer(data, np.float32).reshape(shape)
        for _ in range(number("I")):
            alias, name = text(), text()
            if name in found:
                found[alias] = found[name]
    return found


def back(folder, path):
    import xxhash
    with open(os.path.join(folder, HEAD), "rb") as head, open(path, "wb") as model:
        size = struct.unpack("<Q", head.read(8))[0]
        model.write(head.read())
        model.truncate(size)
    reader, keys = open_model(path, "r+")
    ours = {}
    if os.path.exists(os.path.join(folder, "model.safetensors")):
        from safetensors.numpy import load_file
        ours = {re.sub(r"^model\.", "", name): data for name, data in load_file(os.path.join(folder, "model.safetensors")).items()}
    else:
        theirs = read_ct2(os.path.join(folder, "model.bin"))
        for name, parts in ct2_names(keys):
            ours |= zip(parts, np.split(theirs[name], len(parts)))
        names = [t.name for t in reader.tensors]
        source, target, output = embeddings(names)
        ours |= {source: theirs["encoder/embeddings_0/weight"], target: theirs["decoder/embeddings/weight"], output: theirs["decoder/projection/weight"]}
        for side in "encoder", "decoder":
            if f"{side}.embed_positions.weight" in names:
                ours[f"{side}.embed_positions.weight"] = theirs[f"{side}/position_encodings/encodings"]
    for t in reader.tensors:
        if t.tensor_type != 0:
            sys.exit(f"{t.name}: only a model of float32 can be made again; the folder came from a quantized one")
        t.data[...] = ours[t.name].reshape(t.data.shape)
    checksum = reader.fields[CHECKSUM].parts[-1]
    checksum[0] = 0
    reader.data.flush()
    checksum[0] = xxhash.xxh64(open(path, "rb").read()).intdigest()
    reader.data.flush()


def encode(keys, ranks, names, line):
    """What the tokenizer does (src/text), for text that is already in normal form."""
    text = " ".join(unicodedata.normalize("NFC", line).split())
    text = text.replace("\u2019", "'").lower() if key(keys, "text.lowercase", False) else text.replace("\u2019", "'")
    kind = lambda c: "L" if unicodedata.category(c)[0] in "LM" else "N" if unicodedata.category(c)[0] == "N" else "S" if c.isspace() else "O"
    kinds = "".join(kind(c) for c in " " + text)
    out, at, text = [], 0, " " + text
    while at < len(text):
        end = at + (text[at] == " ")
        first = kinds[end]
        while end < len(text) and kinds[end] == first:
            end += 1
        if first == "L" and text[end:end + 1] == "'" and kinds[end + 1:end + 2] == "L":
            end += 1
        piece = [2 + b for b in text[at:end].encode()]
        while len(piece) > 1:
            rank, i = min((ranks.get((piece[i], piece[i + 1]), 1 << 30), i) for i in range(len(piece) - 1))
            if rank == 1 << 30:
                break
            piece[i:i + 2] = [258 + rank]
        out += [names[p] for p in piece]
        at = end
    return out


def read_lines(path, lines, count):
    """Texts, the same in CTranslate2's tokens, the names of all tokens, and the most tokens of a translation."""
    _, keys = open_model(path)
    names = tokens(keys)
    ranks = {tuple(pair): i for i, pair in enumerate(np.array(keys["nmt.tokenizer.merges"]).reshape(-1, 2).tolist())}
    texts = [line.split("\t")[0].rstrip("\n") for line in open(lines, encoding="utf-8")][:count]
    return texts, [encode(keys, ranks, names, text) for text in texts], names, key(keys, "max_length", 256)


def bench(path, folder, lines, count, tokens, threads):
    import statistics, time
    import ctranslate2
    sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../src/decode/examples"))
    import nmt
    texts, sources, _, _ = read_lines(path, lines, count)
    clock = time.process_time if threads == 1 else time.perf_counter
    unit = "one thread, CPU time" if threads == 1 else f"{threads} threads, elapsed time"
    print(f"| {len(texts)} lines, {unit} | nmt.c float32 | nmt.c int8 | CTranslate2 float32 | CTranslate2 int8 |\n|---|---|---|---|---|")
    for name, beam, alone in ("greedy, in batches", 1, False), ("greedy, one by one", 1, True), ("beam 5, in batches", 5, False), ("beam 5, one by one", 5, True):
        # CTranslate2 gives each thread batches of its own, or all threads to one sentence.
        share = {"inter_threads": 1, "intra_threads": threads} if alone else {"inter_threads": threads, "intra_threads": 1}
        there = [ctranslate2.Translator(folder, compute_type=kind, **share) for kind in ("float32", "int8")]
        limits = {"min_decoding_length": tokens - 1, "max_decoding_length": tokens} if tokens else {}
        here = [nmt.Model(path, beam=beam, threads=threads, max_length=tokens, min_length=max(tokens - 1, 0), int8=int8) for int8 in (0, 1)]
        ways = [lambda some, m=m: m.translate(texts[some]) for m in here] + [
            lambda some, t=t: t.translate_batch(sources[some], beam_size=beam, max_batch_size=32, **limits) for t in there]
        seconds = [[] for _ in ways]
        for _ in range(3):
            for way, taken in zip(ways, seconds):
                began = clock()
                for some in [slice(i, i + 1) for i in range(len(texts))] if alone else [slice(None)]:
                    way(some)
                taken.append(clock() - began)
        print(f"| {name} | " + " | ".join(f"{statistics.median(taken):.2f} s" for taken in seconds) + " |", flush=True)


def ct2_translates(folder, sources, names, longest):
    import ctranslate2
    return [r.hypotheses[0] for r in ctranslate2.Translator(folder, intra_threads=1).translate_batch(sources, beam_size=1, max_decoding_length=longest)]


def hf_translates(folder, sources, names, longest):
    import torch, transformers
    torch.set_num_threads(1)
    model = transformers.AutoModelForSeq2SeqLM.from_pretrained(folder).eval()
    number = {name: i for i, name in enumerate(names)}
    with torch.no_grad():
        for source in sources:
            ids = torch.tensor([[number[name] for name in source] + [1]])
            out = model.generate(ids, attention_mask=torch.ones_like(ids), num_beams=1, do_sample=False, max_new_tokens=longest)
            yield [names[i] for i in out[0].tolist()[1:]]


def check(path, folder, lines, count):
    texts, sources, names, longest = read_lines(path, lines, count)
    here = subprocess.run(["./translate", "-m", path, "--beam", "1", "--max-length", str(longest)], input="\n".join(texts) + "\n", capture_output=True, text=True, check=True)
    theirs = hf_translates if os.path.exists(os.path.join(folder, "model.safetensors")) else ct2_translates
    code = {name: i - 2 for i, name in enumerate(names[:258])}
    said = [bytes(code[c] for c in "".join(t for t in tokens if t != "</s>")).decode(errors="replace")[1:] for tokens in theirs(folder, sources, names, longest)]
    different = [(a, b) for a, b in zip(here.stdout.splitlines(), said) if a != b]
    for a, b in different[:3]:
        print(f"here:  {a}\nthere: {b}")
    print(f"{len(texts) - len(different)} of {len(texts)} lines are the same")
    return len(different) > 0


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")

    def command(name, run, about, *arguments):
        added = commands.add_parser(name, help=about, description=about)
        added.set_defaults(run=run)
        for argument, shown, meaning in arguments:
            added.add_argument(argument, metavar=shown, help=meaning)
        return added

    model, folder = ("path", "MODEL", "a model.gguf"), ("folder", "FOLDER", "one that to-ct2 or to-hf has made")
    lines = ("lines", "LINES", "a text file with a sentence on each line; of a TSV file, the first column is read")
    command("to-ct2", to_ct2, "make a folder for CTranslate2", model, ("folder", "FOLDER", "the folder to make"))
    command("to-hf", to_hf, "make a folder for transformers", model, ("folder", "FOLDER", "the folder to make"))
    command("back", back, "make a model.gguf from a folder's tensors", folder, ("path", "MODEL", "the model.gguf to write"))
    checked = command("check", check, "translate lines here and there, greedily, and count those that are the same", model, folder, lines)
    timed = command("bench", bench, "compare the speed of nmt.c and CTranslate2: the median of three rounds", model, ("folder", "FOLDER", "one that to-ct2 has made"), lines)
    for added in checked, timed:
        added.add_argument("--count", metavar="N", type=int, default=500, help="translate this many lines (500)")
    timed.add_argument("--threads", metavar="N", type=int, default=1, help="1 (the default) counts CPU seconds; more count elapsed seconds, so the machine must be quiet")
    timed.add_argument("--tokens", metavar="N", type=int, default=0, help="make each translation this long, for a model that was not trained")
    options = vars(parser.parse_args())
    return options.pop("run")(**options) or 0


if __name__ == "__main__":
    sys.exit(main())
