"""The work whose requests bench/everyday_requests.py counts: groups of steps, each a function of a Work there."""
import os
import shutil

import harness  # tests/e2e, put on the path by everyday_requests.py

FOLDERS, FILES = 30, 10  # of the tree that is copied: 300 files


def make_tree(path):
    """300 files of 1 to 9 KiB in 30 folders."""
    for folder in range(FOLDERS):
        os.makedirs("%s/d%02d" % (path, folder))
        for number in range(FILES):
            with open("%s/d%02d/f%02d.txt" % (path, folder, number), "wb") as stream:
                stream.write(harness.payload("%d-%d" % (folder, number), 1024 + 900 * number))
    return path


def tree(w):
    make_tree(w.local + "/tree")
    w.step("cp -r in", "cp -r {local}/tree t")
    w.step("ls of a folder just written", "ls t/d00")
    w.step("cp -r out", "cp -r t {local}/back")
    w.cold()
    w.step("cp -r out, cold", "cp -r t {local}/back2")
    for name, command in (("find", "find t"), ("ls -lR", "ls -lR t"), ("du -s", "du -s t"),
                          ("sha256sum *", "sha256sum t/*/*")):
        w.cold()
        w.step(name + ", cold", command + " >/dev/null")
        w.step(name + ", again", command + " >/dev/null")
    w.step("rm -rf", "rm -rf t")


def removal(w):
    make_tree(w.local + "/tree")
    w.shell("cp -r {local}/tree t")
    w.cold()
    w.step("rm -rf, cold", "rm -rf t")


def names(w):
    w.step("mkdir -p of 10 levels", "mkdir -p a/b/c/d/e/f/g/h/i/j")
    w.step("the same again", "mkdir -p a/b/c/d/e/f/g/h/i/j")
    w.step("touch of 50 new files", "mkdir m; cd m; touch $(seq 50)")
    w.step("touch of them again", "cd m; touch $(seq 50)")
    w.step("mv of a file", "mv m/1 m/one")
    w.step("mv of a file to another folder", "mv m/2 a/two")
    w.step("mv of a file over another", "mv m/3 m/4")
    w.step("mv of a folder with 47 files", "mv m n")
    w.step("chmod -R", "chmod -R g-w,o-r n")
    w.step("chmod -R of the same", "chmod -R g-w,o-r n")
    w.step("cp -p of a file", "cp -p n/5 n/five")
    w.step("sed -i", "sed -i s/x/y/ n/6")
    w.step("editor's save", "echo new > n/.7.tmp; mv n/.7.tmp n/7")
    w.step("editor's save with backup", "mv n/8 n/8~; echo new > n/8; rm n/8~")
    w.step("append of a line", "echo line >> n/9")
    w.step("ln -s", "ln -s 5 n/link")
    w.step("rm of a file", "rm n/10")
    w.step("rm of all in a folder", "rm n/*")
    w.step("rmdir", "rmdir n")
    w.step("100 stats of missing names", "for i in $(seq 100); do test -e a/no$i && exit 1; done; true")
    w.step("the same again", "for i in $(seq 100); do test -e a/no$i && exit 1; done; true")
    w.step("one missing name, 100 times", "for i in $(seq 100); do test -e a/nothing && exit 1; done; true")


def colder(w):
    w.shell("mkdir m; cd m; for i in $(seq 50); do echo $i > $i; done")
    for name, command in (("cat of a file", "cat m/1"), ("cat m/*", "cat m/*"), ("mv of a file", "mv m/1 m/one"),
                          ("chmod of a file", "chmod 600 m/2"), ("touch of a file", "touch m/3"),
                          ("append of a line", "echo x >> m/4"), ("overwriting a file", "echo x > m/5"),
                          ("a new file", "echo x > m/new"), ("a new folder", "mkdir m/sub"),
                          ("rm of a file", "rm m/6"), ("mv of the folder", "mv m n"),
                          ("chmod -R", "chmod -R g-w,o-r n"), ("ls -l after it", "ls -l n"),
                          ("rsync -a of it", "rsync -a n/ {local}/n"), ("cp -a of it", "cp -a n o"),
                          ("rm -rf", "rm -rf n")):
        w.cold()
        w.step(name, command)


def archives(w):
    make_tree(w.local + "/tree")
    w.shell("cd {local}; tar cf a.tar tree; zip -qr a.zip tree" if shutil.which("zip") else
            "cd {local}; tar cf a.tar tree; python3 -m zipfile -c a.zip tree")
    w.step("tar xf into it", "tar xf {local}/a.tar")
    w.step("tar cf out of it", "tar cf {local}/b.tar tree")
    w.cold()
    w.step("tar cf out of it, cold", "tar cf {local}/c.tar tree")
    w.step("tar cf inside", "tar cf a.tar tree")
    w.step("unzip", "mkdir z; cd z; unzip -q {local}/a.zip")


def git(w):
    make_tree(w.local + "/r")
    w.shell("cd {local}/r; git init -q -b main; git config user.name n; git config user.email e@e; "
            "for i in 1 2 3; do echo $i > new; git add .; git commit -qm $i; done")
    w.step("clone", "git clone -q --no-hardlinks {local}/r c")
    for number in (1, 2):
        w.step("status %d" % number, "cd c; git status")
    w.step("checkout -b", "cd c; git checkout -q -b x")
    w.step("add and commit", "cd c; echo x > d00/f00.txt; git add .; git -c user.name=n -c user.email=e@e commit -qm x")
    w.step("log", "cd c; git log >/dev/null")
    w.step("checkout main", "cd c; git checkout -q main")
    w.cold()
    w.step("status, cold", "cd c; git status")
    w.step("status again", "cd c; git status")


def rsync(w):
    make_tree(w.local + "/tree")
    w.step("rsync -a", "rsync -a {local}/tree/ t/")
    w.step("unchanged", "rsync -a {local}/tree/ t/")
    w.cold()
    w.step("unchanged, cold", "rsync -a {local}/tree/ t/")
    w.step("rsync -r --inplace", "rsync -r --inplace {local}/tree/ u/")
    w.shell("cd {local}/tree; for i in *; do echo more >> $i/f00.txt; done")
    w.step("30 changed", "rsync -a {local}/tree/ t/")
    w.step("30 changed, --inplace", "rsync -r --inplace --size-only {local}/tree/ u/")


def python(w):
    w.step("venv without pip", "/usr/bin/python3 -m venv --without-pip v")
    w.step("import in it", "v/bin/python -c 'import json, missing' || true")
    source = "\n".join("def f%d(): return %d" % (n, n) for n in range(50))
    os.makedirs(w.path + "/p")
    for number in range(50):
        with open("%s/p/m%02d.py" % (w.path, number), "w") as stream:
            stream.write(source)
    w.step("compileall of 50", "/usr/bin/python3 -m compileall -q p")
    imports = "import sys; sys.path[:0] = ['p', 'v']; import json, csv, xml.dom, " + ", ".join(
        "m%02d" % number for number in range(50))
    w.step("import of 50", '/usr/bin/python3 -c "%s"' % imports)
    w.cold()
    w.step("import of 50, cold", '/usr/bin/python3 -c "%s"' % imports)


def sqlite(w):
    w.step("create", "sqlite3 db 'create table t (a, b)'")
    w.step("10 inserts", "for i in $(seq 10); do sqlite3 db \"insert into t values ($i, 'x')\"; done")
    w.step("select", "sqlite3 db 'select count(*) from t'")


def hub_cache(w):
    """What huggingface_hub does: blobs by hash, snapshots of symlinks, locks, references."""
    script = """
import os, fcntl, shutil
root = "hub/models--a--b"
for folder in ("blobs", "refs", "snapshots/rev", "../.locks/models--a--b"):
    os.makedirs(os.path.join(root, folder), exist_ok=True)
with open(root + "/refs/main", "w") as stream:
    stream.write("rev")
for number in range(20):
    pointer, blob = "%s/snapshots/rev/f%02d" % (root, number), "%s/blobs/h%02d" % (root, number)
    os.path.exists(pointer); os.path.exists(blob)
    with open("hub/.locks/models--a--b/h%02d.lock" % number, "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with open(blob + ".incomplete", "ab") as stream:
            stream.tell(); stream.write(b"x" * 20000)
        shutil.move(blob + ".incomplete", blob)
        os.symlink("../../blobs/h%02d" % number, pointer)
"""
    w.step("download of 20 files", "/usr/bin/python3 -c '%s'" % script.replace("{", "{{").replace("}", "}}"))
    read = "import os; [open(os.path.realpath(e.path)).read(9) for e in os.scandir(\"hub/models--a--b/snapshots/rev\")]"
    w.step("opening them", "/usr/bin/python3 -c '%s'" % read)
    w.cold()
    w.step("opening them, cold", "/usr/bin/python3 -c '%s'" % read)


def local_folder(w):
    """What modelscope does with local_dir: write below ._____temp, read back for the hash, move."""
    script = """
import os, shutil, hashlib
os.makedirs("m/._____temp", exist_ok=True)
for number in range(20):
    name = "f%02d" % number
    os.path.exists("m/" + name)
    with open("m/._____temp/" + name, "wb") as stream:
        stream.write(b"x" * 20000)
    hashlib.sha256(open("m/._____temp/" + name, "rb").read())
    shutil.move("m/._____temp/" + name, "m/" + name)
"""
    w.step("download of 20 files", "/usr/bin/python3 -c '%s'" % script)
    w.cold()
    w.step("listing and opening, cold", "cat m/* > /dev/null")


def headers(w):
    """22 safetensors, of which only the header is read."""
    put_model(w, 22)
    read = """
import glob
for name in sorted(glob.glob("model/*.safetensors")):
    with open(name, "rb") as stream:
        stream.read(int.from_bytes(stream.read(8), "little"))
"""
    mapped = """
import glob, mmap
for name in sorted(glob.glob("model/*.safetensors")):
    with open(name, "rb") as stream, mmap.mmap(stream.fileno(), 0, prot=mmap.PROT_READ) as m:
        m[8:8 + int.from_bytes(m[:8], "little")]
"""
    for name, script in (("read", read), ("mmap", mapped)):
        w.cold()
        w.step("by " + name, "/usr/bin/python3 -c '%s'" % script)


def put_model(w, shards):
    """Shards with headers of 100,000 bytes, and the small files beside them."""
    size = 100000
    data = size.to_bytes(8, "little") + b"{" + b" " * (size - 2) + b"}" + bytes(3 << 20)
    for number in range(shards):
        w.server.client.put("model/m-%05d.safetensors" % number, data)
    for name, size in (("config.json", 900), ("generation_config.json", 200), ("tokenizer_config.json", 50000),
                       ("tokenizer.json", 7 << 20), ("vocab.json", 800000), ("merges.txt", 450000),
                       ("model.safetensors.index.json", 120000), ("README.md", 5000)):
        w.server.client.put("model/" + name, b"[" + b" " * (size - 2) + b"]")


def model_start(w):
    """What vLLM, transformers and huggingface_hub ask of a model folder before they load it, by two ranks."""
    put_model(w, 22)
    script = """
import glob, json, os
for rank in range(2):
    for name in ("config.json", "adapter_config.json", "params.json", "hf_quant_config.json", "generation_config.json",
                 "tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt", "added_tokens.json",
                 "special_tokens_map.json", "chat_template.jinja", "processor_config.json"):
        if os.path.isfile("model/" + name) and name.endswith(".json"):
            json.load(open("model/" + name))
    for pattern in ("*.safetensors", "*.bin", "*.pt"):
        glob.glob("model/" + pattern)
    json.load(open("model/model.safetensors.index.json"))
    [os.path.getsize(os.path.join(folder, name)) for folder, _, names in os.walk("model") for name in names]
"""
    w.cold()
    w.step("start of a model", "/usr/bin/python3 -c '%s'" % script)
    w.step("the same again", "/usr/bin/python3 -c '%s'" % script)


def download(w):
    """modelscope_hub into local_dir, 200 files: .incomplete, move, and a second run that hashes all again."""
    script = """
import hashlib, os
os.makedirs("m", exist_ok=True)
for number in range(200):
    name = "m/f%03d" % number
    if not os.path.exists(name):
        with open(name + ".incomplete", "wb") as stream:
            stream.write(b"x" * 20000)
        os.replace(name + ".incomplete", name)
    with open(name, "rb") as stream:
        hashlib.sha256(stream.read()).hexdigest()
"""
    w.step("200 files", "/usr/bin/python3 -c '%s'" % script)
    w.step("the same again", "/usr/bin/python3 -c '%s'" % script)
    w.cold()
    w.step("the same again, cold", "/usr/bin/python3 -c '%s'" % script)


def copytree(w):
    make_tree(w.local + "/tree")
    copy = "/usr/bin/python3 -c 'import shutil; shutil.copytree(\"%s\", \"%s\")'"
    w.step("shutil.copytree in", copy % ("{local}/tree", "t"))
    w.step("cp -a in", "cp -a {local}/tree u")
    w.cold()
    w.step("shutil.copytree out, cold", copy % ("t", "{local}/back"))
    w.step("find -size", "find t -size +4k > /dev/null")


GROUPS = {"tree": tree, "removal": removal, "names": names, "cold names": colder, "archives": archives, "git": git,
          "rsync": rsync, "python": python, "sqlite": sqlite, "hub cache": hub_cache, "local_dir": local_folder,
          "headers": headers, "model": model_start, "download": download, "copytree": copytree}
