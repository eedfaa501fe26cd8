#!/usr/bin/env python3
"""kill -9 in the middle of random operations: after the next start every file is as before or as after the operation
that was under way, never in between; nothing of ours stays in the bucket.

  tests/soak/kill_anywhere.py [KILLS]     (12)
"""
import os
import shutil
import sys
import threading
import time

import common
from common import SEED, harness
import large_twin

THREADS = 3
ALWAYS = ["--file_mode=0644", "--dir_mode=0755", "--upload_buffer_size=1m"]
# Not lost answers: an upload whose answer was lost is looked for seconds later, and by `ossfs2 gc` after a kill.
FAULTS = ["rate=0.3,kind=delay:40", "rate=0.3,kind=late-answer:40", "rate=0.02,kind=reset",
          "rate=0.03,kind=status:503:SlowDown"]


class Killed(Exception):
    """The operation in `pending` was under way."""


class MortalTwin(large_twin.LargeTwin):
    kinds = large_twin.ALONE
    killed = None  # an Event
    pending = None  # (what, work)

    def both(self, what, work):
        def until_killed(root):
            try:
                return work(root)
            except OSError:
                if root == self.roots[0] and self.killed.is_set():
                    self.pending = (what, work)
                    raise Killed from None
                raise
        return super().both(what, until_killed)


def tree(root):
    found = harness.tree_hashes(root)
    for folder, folders, _ in os.walk(root):
        for name in folders:
            found[os.path.relpath(os.path.join(folder, name), root)] = "folder"
    return found


def check(twin):
    """Compares with both possible states, and takes what is there as the new local state."""
    mounted, local = twin.roots
    before, seen = tree(local), tree(mounted)
    what, work = twin.pending
    done = os.path.join(harness.temporary_folder("done"), "t")
    shutil.copytree(local, done, symlinks=True)
    try:
        work(done)
    except OSError:
        pass
    after = tree(done)
    wrong = {name: (seen.get(name), before.get(name), after.get(name)) for name in set(before) | set(after) | set(seen)
             if seen.get(name) not in (before.get(name), after.get(name))}
    if wrong:
        raise AssertionError("killed in %s: (there, before, after) %s" % (what, str(wrong)[:1500]))
    lost = [name for name, content in before.items()
            if name not in seen and content in after.values() and content not in seen.values()]
    if lost:
        raise AssertionError("killed in %s: lost %s" % (what, lost))
    shutil.rmtree(os.path.dirname(done))
    shutil.rmtree(local)
    shutil.copytree(mounted, local, symlinks=True)


def round_of(dice, mount, twins):
    """Operations of all threads until the daemon is killed among them."""
    killed, failures = threading.Event(), []

    def work(twin):
        twin.killed, twin.pending = killed, None
        try:
            while True:
                twin.step()
        except Killed:
            pass
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(twin,)) for twin in twins]
    for thread in threads:
        thread.start()
    time.sleep(dice.uniform(0.3, 3))
    killed.set()
    mount.process.kill()
    mount.process.wait()
    for thread in threads:
        thread.join(60)
    if failures:
        raise failures[0]


def soak(dice):
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else 12
    options = common.pick_options(dice, common.OPTIONS + common.WRITE_OPTIONS)
    faults = dice.sample(FAULTS, dice.choice((0, 1, 2)))
    server_options = [o for o in common.SERVER_OPTIONS if dice.random() < 0.3]
    print("seed %d: %s, faults %s, server %s" % (SEED, options, faults, server_options), flush=True)
    local = harness.temporary_folder("local")
    with harness.Server(*server_options) as server, harness.Mount(server, *(ALWAYS + options)) as mount:
        twins = common.make_twins(MortalTwin, THREADS, mount.path, local)
        for number in range(kills):
            common.set_faults(server, faults, number)
            round_of(dice, mount, twins)
            mount.detach()
            server.clear_fault()
            mount.start()
            for twin in twins:
                check(twin)
        mount.unmount()
        left = [key for key in server.client.keys() if ".ossfs2-" in key] + list(server.client.uploads())
        if left:
            raise AssertionError("left in the bucket: %s" % left)


if __name__ == "__main__":
    common.run(soak)
