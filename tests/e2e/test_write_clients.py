"""Real programs that write in every order, and replays of those that cannot be installed."""
import os
import shutil
import sqlite3
import zipfile

import harness
from clients import hf_transfer, hf_xet, huggingface_hub, ollama, safetensors_save
from harness import MIB, MountCase, check_file, needs, payload, run, sha256, write_file

SIZE = 48 * MIB + 12345


class FromServer(MountCase):
    """Download programs whose source is the local OSS server itself."""

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.client.put("source.bin", payload("source", SIZE))
        cls.url = cls.client.presigned("source.bin")

    def check(self, path):
        check_file(path, "source", SIZE)
        key = os.path.relpath(path, self.mount.path)
        self.assertEqual(self.client.keys(key)[key], SIZE)

    def test_the_hash_after_a_download_asks_for_nothing(self):
        """Written pages stay in the page cache; the last one, which is not full, comes from memory."""
        folder = self.folder()
        for number, size in enumerate((1, 3000, 5 * MIB + 70001, 20 * MIB + 99)):
            path = os.path.join(folder, "f%d.part" % number)
            write_file(path, number, size)
            os.rename(path, path[:-5])
            self.server.reset()
            check_file(path[:-5], number, size)
            self.assertEqual(self.server.stats().requests("get"), 0, size)

    @needs("aria2c")
    def test_aria2c_4_connections(self):
        folder = self.folder()
        self.server.reset()
        run(["aria2c", "-x4", "-s4", "-k1M", "--console-log-level=warn", "--summary-interval=0",
             "-d", folder, "-o", "out.bin", self.url])
        self.check(os.path.join(folder, "out.bin"))
        self.assertEqual(os.listdir(folder), ["out.bin"])
        self.assertLessEqual(self.server.stats().put_bytes, SIZE * 1.1,
                             "more went up than the file has")

    @needs("rclone")
    def test_rclone_multi_thread(self):
        folder = self.folder()
        config = os.path.join(self.local(), "rclone.conf")
        with open(config, "w") as stream:
            stream.write("[s]\ntype = s3\nprovider = Other\nendpoint = %s\nregion = us-east-1\n"
                         "access_key_id = %s\nsecret_access_key = %s\nforce_path_style = true\n"
                         % (self.server.endpoint, harness.KEY_ID, harness.KEY_SECRET))
        run(["rclone", "--config", config, "copy", "--multi-thread-streams", "4",
             "--multi-thread-cutoff", "1M", "s:test/source.bin", folder])
        self.check(os.path.join(folder, "source.bin"))

    @needs("rclone")
    def test_rclone_local_to_mount(self):
        folder, source = self.folder(), self.local()
        write_file(os.path.join(source, "a.bin"), "source", SIZE)
        run(["rclone", "copy", "--multi-thread-streams", "4", "--multi-thread-cutoff", "1M",
             source, folder])
        self.check(os.path.join(folder, "a.bin"))

    @needs("wget")
    def test_wget_continue(self):
        path = os.path.join(self.folder(), "w.bin")
        write_file(path, "source", 17 * MIB + 5)
        run(["wget", "-q", "-c", "-O", path, self.url])
        self.check(path)

    @needs("curl")
    def test_curl_continue(self):
        path = os.path.join(self.folder(), "c.bin")
        write_file(path, "source", 19 * MIB + 1)
        run(["curl", "-sSf", "-C", "-", "-o", path, self.url])
        self.check(path)

    @needs("curl")
    def test_curl_parallel_ranges(self):
        path = os.path.join(self.folder(), "r.bin")
        half = SIZE // 2
        script = ("curl -sSf -r 0-%d '%s' | dd of=%s bs=64k conv=notrunc status=none & "
                  "curl -sSf -r %d- '%s' | dd of=%s bs=64k oflag=seek_bytes seek=%d conv=notrunc "
                  "status=none & wait" % (half - 1, self.url, path, half, self.url, path, half))
        run(["sh", "-c", script])
        self.check(path)


class Tools(MountCase):
    @needs("rsync")
    def test_rsync_inplace(self):
        folder, source = self.folder(), self.local()
        path, local = os.path.join(folder, "f"), os.path.join(source, "f")
        write_file(path, "r", 20 * MIB)
        data = bytearray(payload("r", 20 * MIB))
        data[3 * MIB:3 * MIB + 100] = b"z" * 100
        data[15 * MIB:15 * MIB + 9] = b"123456789"
        with open(local, "wb") as stream:
            stream.write(data + b"tail")
        run(["rsync", "--inplace", "--no-whole-file", local, path])
        self.assertEqual(sha256(local), sha256(path))
        with open(local, "r+b") as stream:
            stream.truncate(11 * MIB)
        run(["rsync", "--inplace", "--no-whole-file", local, path])
        self.assertEqual(sha256(local), sha256(path))

    @needs("rsync")
    def test_rsync_append_and_preallocate(self):
        folder, source = self.folder(), self.local()
        path, local = os.path.join(folder, "f"), os.path.join(source, "f")
        write_file(local, "a", 15 * MIB + 7)
        write_file(path, "a", 9 * MIB)
        run(["rsync", "--append", local, path])
        self.assertEqual(sha256(local), sha256(path))
        run(["rsync", "--preallocate", local, path + "2"])
        self.assertEqual(sha256(local), sha256(path + "2"))

    @needs("zip", "unzip")
    def test_zip_and_unzip(self):
        folder, source = self.folder(), self.local()
        for number in range(5):
            write_file(os.path.join(source, "f%d" % number), number, 3 * MIB + number)
        archive = os.path.join(folder, "a.zip")
        run(["zip", "-q", "-r", archive, "."], cwd=source)
        with open(os.path.join(source, "more"), "w") as stream:
            stream.write("more")
        run(["zip", "-q", archive, "more"], cwd=source)
        with zipfile.ZipFile(archive) as opened:
            self.assertIsNone(opened.testzip())
        run(["unzip", "-q", archive, "-d", os.path.join(folder, "out")])
        self.assertEqual(harness.tree_hashes(source),
                         harness.tree_hashes(os.path.join(folder, "out")))

    def test_tar_append(self):
        folder, source = self.folder(), self.local()
        for number in range(4):
            write_file(os.path.join(source, "f%d" % number), number, 2 * MIB + number)
        archive = os.path.join(folder, "a.tar")
        run(["tar", "cf", archive, "-C", source, "f0", "f1"])
        run(["tar", "rf", archive, "-C", source, "f2"])
        run(["tar", "rf", archive, "-C", source, "f3"])
        os.mkdir(os.path.join(folder, "out"))
        run(["tar", "xf", archive, "-C", os.path.join(folder, "out")])
        self.assertEqual(harness.tree_hashes(source),
                         harness.tree_hashes(os.path.join(folder, "out")))

    @needs("git", "git-lfs")
    def test_git_lfs(self):
        origin, folder = self.local("origin"), self.folder()
        env = harness.clean_environment(
            GIT_AUTHOR_NAME="t", GIT_AUTHOR_EMAIL="t@t", GIT_COMMITTER_NAME="t",
            GIT_COMMITTER_EMAIL="t@t", HOME=self.local("home"), GIT_CONFIG_COUNT="2",
            GIT_CONFIG_KEY_0="safe.directory", GIT_CONFIG_VALUE_0="*",
            GIT_CONFIG_KEY_1="init.defaultBranch", GIT_CONFIG_VALUE_1="main")
        work, bare = os.path.join(origin, "work"), os.path.join(origin, "bare.git")
        run(["git", "lfs", "install", "--skip-repo"], env=env)
        run(["git", "init", "-q", work], env=env)
        run(["git", "lfs", "track", "*.bin"], cwd=work, env=env)
        for number in range(3):
            write_file(os.path.join(work, "m%d.bin" % number), number, 5 * MIB + number)
        run(["git", "add", "."], cwd=work, env=env)
        run(["git", "commit", "-qm", "model"], cwd=work, env=env)
        run(["git", "clone", "-q", "--bare", work, bare], env=env)
        run(["git", "remote", "add", "origin", "file://" + bare], cwd=work, env=env)
        run(["git", "lfs", "push", "--all", "origin"], cwd=work, env=env)
        clone = os.path.join(folder, "clone")
        run(["git", "clone", "-q", "file://" + bare, clone], env=env)
        for number in range(3):
            check_file(os.path.join(clone, "m%d.bin" % number), number, 5 * MIB + number)
        self.assertEqual(run(["git", "status", "--porcelain"], cwd=clone, env=env).stdout, "")

    def test_sqlite(self):
        path = os.path.join(self.folder(), "db.sqlite")
        connection = sqlite3.connect(path)
        connection.execute("pragma journal_mode=DELETE")
        connection.execute("create table t (n integer primary key, text text)")
        for batch in range(5):
            with connection:
                connection.executemany("insert into t values (?, ?)",
                                       [(batch * 1000 + n, "row %d" % n) for n in range(1000)])
        with connection:
            connection.execute("update t set text = 'changed' where n % 7 = 0")
        connection.close()
        self.mount.remount()
        connection = sqlite3.connect(path)
        self.assertEqual(connection.execute("pragma integrity_check").fetchone(), ("ok",))
        self.assertEqual(connection.execute("select count(*) from t").fetchone(), (5000,))
        self.assertEqual(connection.execute(
            "select count(*) from t where text = 'changed'").fetchone(), (715,))
        connection.close()

    @needs("ffmpeg", "ffprobe")
    def test_ffmpeg_faststart(self):
        path = os.path.join(self.folder(), "v.mp4")
        command = ["ffmpeg", "-v", "error", "-y", "-f", "lavfi", "-i",
                   "testsrc=duration=4:size=320x240:rate=15", "-c:v", "mpeg4", "-threads", "1",
                   "-fflags", "+bitexact", "-flags", "+bitexact", "-movflags", "+faststart"]
        run(command + [path])
        run(["ffprobe", "-v", "error", path])
        local = os.path.join(self.local(), "v.mp4")
        run(command + [local])
        self.assertEqual(sha256(local), sha256(path))


class Replays(MountCase):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.source = os.path.join(harness.temporary_folder("source"), "model.bin")
        write_file(cls.source, "model", SIZE)

    def replay(self, client):
        target = os.path.join(self.folder(), "model.bin")
        client(self.source, target)
        names = os.listdir(os.path.dirname(target))
        self.assertEqual(names, ["model.bin"])
        key = os.path.relpath(target, self.mount.path)
        self.assertEqual(self.client.keys(key)[key], SIZE)
        self.mount.remount()
        check_file(target, "model", SIZE)

    def test_safetensors_save(self):
        self.server.reset()
        self.replay(safetensors_save.save)
        self.assertLessEqual(self.server.stats().put_bytes, SIZE * 1.01)

    def test_hf_xet_random(self):
        self.replay(hf_xet.download_random)

    def test_hf_xet_sequential(self):
        self.replay(hf_xet.download_sequential)

    def test_hf_transfer(self):
        self.replay(lambda s, t: hf_transfer.download(s, t, chunk=MIB))

    def test_ollama(self):
        self.replay(ollama.download)

    def test_huggingface_hub_twice(self):
        source, target = self.local("hub"), self.folder()
        for number in range(4):
            write_file(os.path.join(source, "f%d" % number), number, 7 * MIB + number)
        self.assertEqual(len(huggingface_hub.download(source, target)), 4)
        self.assertEqual(huggingface_hub.download(source, target), [])
        self.mount.remount()
        self.assertEqual(huggingface_hub.download(source, target), [], "mtime was not kept")
        shutil.rmtree(target)


class CountedWrites(MountCase):
    def test_one_mebibyte_in_a_big_object(self):
        size = 200 * MIB
        path = os.path.join(self.folder(), "big")
        write_file(path, "big", size)
        self.server.reset()
        with open(path, "r+b", buffering=0) as stream:
            stream.seek(100 * MIB + 17)
            harness.write_all(stream, b"!" * MIB)
        stats = self.server.stats()
        self.assertLessEqual(stats.put_bytes, 40 * MIB, "the whole object went up again")
        self.assertLessEqual(stats.get_bytes, 40 * MIB, "the whole object came down")
        with open(path, "rb") as stream:
            stream.seek(100 * MIB)
            expected = bytearray(harness.block("big", 100) + harness.block("big", 101))
            expected[17:17 + MIB] = b"!" * MIB
            self.assertEqual(stream.read(2 * MIB), bytes(expected))

    def test_append_copies_on_the_server(self):
        path = os.path.join(self.folder(), "log")
        write_file(path, "log", 100 * MIB)
        self.server.reset()
        with open(path, "ab") as stream:
            stream.write(b"one more line\n")
        stats = self.server.stats()
        self.assertLessEqual(stats.put_bytes + stats.get_bytes, 20 * MIB)
        self.assertEqual(os.path.getsize(path), 100 * MIB + 14)


if __name__ == "__main__":
    harness.main()
