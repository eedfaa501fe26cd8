#!/usr/bin/env python3
"""git and git-lfs in a mount whose daemon is killed with -9: after the next start nothing is lost that a command which
went through had made, and no repository is damaged.

  tests/soak/git_work.py [KILLS]     (6)
"""
import os
import shutil
import signal
import subprocess
import sys
import threading
import time

import common
from common import SEED, harness

OPTIONS = common.OPTIONS + common.WRITE_OPTIONS + [["--upload_buffer_size=1m"]]
# Not lost answers, as in kill_anywhere.
FAULTS = ["rate=0.3,kind=delay:20", "rate=0.2,kind=late-answer:30", "rate=0.02,kind=reset",
          "rate=0.03,kind=status:503:SlowDown"]
SIZES = (0, 10, 3000, 100000, 1500000)
LIMIT_S = 120


class Failed(Exception):
    pass


class Git:
    def __init__(self, home):
        self.environment = harness.clean_environment(
            HOME=home, GIT_AUTHOR_NAME="a", GIT_AUTHOR_EMAIL="a@b.c", GIT_COMMITTER_NAME="a",
            GIT_COMMITTER_EMAIL="a@b.c", GIT_TERMINAL_PROMPT="0")
        self("/", "config", "--global", "safe.directory", "*")
        self("/", "config", "--global", "gc.autoDetach", "false")
        self("/", "lfs", "install", "--skip-repo")

    def __call__(self, folder, *arguments):
        with subprocess.Popen(["git", "-C", folder, *arguments], env=self.environment, stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace",
                              start_new_session=True) as git:
            try:
                said, _ = git.communicate(timeout=LIMIT_S)
            except subprocess.TimeoutExpired:
                busy = subprocess.run(["ps", "-s", str(git.pid), "-o", "pid,stat,wchan:30,args"], capture_output=True,
                                      text=True, check=False).stdout
                os.killpg(git.pid, signal.SIGKILL)
                raise Failed("git %s hangs:\n%s" % (" ".join(arguments), busy)) from None
            except BaseException:
                os.killpg(git.pid, signal.SIGKILL)  # or it would be waited for
                raise
        if git.returncode != 0:
            raise Failed("git %s: %d\n%s" % (" ".join(arguments), git.returncode, said[-3000:]))
        return said


class Work:
    """Commits, pushes and clones in the mount; `done` is what went through."""

    def __init__(self, dice, git, root):
        self.dice, self.git, self.root = dice, git, root
        self.clones = 0
        self.commits, self.pushed = [], []
        self.origin, self.tree = os.path.join(root, "origin.git"), os.path.join(root, "work")

    def begin(self):
        self.git(self.root, "init", "-q", "--bare", self.origin)
        self.git(self.root, "clone", "-q", self.origin, self.tree)
        self.git(self.tree, "checkout", "-q", "-B", "main")
        self.git(self.tree, "lfs", "install", "--local")
        self.git(self.tree, "lfs", "track", "*.bin")
        self.git(self.tree, "add", ".gitattributes")
        self.git(self.tree, "commit", "-q", "-m", "first")
        self.push()

    def commit(self):
        for _ in range(self.dice.choice((1, 3, 20))):
            path = os.path.join(self.tree, "d%d" % self.dice.randrange(4),
                                "f%d%s" % (self.dice.randrange(30), self.dice.choice((".txt", ".txt", ".bin"))))
            os.makedirs(os.path.dirname(path), exist_ok=True)
            harness.write_file(path, self.dice.random(), self.dice.choice(SIZES))
        self.git(self.tree, "add", "-A")
        self.git(self.tree, "commit", "-q", "--allow-empty", "-m", "more")
        self.commits.append(self.git(self.tree, "rev-parse", "HEAD").strip())

    def push(self):
        self.git(self.tree, "push", "-q", "origin", "main")
        self.pushed.append(self.git(self.tree, "rev-parse", "HEAD").strip())

    def clone(self):
        self.clones += 1
        path = os.path.join(self.root, "clone%d" % self.clones)
        self.git(self.root, "clone", "-q", self.origin, path)
        self.check_clone(path, True)
        shutil.rmtree(path)

    def collect(self):
        self.git(self.tree, "gc", "-q")

    def branch(self):
        self.git(self.tree, "checkout", "-q", "--detach", self.dice.choice(self.commits + ["HEAD"]))
        self.git(self.tree, "checkout", "-q", "main")

    def step(self):
        self.dice.choice((self.commit, self.commit, self.commit, self.push, self.clone, self.collect, self.branch))()

    def check_clone(self, path, clean):
        self.git(path, "fsck", "--full", "--strict")
        if clean and (said := self.git(path, "status", "--porcelain")):
            raise AssertionError("the clone %s is not clean: %s" % (path, said[:500]))

    def check(self):
        """After the start: what is left of killed commands is put away as its user would."""
        for folder, _, names in os.walk(self.root):
            for name in names:
                if name.endswith(".lock"):
                    os.unlink(os.path.join(folder, name))
        for folder, made in ((self.tree, self.commits), (self.origin, self.pushed)):
            self.git(folder, "fsck", "--full")
            if made:
                self.git(folder, "merge-base", "--is-ancestor", made[-1], "refs/heads/main")
        self.git(self.tree, "checkout", "-q", "-f", "main")
        self.git(self.tree, "reset", "-q", "--hard")
        self.git(self.tree, "clean", "-qfd")
        self.git(self.tree, "lfs", "fsck")
        for name in os.listdir(self.root):
            if name.startswith("clone"):
                shutil.rmtree(os.path.join(self.root, name))
        self.push()


def soak(dice):
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 6
    options, faults = common.pick_options(dice, OPTIONS), common.pick_faults(dice, FAULTS)
    print("seed %d: %s, faults %s" % (SEED, options, faults), flush=True)
    with harness.Server() as server, harness.Mount(server, "--file_mode=0755", "--dir_mode=0755", *options) as mount:
        work = Work(dice, Git(harness.temporary_folder("home")), mount.path)
        work.begin()
        common.set_faults(server, faults, 0)
        for number in range(kills):
            killed = threading.Event()

            def kill():
                killed.set()
                mount.process.kill()

            timer = threading.Timer(dice.random() * dice.choice((1, 5, 15)), kill)
            timer.start()
            steps = 0
            try:
                while not killed.is_set():
                    work.step()
                    steps += 1
            except (Failed, OSError, AssertionError, shutil.Error) as error:
                if not killed.is_set():
                    timer.cancel()
                    raise
                if "hangs" in str(error):  # git-lfs may wait for a helper that the kill has ended
                    print(error, flush=True)
            timer.join()
            mount.process.wait()
            mount.detach()
            mount.start()
            work.check()
            print("kill %d after %d steps, %d commits" % (number, steps, len(work.commits)), flush=True)
        mount.unmount()


if __name__ == "__main__":
    common.run(soak)
