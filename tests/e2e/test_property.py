"""Random operations from several threads, on the mount and on a local folder (twin.py): same results.

OSSFS2_TEST_SEED repeats a run, OSSFS2_TEST_STEPS changes the number of steps.
Each thread works in a folder of its own, so that the order of its operations is
known; after each phase the two trees are compared, at times over a remount: contents,
modes, owners, times that were set, extended attributes.
"""
import os
import threading
import time
import unittest

import harness
from harness import Mount, Server, temporary_folder
from twin import Twin, attributes

SEED = int(os.environ.get("OSSFS2_TEST_SEED", str(time.time_ns() % 10**9)))
STEPS = int(os.environ.get("OSSFS2_TEST_STEPS", "10000"))
THREADS, PHASES = 4, 5


class Property(unittest.TestCase):
    def test_same_as_a_local_folder(self):
        print("seed %d, %d steps (OSSFS2_TEST_SEED repeats it)" % (SEED, STEPS), flush=True)
        local = temporary_folder("local")
        # A new mount shows defaults where nothing was chosen: those that this program creates with.
        os.umask(0o022)
        with Server() as server, Mount(server, "--file_mode=0644", "--dir_mode=0755") as mount:
            twins = []
            for number in range(THREADS):
                pair = [os.path.join(root, "t%d" % number) for root in (mount.path, local)]
                for path in pair:
                    os.mkdir(path)
                twins.append(Twin(pair[0], pair[1], "%d-%d" % (SEED, number)))
            deadline = time.monotonic() + float(os.environ.get("OSSFS2_TEST_SECONDS", "150"))
            done = [0]
            lock = threading.Lock()

            def work(twin):
                for _ in range(STEPS // THREADS // PHASES):
                    if time.monotonic() > deadline:
                        return
                    try:
                        twin.step()
                    except AssertionError as error:
                        raise AssertionError("seed %d: %s" % (SEED, error)) from None
                    with lock:
                        done[0] += 1

            for phase in range(PHASES):
                harness.in_threads(work, twins, limit=200)
                if phase % 2:
                    for twin in twins:
                        twin.close_all()
                    mount.remount()
                self.compare(mount.path, local, phase, twins)
            for twin in twins:
                twin.close_all()
            self.compare(mount.path, local, "end", twins)
            print("%d steps done" % done[0], flush=True)
            self.assertGreater(done[0], STEPS // 10, "too slow to say anything")

    def compare(self, mounted, local, phase, twins):
        for facts in (harness.tree_hashes, attributes):
            one, two = facts(mounted), facts(local)
            wrong = {k: (one.get(k), two.get(k)) for k in set(one) | set(two)
                     if one.get(k) != two.get(k)}
            done = [line for name in wrong for line in self.history(name, twins)]
            self.assertEqual(wrong, {}, "seed %d, after phase %s (mount, local)\n%s"
                             % (SEED, phase, "\n".join(done)))

    @staticmethod
    def history(name, twins):
        """What worked on a path or on handles, in its thread, lately."""
        number, _, path = name.partition("/")
        last = path.rsplit("/", 1)[-1]
        return ["%s: %s" % (name, what) for what, result in twins[int(number[1:])].trace
                if (result == "..." or result[0] == "ok") and (last in what or "#" in what)][-40:]


if __name__ == "__main__":
    harness.main()
