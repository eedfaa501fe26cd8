#!/usr/bin/env python3
"""Writes a sharded safetensors model in the layout of Hugging Face, with random weights.

  make_safetensors.py DIR [--shards 4] [--shard-size 64M] [--dtype BF16] [--experts 0] [--seed 0]

Gives model-0000N-of-0000M.safetensors, model.safetensors.index.json,
config.json, tokenizer_config.json and SHA256SUMS. The same arguments give the
same bytes; each file is written from front to back. Standard library only.
"""
import argparse
import hashlib
import json
import os
import struct
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import bits  # noqa: E402


def layer_tensors(number, hidden, experts):
    """(name, shape) of one transformer layer."""
    prefix = "model.layers.%d." % number
    inner = hidden // 4 if experts else hidden * 11 // 4
    tensors = [(prefix + "input_layernorm.weight", [hidden])]
    owners = ["mlp.experts.%d." % e for e in range(experts)] or ["mlp."]
    for owner in owners:
        tensors += [(prefix + owner + "down_proj.weight", [hidden, inner]),
                    (prefix + owner + "gate_proj.weight", [inner, hidden]),
                    (prefix + owner + "up_proj.weight", [inner, hidden])]
    if experts:
        tensors.append((prefix + "mlp.gate.weight", [experts, hidden]))
    tensors.append((prefix + "post_attention_layernorm.weight", [hidden]))
    tensors += [(prefix + "self_attn.%s_proj.weight" % n, [h, hidden])
                for n, h in (("k", hidden // 2), ("o", hidden), ("q", hidden), ("v", hidden // 2))]
    return tensors


def byte_count(shape, dtype):
    count = bits.KINDS[dtype][0]
    for dimension in shape:
        count *= dimension
    return count


def plan(total, shards, dtype, experts, vocabulary=2048):
    """The tensors of each shard, for a model of about `total` bytes."""
    hidden = 256 if total < 1 << 28 else 1024 if total < 8 << 30 else 4096
    tensors = [("model.embed_tokens.weight", [vocabulary, hidden])]
    tail = [("model.norm.weight", [hidden]), ("lm_head.weight", [vocabulary, hidden])]
    size = 2 * byte_count([vocabulary, hidden], dtype)
    layers = 0
    while layers == 0 or size < total:
        tensors += layer_tensors(layers, hidden, experts)
        size = sum(byte_count(s, dtype) for _, s in tensors + tail)
        layers += 1
        if layers > 1 and layers % 64 == 0:  # a long sum for big models: skip ahead
            step = size // layers
            while size + step < total:
                tensors += layer_tensors(layers, hidden, experts)
                size += step
                layers += 1
    tensors += tail
    size = sum(byte_count(s, dtype) for _, s in tensors)
    groups, filled = [[]], 0
    for position, tensor in enumerate(tensors):
        left = len(tensors) - position
        full = filled >= size * len(groups) / shards or left <= shards - len(groups)
        if groups[-1] and len(groups) < shards and full:
            groups.append([])
        groups[-1].append(tensor)
        filled += byte_count(tensor[1], dtype)
    return groups, hidden, layers, size


def shard_pieces(group, dtype, seed):
    header, offset = {"__metadata__": {"format": "pt"}}, 0
    for name, shape in group:
        end = offset + byte_count(shape, dtype)
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, end]}
        offset = end
    raw = json.dumps(header, separators=(",", ":")).encode()
    raw += b" " * (-len(raw) % 8)
    yield struct.pack("<Q", len(raw)) + raw
    for name, shape in group:
        yield from bits.pieces(dtype, byte_count(shape, dtype), seed, name)


def write_model(directory, shards=4, shard_size=64 << 20, dtype="BF16", experts=0, seed="0",
                progress=None):
    """Writes the model; returns {file name: (size, sha256)}."""
    os.makedirs(directory, exist_ok=True)
    groups, hidden, layers, size = plan(shards * shard_size, shards, dtype, experts)
    written = {}

    def emit(name, parts):
        digest, count = hashlib.sha256(), 0
        with open(os.path.join(directory, name), "wb", buffering=0) as stream:
            for part in parts:
                digest.update(part)
                count += len(part)
                view = memoryview(part)
                while view:
                    view = view[stream.write(view):]
                if progress:
                    progress(len(part))
        written[name] = (count, digest.hexdigest())

    index = {}
    for number, group in enumerate(groups, 1):
        name = "model-%05d-of-%05d.safetensors" % (number, len(groups))
        group = sorted(group)
        index.update((tensor, name) for tensor, _ in group)
        emit(name, shard_pieces(group, dtype, seed))
    texts = {
        "model.safetensors.index.json": {"metadata": {"total_size": size}, "weight_map": index},
        "config.json": {"architectures": ["LlamaForCausalLM"], "model_type": "llama",
                        "hidden_size": hidden, "num_hidden_layers": layers, "vocab_size": 2048},
        "tokenizer_config.json": {"model_max_length": 2048},
    }
    for name, value in texts.items():
        emit(name, [json.dumps(value, indent=1, sort_keys=True).encode() + b"\n"])
    with open(os.path.join(directory, "SHA256SUMS"), "w") as stream:
        stream.writelines("%s  %s\n" % (digest, name) for name, (_, digest) in written.items())
    return written


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("directory")
    parser.add_argument("--shards", type=int, default=4)
    parser.add_argument("--shard-size", type=bits.size_of, default=64 << 20)
    parser.add_argument("--dtype", choices=["BF16", "F16", "F32", "F8_E4M3"], default="BF16")
    parser.add_argument("--experts", type=int, default=0, help="small experts in each layer")
    parser.add_argument("--seed", default="0")
    a = parser.parse_args()
    written = write_model(a.directory, a.shards, a.shard_size, a.dtype, a.experts, a.seed)
    print("%s: %d files, %d bytes" % (a.directory, len(written),
                                      sum(size for size, _ in written.values())))


if __name__ == "__main__":
    main()
