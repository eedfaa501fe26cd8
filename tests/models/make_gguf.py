#!/usr/bin/env python3
"""Writes a GGUF model of the llama architecture with random weights, in one or more parts.

  make_gguf.py NAME.gguf [--size 64M] [--type F16|F32|Q8_0] [--split 4] [--seed 0]

With --split N the files are NAME-0000K-of-0000N.gguf. llama.cpp loads and runs
it (and says nonsense). The same arguments give the same bytes; each file is
written from front to back. Standard library only.
"""
import argparse
import os
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bits  # noqa: E402

ALIGNMENT = 32
U16, U32, I32, FLOAT, BOOL, TEXT, ARRAY = 2, 4, 5, 6, 7, 8, 9
FORMATS = {U16: "<H", U32: "<I", I32: "<i", FLOAT: "<f", BOOL: "<?"}
# name -> (ggml type, file type, numbers of a block, bytes of a block)
TYPES = {"F32": (0, 0, 1, 4), "F16": (1, 1, 1, 2), "Q8_0": (8, 7, 32, 34)}


def text(value):
    raw = value.encode()
    return struct.pack("<Q", len(raw)) + raw


def entry(key, kind, value, item=None):
    """One key and value of the header."""
    head = text(key) + struct.pack("<I", kind)
    if kind == TEXT:
        return head + text(value)
    if kind != ARRAY:
        return head + struct.pack(FORMATS[kind], value)
    head += struct.pack("<IQ", item, len(value))
    if item == TEXT:
        return head + b"".join(map(text, value))
    return head + struct.pack("<%d%s" % (len(value), FORMATS[item][1]), *value)


def byte_count(shape, kind):
    count = 1
    for dimension in shape:
        count *= dimension
    return count // TYPES[kind][2] * TYPES[kind][3]


def tensors_of(width, inner, heads, key_heads, vocabulary, layers, kind):
    """(name, shape, type) in file order; the first dimension is the row length."""
    keys = width // heads * key_heads
    found = [("token_embd.weight", (width, vocabulary), kind)]
    for number in range(layers):
        for name, shape, own in (
                ("attn_norm", (width,), "F32"), ("attn_q", (width, width), kind),
                ("attn_k", (width, keys), kind), ("attn_v", (width, keys), kind),
                ("attn_output", (width, width), kind), ("ffn_norm", (width,), "F32"),
                ("ffn_gate", (width, inner), kind), ("ffn_up", (width, inner), kind),
                ("ffn_down", (inner, width), kind)):
            found.append(("blk.%d.%s.weight" % (number, name), shape, own))
    return found + [("output_norm.weight", (width,), "F32"),
                    ("output.weight", (width, vocabulary), kind)]


def plan(size, kind):
    """Dimensions and tensors of a model of about this many bytes."""
    width, inner, heads, key_heads, vocabulary = (
        (256, 704, 8, 4, 1024) if size < 48 << 20 else (1024, 2816, 16, 8, 4096))

    def total(layers):
        return sum(byte_count(s, k) for _, s, k in tensors_of(
            width, inner, heads, key_heads, vocabulary, layers, kind))
    layers = max(1, 1 + round((size - total(1)) / (total(2) - total(1))))
    return (width, inner, heads, key_heads, vocabulary, layers), tensors_of(
        width, inner, heads, key_heads, vocabulary, layers, kind)


def vocabulary_entries(count):
    """A byte vocabulary, filled up with made-up words."""
    tokens = ["<unk>", "<s>", "</s>"] + ["<0x%02X>" % byte for byte in range(256)]
    kinds = [2, 3, 3] + [6] * 256
    for number in range(count - len(tokens)):
        word, rest = "", number
        while True:
            word, rest = chr(97 + rest % 26) + word, rest // 26 - 1
            if rest < 0:
                break
        tokens.append(("\u2581" if number % 2 == 0 else "z") + word)
        kinds.append(1)
    return [entry("tokenizer.ggml.model", TEXT, "llama"),
            entry("tokenizer.ggml.tokens", ARRAY, tokens, TEXT),
            entry("tokenizer.ggml.scores", ARRAY, [-float(n) for n in range(count)], FLOAT),
            entry("tokenizer.ggml.token_type", ARRAY, kinds, I32),
            entry("tokenizer.ggml.bos_token_id", U32, 1),
            entry("tokenizer.ggml.eos_token_id", U32, 2),
            entry("tokenizer.ggml.unknown_token_id", U32, 0),
            entry("tokenizer.ggml.add_bos_token", BOOL, True)]


def model_entries(dimensions, kind):
    width, inner, heads, key_heads, vocabulary, layers = dimensions
    numbers = {"vocab_size": vocabulary, "context_length": 2048, "embedding_length": width,
               "block_count": layers, "feed_forward_length": inner, "attention.head_count": heads,
               "attention.head_count_kv": key_heads, "rope.dimension_count": width // heads}
    return [entry("general.architecture", TEXT, "llama"),
            entry("general.name", TEXT, "random"),
            entry("general.alignment", U32, ALIGNMENT),
            entry("general.file_type", U32, TYPES[kind][1])] + [
        entry("llama." + name, U32, value) for name, value in numbers.items()] + [
        entry("llama.attention.layer_norm_rms_epsilon", FLOAT, 1e-5),
        entry("llama.rope.freq_base", FLOAT, 10000.0)] + vocabulary_entries(vocabulary)


def padding(count):
    return bytes(-count % ALIGNMENT)


def file_pieces(entries, group, seed):
    infos, offset = [], 0
    for name, shape, kind in group:
        infos.append(text(name) + struct.pack("<I", len(shape)) +
                     struct.pack("<%dQ" % len(shape), *shape) +
                     struct.pack("<IQ", TYPES[kind][0], offset))
        size = byte_count(shape, kind)
        offset += size + len(padding(size))
    head = (b"GGUF" + struct.pack("<IQQ", 3, len(group), len(entries)) + b"".join(entries) +
            b"".join(infos))
    yield head + padding(len(head))
    for name, shape, kind in group:
        size = byte_count(shape, kind)
        if len(shape) == 1:  # norms: all ones
            yield struct.pack("<f", 1.0) * shape[0]
        else:
            yield from bits.pieces(kind, size, seed, name)
        yield padding(size)


def write_model(path, size=64 << 20, kind="F16", split=1, seed="0"):
    """Writes the model; returns the paths of its parts."""
    dimensions, tensors = plan(size, kind)
    entries = model_entries(dimensions, kind)
    groups, filled = [[]], 0
    total = sum(byte_count(s, k) for _, s, k in tensors)
    for position, tensor in enumerate(tensors):
        left = len(tensors) - position
        full = filled >= total * len(groups) / split or left <= split - len(groups)
        if groups[-1] and len(groups) < split and full:
            groups.append([])
        groups[-1].append(tensor)
        filled += byte_count(tensor[1], tensor[2])
    stem, paths = path.removesuffix(".gguf"), []
    for number, group in enumerate(groups):
        own = entries if number == 0 else []
        name = path
        if split > 1:
            own = own + [entry("split.no", U16, number), entry("split.count", U16, len(groups)),
                         entry("split.tensors.count", I32, len(tensors))]
            name = "%s-%05d-of-%05d.gguf" % (stem, number + 1, len(groups))
        with open(name, "wb", buffering=0) as stream:
            for piece in file_pieces(own, group, seed):
                view = memoryview(piece)
                while view:
                    view = view[stream.write(view):]
        paths.append(name)
    return paths


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("path")
    parser.add_argument("--size", type=bits.size_of, default=64 << 20)
    parser.add_argument("--type", choices=sorted(TYPES), default="F16")
    parser.add_argument("--split", type=int, default=1)
    parser.add_argument("--seed", default="0")
    a = parser.parse_args()
    for path in write_model(a.path, a.size, a.type, a.split, a.seed):
        print("%s  %d bytes" % (path, os.path.getsize(path)))


if __name__ == "__main__":
    main()
