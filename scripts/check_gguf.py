#!/usr/bin/env python3
"""Opens a GGUF file with the public `gguf` package and prints its keys and tensors: an independent check of our files.

usage: python3 scripts/check_gguf.py FILE.gguf
Exits with 0 if the package reads the whole file, 1 if it does not or is not installed, 2 for wrong usage."""

import sys


def shown(value):
    text = repr(value)
    return text if len(text) <= 100 else text[:97] + "..."


def main():
    if len(sys.argv) != 2 or sys.argv[1].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 2
    try:
        import gguf
    except ImportError:
        print("check_gguf.py: the Python package gguf is missing; install it with: pip install gguf", file=sys.stderr)
        return 1
    path = sys.argv[1]
    try:
        reader = gguf.GGUFReader(path)
    except (OSError, ValueError, KeyError, IndexError) as problem:
        print(f"{path}: the gguf package cannot read it: {problem}", file=sys.stderr)
        return 1
    for field in reader.fields.values():
        kinds = " of ".join(kind.name.lower() for kind in field.types)
        try:
            value = shown(field.contents())
        except UnicodeDecodeError:
            value = f"{len(field.data)} strings, not all of them UTF-8"
        print(f"key    {field.name}: {kinds} = {value}")
    for tensor in reader.tensors:
        dims = ", ".join(str(dim) for dim in tensor.shape)
        head = ", ".join(f"{value:.7g}" for value in tensor.data.reshape(-1)[:4])
        more = ", ..." if tensor.data.size > 4 else ""
        print(f"tensor {tensor.name}: {tensor.tensor_type.name} dims {{{dims}}} at {tensor.data_offset} = {head}{more}")
    print(f"{len(reader.fields)} fields, {len(reader.tensors)} tensors")
    return 0


if __name__ == "__main__":
    sys.exit(main())
