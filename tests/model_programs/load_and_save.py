#!/usr/bin/env python3
"""What programs of PyTorch do with models on a mount, each checked against the same on a local folder.

  load_and_save.py LOCAL_FOLDER MOUNTED_FOLDER

transformers (save_pretrained in shards, from_pretrained), safetensors (save_file, load_file, safe_open), torch.save and
torch.load (also mmap=True), torch.distributed.checkpoint. On a GPU too, where there is one. Ends with 1 at the first
difference, and prints a line for each check.
"""
import hashlib
import os
import shutil
import sys
import time

import torch


def same(name, left, right):
    if left.keys() != right.keys():
        sys.exit("%s: other tensors: %s" % (name, sorted(left.keys() ^ right.keys())[:5]))
    for key, tensor in left.items():
        other = right[key]
        if tensor.dtype != other.dtype or not torch.equal(tensor.cpu(), other.cpu()):
            sys.exit("%s: tensor %s differs" % (name, key))


def file_hash(path):
    digest = hashlib.sha256()
    with open(path, "rb") as stream:
        while piece := stream.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def same_files(name, left, right):
    for file in sorted(os.listdir(left)):
        if os.path.isfile(os.path.join(left, file)) and \
                file_hash(os.path.join(left, file)) != file_hash(os.path.join(right, file)):
            sys.exit("%s: %s differs" % (name, file))


def timed(name, work):
    began = time.monotonic()
    result = work()
    print("ok  %-46s %6.2f s" % (name, time.monotonic() - began), flush=True)
    return result


def transformers_model(local, mounted, devices):
    import transformers
    torch.manual_seed(7)
    config = transformers.LlamaConfig(hidden_size=1024, intermediate_size=2816, num_hidden_layers=12,
                                      num_attention_heads=16, num_key_value_heads=8, vocab_size=16000)
    model = transformers.LlamaForCausalLM(config).to(torch.bfloat16)
    for where, folder in (("local", local), ("mount", mounted)):
        timed("save_pretrained, 100 MB shards, %s" % where,
              lambda f=folder: model.save_pretrained(f + "/llama", max_shard_size="100MB"))
    same_files("save_pretrained", local + "/llama", mounted + "/llama")
    for device in devices:
        loaded = timed("from_pretrained, %s" % device, lambda d=device:
                       transformers.LlamaForCausalLM.from_pretrained(mounted + "/llama").to(d))
        same("from_pretrained", model.state_dict(), loaded.to(torch.bfloat16).state_dict())  # some versions widen
    model.save_pretrained(mounted + "/llama", max_shard_size="100MB")  # over what is there
    same_files("save_pretrained again", local + "/llama", mounted + "/llama")
    return model.state_dict()


def safetensors_files(state, local, mounted, devices):
    import safetensors.torch
    path = mounted + "/one.safetensors"
    timed("safetensors save_file", lambda: safetensors.torch.save_file(state, path))
    safetensors.torch.save_file(state, local + "/one.safetensors")
    if file_hash(path) != file_hash(local + "/one.safetensors"):
        sys.exit("save_file: the file differs")
    for device in devices:
        same("load_file", state, timed("safetensors load_file, %s" % device,
                                       lambda d=device: safetensors.torch.load_file(path, device=d)))

    def slices():
        with safetensors.safe_open(path, framework="pt") as stream:
            for key in list(stream.keys())[::5]:
                part = stream.get_slice(key)
                half = part.get_shape()[0] // 2
                if not torch.equal(part[:half], state[key][:half]):
                    sys.exit("safe_open: a slice of %s differs" % key)
    timed("safe_open, halves of tensors", slices)


def torch_files(state, mounted, devices):
    path = mounted + "/checkpoint.pt"
    timed("torch.save", lambda: torch.save(state, path))
    for device in devices:
        same("torch.load", state, timed("torch.load, %s" % device, lambda d=device: torch.load(path, map_location=d)))
    same("torch.load mmap", state, timed("torch.load mmap=True", lambda: torch.load(path, mmap=True)))
    torch.save(state, path + ".tmp")
    os.replace(path + ".tmp", path)  # as trainers do
    same("torch.load after replace", state, torch.load(path))


def distributed_checkpoint(state, mounted):
    import torch.distributed.checkpoint as checkpoint
    folder = mounted + "/dcp"
    timed("torch.distributed.checkpoint save", lambda: checkpoint.save(state, checkpoint_id=folder))
    empty = {key: torch.empty_like(tensor) for key, tensor in state.items()}
    timed("torch.distributed.checkpoint load", lambda: checkpoint.load(empty, checkpoint_id=folder))
    same("distributed checkpoint", state, empty)
    checkpoint.save(state, checkpoint_id=folder)  # the next step over it


def main():
    local, mounted = sys.argv[1:3]
    if int(torch.__version__.split(".")[0]) < 2:
        return print("--  torch is older than 2: left out")
    for folder in (local, mounted):
        shutil.rmtree(folder, ignore_errors=True)
        os.makedirs(folder)
    devices = ["cpu"] + (["cuda:0"] if torch.cuda.is_available() else [])
    try:
        state = transformers_model(local, mounted, devices)
    except ImportError as error:
        print("--  transformers: %s" % error)
        torch.manual_seed(7)
        state = {"layer.%d.weight" % n: torch.randn(1024, 4096).to(torch.bfloat16) for n in range(48)}
    state = {key: tensor.contiguous().clone() for key, tensor in state.items()}
    for part in (lambda: safetensors_files(state, local, mounted, devices),
                 lambda: torch_files(state, mounted, devices),
                 lambda: distributed_checkpoint(state, mounted)):
        try:
            part()
        except ImportError as error:
            print("--  %s" % error)


if __name__ == "__main__":
    main()
