"""llama.cpp loads a GGUF model of 4 parts from the mount and says the same as from disk.

The program comes from npm (node-llama-cpp with its prebuilt library, 85 MB). The
test is skipped, with the reason, where npm cannot install it. OSSFS2_LLAMA_DIR
names a folder to install it into, or one where it is installed already.
"""
import json
import os
import shutil
import subprocess
import unittest

import harness
from harness import MIB, Mount, Server, clean_environment, run
from models import make_gguf

PACKAGES = ["node-llama-cpp@3.22.1", "@node-llama-cpp/linux-x64@3.22.1"]
FOLDER = os.environ.get("OSSFS2_LLAMA_DIR", "/var/tmp/ossfs2-llama-3.22.1")
PROGRAM = """
import {getLlama, LlamaCompletion} from "node-llama-cpp";
const [path, useMmap, useDirectIo] = process.argv.slice(2);
const llama = await getLlama({build: "never", gpu: false, skipDownload: true, logLevel: "error"});
const model = await llama.loadModel({modelPath: path, useMmap: useMmap === "1",
                                     useDirectIo: useDirectIo === "1"});
const context = await model.createContext({contextSize: 64, threads: 2});
const completion = new LlamaCompletion({contextSequence: context.getSequence()});
const tokens = [];
await completion.generateCompletion("a b c", {maxTokens: 8, temperature: 0, seed: 1,
                                              onToken: (t) => tokens.push(...t)});
console.log(JSON.stringify({tokens}));
process.exit(0);
"""


def installed():
    return os.path.isdir(os.path.join(FOLDER, "node_modules", "node-llama-cpp"))


def install():
    """Returns why it could not be installed, or an empty text."""
    if installed():
        return ""
    if shutil.which("npm") is None or shutil.which("node") is None:
        return "node and npm are not installed"
    os.makedirs(FOLDER, exist_ok=True)
    try:
        done = subprocess.run(["npm", "install", "--ignore-scripts", "--omit=optional",
                               "--no-audit", "--no-fund", "--prefix", FOLDER] + PACKAGES,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                              timeout=150, stdin=subprocess.DEVNULL, cwd=FOLDER)
    except subprocess.TimeoutExpired:
        return "npm did not finish within 150 s"
    if done.returncode != 0 or not installed():
        return "npm could not install node-llama-cpp: %s" % done.stdout.strip()[-300:]
    return ""


class Llama(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        reason = install()
        if reason:
            raise unittest.SkipTest("llama.cpp is not tested: " + reason)
        cls.program = os.path.join(FOLDER, "run.mjs")
        with open(cls.program, "w") as stream:
            stream.write(PROGRAM)
        cls.local = harness.temporary_folder("gguf")
        cls.parts = make_gguf.write_model(os.path.join(cls.local, "m.gguf"), 160 * MIB, "F16", 4)
        cls.expected = cls.tokens(cls.parts[0])
        if not cls.expected:
            raise AssertionError("llama.cpp gave no tokens from the local disk")
        cls.server = Server()
        for part in cls.parts:
            with open(part, "rb") as stream:
                cls.server.client.put("models/" + os.path.basename(part), stream.read())
        cls.size = sum(os.path.getsize(part) for part in cls.parts)

    @classmethod
    def tearDownClass(cls):
        if hasattr(cls, "server"):
            cls.server.destroy()

    @classmethod
    def tokens(cls, path, mmap=True, direct=False):
        done = run(["node", cls.program, path, "1" if mmap else "0", "1" if direct else "0"],
                   timeout=100, cwd=FOLDER, env=clean_environment())
        line = [x for x in done.stdout.splitlines() if x.startswith('{"tokens"')]
        if not line:
            raise AssertionError("llama.cpp: " + done.stdout[-2000:])
        return json.loads(line[-1])["tokens"]

    def load(self, **how):
        with Mount(self.server) as mount:
            self.server.reset()
            first = os.path.join(mount.path, "models", os.path.basename(self.parts[0]))
            self.assertEqual(self.tokens(first, **how), self.expected)
            sent = self.server.stats().get_bytes
            print("bytes sent / model %.3f" % (sent / self.size), flush=True)
            # A little is read through the page cache before the same is read with O_DIRECT. On a busy machine that
            # comes so much later that what was fetched ahead of the first is gone: a few MiB at the begin of a part.
            again = 8 * MIB * len(self.parts) if how.get("direct") else 0
            self.assertLessEqual(sent, self.size * 1.10 + again)

    def test_mmap(self):
        self.load(mmap=True)

    def test_without_mmap(self):
        self.load(mmap=False)

    def test_direct_io(self):
        self.load(mmap=False, direct=True)


if __name__ == "__main__":
    harness.main()
