"""The main job: download models into the mount, load them from it, the usual tools."""
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
import unittest

import harness
from clients import modelscope
from harness import MIB, MountCase, check_file, in_threads, needs, run, sha256, write_file

try:
    import numpy
    import torch
except ImportError:
    numpy = torch = None


class Download(MountCase):
    def source(self, count=6, size=5 * MIB):
        """A small model on the local disk: name -> size, and a folder."""
        folder = self.local("model")
        for number in range(count):
            write_file(os.path.join(folder, "model-%d.safetensors" % number), number,
                       size + number * 1000)
        for number in range(10):
            write_file(os.path.join(folder, "config-%d.json" % number), "c%d" % number, 700)
        open(os.path.join(folder, "empty"), "w").close()
        return folder

    def check_tree(self, source, target):
        for name in os.listdir(source):
            self.assertEqual(sha256(os.path.join(source, name)),
                             sha256(os.path.join(target, name)), name)

    def test_modelscope_old(self):
        source, target = self.source(), self.folder()
        modelscope.download_old(source, target, workers=8)
        self.check_tree(source, target)
        with open(os.path.join(target, ".msc"), "rb") as stream:
            self.assertEqual(len(pickle.load(stream)), 17)

    def test_modelscope_old_resumes(self):
        source, target = self.source(count=2), self.folder()
        modelscope.download_old(source, target, workers=2, stop_after=2 * MIB)
        modelscope.download_old(source, target, workers=2)
        self.check_tree(source, target)

    def test_modelscope_new_reads_no_data_again(self):
        source, target = self.source(), self.folder()
        self.server.reset()
        modelscope.download_new(source, target, workers=4)
        self.check_tree(source, target)
        # The kernel keeps whole pages of what was written; the last page of a file may be fetched.
        self.assertLessEqual(self.server.stats().get_bytes, 4096 * len(os.listdir(source)),
                             "the hash pass went to the server")

    def test_modelscope_new_resumes(self):
        source, target = self.source(count=2), self.folder()
        modelscope.download_new(source, target, workers=2, stop_after=3 * MIB)
        modelscope.download_new(source, target, workers=2)
        self.check_tree(source, target)

    def test_modelscope_parallel(self):
        source, target = self.source(count=2, size=24 * MIB), self.folder()
        modelscope.download_parallel(source, target, parts=4, part_size=6 * MIB)
        self.check_tree(source, target)


class ManyWriters(MountCase):
    def test_32_writers_with_renames(self):
        folder, size = self.folder(), 64 * MIB

        def work(number):
            temporary = os.path.join(folder, "._____temp-%d" % number)
            write_file(temporary, number, size)
            os.rename(temporary, os.path.join(folder, "shard-%02d" % number))

        self.server.reset()
        in_threads(work, range(32), limit=200)
        self.assertEqual(sorted(os.listdir(folder)), ["shard-%02d" % n for n in range(32)])
        stats = self.server.stats()
        self.assertLessEqual(stats.put_bytes, 32 * size * 1.01)
        for number in (0, 13, 31):
            check_file(os.path.join(folder, "shard-%02d" % number), number, size)
        keys = self.client.keys("test_32_writers_with_renames/shard")
        self.assertEqual(set(keys.values()), {size})
        shutil.rmtree(folder)
        self.assertEqual(self.client.keys("test_32_writers_with_renames"), {})


class ReadBack(MountCase):
    """Pages that two writes share are kept by the mount: the kernel asks for each of them again."""

    def gets(self):
        return self.server.stats().requests("get")

    def test_a_data_set_from_tar_is_read_back_without_a_get(self):
        source, target = self.local("set"), self.folder()
        for number in range(100):
            write_file(os.path.join(source, "f%02d" % number), number, 100000 + number)
        run(["tar", "-cf", source + ".tar", "-C", source, "."])
        run(["tar", "-xf", source + ".tar", "-C", target])
        self.server.reset()
        for number in range(100):
            check_file(os.path.join(target, "f%02d" % number), number, 100000 + number)
        self.assertEqual(self.gets(), 0)

    def test_pieces_of_no_whole_pages_are_read_back_without_a_get(self):
        path, data = os.path.join(self.folder(), "f"), harness.payload("pieces", 64 * MIB)
        with open(path, "wb", buffering=0) as stream:
            for at in range(0, len(data), MIB + 1):
                harness.write_all(stream, data[at:at + MIB + 1])
        self.server.reset()
        check_file(path, "pieces", len(data))
        self.assertEqual(self.gets(), 0)


RANK = """
import mmap, os, sys
total = 0
for path in sys.argv[1:]:
    handle = os.open(path, os.O_RDONLY)
    size = os.fstat(handle).st_size
    view = mmap.mmap(handle, size, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE)
    os.close(handle)
    for offset in range(0, size, 4096):
        total += view[offset]
    view.close()
print(total)
"""


class Load(MountCase):
    def fill(self, prefix, count, size):
        for number in range(count):
            self.client.put("%s/shard-%02d" % (prefix, number),
                            harness.payload("%s%d" % (prefix, number), size))
        return [os.path.join(self.mount.path, prefix, "shard-%02d" % n) for n in range(count)]

    def test_4_ranks_by_mmap_read_each_byte_once(self):
        count, size = 6, 48 * MIB
        paths = self.fill("ranks", count, size)
        self.server.reset()
        ranks = [subprocess.Popen([sys.executable, "-c", RANK] + paths, stdout=subprocess.PIPE,
                                  text=True) for _ in range(4)]
        sums = {rank.communicate(timeout=90)[0] for rank in ranks}
        self.assertEqual([rank.returncode for rank in ranks], [0] * 4)
        self.assertEqual(len(sums), 1)
        expected = sum(sum(harness.block("ranks%d" % n, i)[::4096]) for n in range(count)
                       for i in range(size // MIB))
        self.assertEqual(int(sums.pop()), expected)
        self.assertLessEqual(self.server.stats().get_bytes, count * size * 1.05)
        for number, path in enumerate(paths[:2]):
            check_file(path, "ranks%d" % number, size)

    def test_cat_twice_reads_once(self):
        self.fill("cat", 20, 4 * MIB + 77)
        folder = os.path.join(self.mount.path, "cat")
        command = "find %s -type f -print0 | xargs -0 -P16 -n1 cat | wc -c" % folder
        self.server.reset()
        self.assertEqual(int(run(["sh", "-c", command]).stdout), 20 * (4 * MIB + 77))
        self.assertLessEqual(self.server.stats().get_bytes, 20 * (4 * MIB + 77) * 1.02)
        self.server.reset()
        self.assertEqual(int(run(["sh", "-c", command]).stdout), 20 * (4 * MIB + 77))
        self.assertEqual(self.server.stats().requests("get"), 0)

    @unittest.skipIf(torch is None, "python3-torch is not installed")
    def test_torch(self):
        path = os.path.join(self.folder(), "weights.pt")
        state = {"layer.%d" % n: torch.randn(256, 1024) for n in range(8)}
        torch.save(state, path)
        loaded = torch.load(path)
        self.assertTrue(all(torch.equal(state[name], loaded[name]) for name in state))
        torch.save(state, path + ".old", _use_new_zipfile_serialization=False)
        loaded = torch.load(path + ".old")
        self.assertTrue(all(torch.equal(state[name], loaded[name]) for name in state))
        size = os.path.getsize(path)
        whole = torch.ByteTensor(torch.ByteStorage.from_file(path, shared=False, size=size))
        with open(path, "rb") as stream:
            self.assertEqual(bytes(whole.numpy()), stream.read())

    @unittest.skipIf(numpy is None, "python3-numpy is not installed")
    def test_numpy_memmap(self):
        path = os.path.join(self.folder(), "a.npy")
        array = numpy.arange(3 * MIB, dtype="int64")
        numpy.save(path, array)
        view = numpy.load(path, mmap_mode="r")
        self.assertTrue((view == array).all())
        raw = numpy.memmap(path, dtype="uint8", mode="r")
        self.assertEqual(len(raw), os.path.getsize(path))


class Tools(MountCase):
    def tree(self):
        """A small tree of files, folders and a link on the local disk."""
        top = self.local("tree")
        for folder in ("", "a", "a/b", "c"):
            os.makedirs(os.path.join(top, folder), exist_ok=True)
            for number in range(5):
                write_file(os.path.join(top, folder, "f%d.txt" % number),
                           folder + str(number), 1000 * number * number)
        write_file(os.path.join(top, "c/big"), "big", 17 * MIB)
        return top

    def test_cp(self):
        top, target = self.tree(), self.folder()
        run(["cp", "-r", top + "/.", target])
        self.assertEqual(harness.tree_hashes(top), harness.tree_hashes(target))
        back = self.local("back")
        run(["cp", "-rp", target + "/.", back])
        self.assertEqual(harness.tree_hashes(top), harness.tree_hashes(back))
        run(["cp", "-r", target, target + "-2"])  # within the mount
        self.assertEqual(harness.tree_hashes(top), harness.tree_hashes(target + "-2"))

    @needs("rsync")
    def test_rsync_twice(self):
        top, target = self.tree(), self.folder()
        run(["rsync", "-a", top + "/", target + "/"])
        self.assertEqual(harness.tree_hashes(top), harness.tree_hashes(target))
        self.server.reset()
        second = run(["rsync", "-ai", top + "/", target + "/"]).stdout
        sent = [line for line in second.splitlines() if line.startswith("<f")]
        self.assertEqual(sent, [], "rsync copied files again")
        self.assertLess(self.server.stats().put_bytes, MIB)

    def test_tar(self):
        top, target = self.tree(), self.folder()
        archive = os.path.join(target, "t.tar")
        run(["tar", "cf", archive, "-C", top, "."])
        os.mkdir(os.path.join(target, "out"))
        run(["tar", "xf", archive, "-C", os.path.join(target, "out")])
        self.assertEqual(harness.tree_hashes(top), harness.tree_hashes(os.path.join(target, "out")))

    @needs("git")
    def test_git_clone(self):
        origin, target = self.local("origin"), self.folder()
        git = ["git", "-c", "user.name=t", "-c", "user.email=t@t", "-c", "init.defaultBranch=main"]
        run(git + ["init", "-q", origin])
        shutil.copytree(self.tree(), origin, dirs_exist_ok=True)
        run(git + ["-C", origin, "add", "."])
        run(git + ["-C", origin, "commit", "-qm", "one"])
        clone = os.path.join(target, "clone")
        safe = harness.clean_environment(GIT_CONFIG_COUNT="1", GIT_CONFIG_KEY_0="safe.directory",
                                         GIT_CONFIG_VALUE_0="*")
        run(["git", "clone", "-q", "--no-hardlinks", origin, clone], env=safe)
        run(["git", "-C", clone, "fsck", "--full"], env=safe)
        self.assertEqual(run(["git", "-C", clone, "status", "--porcelain"], env=safe).stdout, "")
        with open(os.path.join(clone, "a/f1.txt"), "a") as stream:
            stream.write("more")
        run(git + ["-C", clone, "commit", "-qam", "two"], env=safe)
        self.assertEqual(run(["git", "-C", clone, "rev-list", "--count", "HEAD"],
                             env=safe).stdout.strip(), "2")

    def test_shell_redirections(self):
        target, local = self.folder(), self.local()
        script = """
set -e
cat "$0" > one
(echo a; echo b; cat one) > two
echo c >> two
{ echo d; sh -c 'echo e'; } >> two
head -c 3000000 /dev/zero | tee three > four
sed -i 's/a/A/' two
dd if=three of=five bs=64k conv=fsync status=none
: > empty
echo new > one
sort two > sorted; sort -o sorted sorted
"""
        source = os.path.join(tempfile.mkdtemp(dir=local), "script.sh")
        with open(source, "w") as stream:
            stream.write(script)
        work = os.path.join(local, "work")
        os.mkdir(work)
        for place in (work, target):
            run(["sh", source], cwd=place)
        self.assertEqual(harness.tree_hashes(work), harness.tree_hashes(target))


if __name__ == "__main__":
    harness.main()
