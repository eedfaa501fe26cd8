"""The real llama.cpp (node-llama-cpp from npm, a prebuilt library of 85 MB), for loading only."""
import os

import test_llama  # tests/e2e: the packages, and how they are installed

PROGRAM = """
import {getLlama} from "node-llama-cpp";
const llama = await getLlama({build: "never", gpu: false, skipDownload: true, logLevel: "error"});
const begun = process.hrtime.bigint();
await llama.loadModel({modelPath: process.argv[2], useMmap: true});
console.log(JSON.stringify({own_seconds: Number(process.hrtime.bigint() - begun) / 1e9}));
process.exit(0);
"""


def absent():
    """Why it cannot run here, or an empty text. Installs it when npm can."""
    reason = test_llama.install()
    if reason:
        return "llama.cpp: " + reason
    with open(program(), "w") as stream:
        stream.write(PROGRAM)
    return ""


def program():
    return os.path.join(test_llama.FOLDER, "bench-load.mjs")


def command(path):
    return ["node", program(), path]
