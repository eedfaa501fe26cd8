#!/usr/bin/env python3
"""Two mounts of one bucket, as on two hosts, and a local folder: each thread goes from one mount to the other and must
find exactly what it did there.

  tests/soak/two_hosts.py [STEPS]     of all threads (450), in three phases

A thread that goes over has closed its files. "relay" threads then go on at once, as close_to_open allows, on files that
they open; "tree" threads do everything with names and attributes, and wait first for what docs/semantics.md lets a host
believe, and for attributes to be stored.
"""
import os
import sys
import time

import common
from common import SEED, harness
import large_twin
import test_property

PHASES = 3
ALWAYS = ["--file_mode=0644", "--dir_mode=0755", "--upload_buffer_size=1m"]
OWN = ("attr_timeout", "close_to_open", "cache_until_close")  # chosen below
CHOICES = [group for group in common.OPTIONS + common.WRITE_OPTIONS if not any(name in group[0] for name in OWN)]
BELIEVED = ("--attr_timeout=", "--kernel_readdir_cache_timeout=", "--negative_timeout=",
            "--oss_negative_cache_timeout=")
ATTRIBUTES_STORED_S = 4  # a change of attributes is stored 2 s after it, by fsync at once
ATTRIBUTES = ("chmod", "chown", "utime", "setxattr", "removexattr")
ATTRIBUTES_TOLD_S = 4  # of what another host stored less than two seconds before, a listing does not tell
CHANGE_HOST = 0.15  # of all steps


class TreeTwin(large_twin.LargeTwin):
    kinds = large_twin.ALONE + large_twin.IN_STEPS + ATTRIBUTES + (
        "read", "read", "stat", "symlink", "map_read", "map_write", "allocate", "parallel", "rename_while_open", "tail")
    hosts = None  # the folders of both mounts
    settle_s = 0
    stored_at = went_over_at = 0.0
    chosen = ()

    def step(self):
        if self.random.random() < CHANGE_HOST:
            self.go_over()
        super().step()

    def both(self, what, work):
        words = what.split()
        if words[0] in ATTRIBUTES:
            time.sleep(max(0.0, self.went_over_at + ATTRIBUTES_TOLD_S - time.monotonic()))
        result = super().both(what, work)
        if words[0] in ATTRIBUTES and result[0] == "ok":
            self.chosen = set(self.chosen) | {words[1]}
            self.stored_at = time.monotonic() + ATTRIBUTES_STORED_S
        return result

    def go_over(self):
        self.store_attributes()
        host = self.hosts[self.roots[0] == self.hosts[0]]
        self.trace.append(("-> %s" % host, ("ok", None)))
        self.roots = (host, self.roots[1])
        time.sleep(self.settle_s)
        self.went_over_at = time.monotonic()

    def store_attributes(self):
        later = False
        for name in self.chosen:
            path = os.path.join(self.roots[0], name)
            try:
                with open(path, "rb") as stream:
                    os.fsync(stream.fileno())
            except OSError:  # a folder, or it has another name
                later = True
        if later:
            time.sleep(max(0.0, self.stored_at - time.monotonic()))
        self.chosen = ()


class RelayTwin(TreeTwin):
    """Files of known names, always opened: what close_to_open promises without any waiting."""
    kinds = ("write", "write", "append", "patch", "patch", "copy_range", "pieces", "sparse", "overwrite", "shrink",
             "shuffled", "read", "read", "read", "map_read", "map_write", "tail", "parallel", "replace", "open_unlink",
             "mixture", "mixture")

    def name(self):
        return "f%d" % self.random.randrange(4)

    def do_replace(self):
        name, data = self.name(), self.data()

        def work(root):
            path = os.path.join(root, name)
            with open(path + ".new", "wb", buffering=0) as stream:
                harness.write_all(stream, data)
            os.rename(path + ".new", path)
        self.both("replace %s %d" % (name, len(data)), work)

    def do_open_unlink(self):
        """A name that is only believed would be removed a second time."""
        name = self.name()

        def work(root):
            os.close(os.open(os.path.join(root, name), os.O_RDONLY))
            os.unlink(os.path.join(root, name))
        self.both("open_unlink " + name, work)


def options_of(dice, relay):
    if relay:
        choices = [group for group in CHOICES if not group[0].startswith(BELIEVED)]
        return ALWAYS + ["--close_to_open=true", "--attr_timeout=60"] + common.pick_options(dice, choices)
    times = dice.choice((["--attr_timeout=0"], ["--attr_timeout=1"], ["--attr_timeout=1", "--close_to_open=true"]))
    return ALWAYS + times + common.pick_options(dice, CHOICES)


def believed_s(mounts):
    values = [float(o.split("=")[1]) for m in mounts for o in m.options if o.startswith(BELIEVED)]
    return max(values) + 0.3 if any(values) else 0.05


def between(dice, server, mounts, twins):
    for twin in twins:
        twin.store_attributes()
    time.sleep(ATTRIBUTES_STORED_S)  # those of folders
    server.clear_fault()
    way = dice.choice(("stay", "remount", "kill"))
    if way != "stay":
        getattr(dice.choice(mounts), way)()
    for mount in mounts:
        if not mount.alive():
            mount.start()
    return way


def soak(dice):
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 450
    relay = dice.random() < 0.5
    options, faults = [options_of(dice, relay) for _ in range(2)], common.pick_faults(dice, common.FAULTS)
    server_options = [o for o in common.SERVER_OPTIONS if dice.random() < 0.2]
    print("seed %d: %s, faults %s, server %s" % (SEED, [o[len(ALWAYS):] for o in options], faults, server_options),
          flush=True)
    local = harness.temporary_folder("local")
    with harness.Server(*server_options) as server, harness.Mount(server, *options[0]) as one, \
            harness.Mount(server, *options[1]) as two:
        mounts = (one, two)
        twins = common.make_twins(RelayTwin if relay else TreeTwin, 3, one.path, local)
        for number, twin in enumerate(twins):
            twin.hosts = [os.path.join(mount.path, "t%d" % number) for mount in mounts]
            twin.settle_s = 0 if relay else believed_s(mounts)

        def work(twin):
            for _ in range(steps // len(twins) // PHASES):
                twin.step()

        check = test_property.Property()
        for phase in range(PHASES):
            common.set_faults(server, faults, phase)
            harness.in_threads(work, twins, limit=600)
            print("phase %d, then %s" % (phase, between(dice, server, mounts, twins)), flush=True)
            time.sleep(believed_s(mounts) if not relay else 0)
            for mount in mounts:
                if relay:  # without a wait only what is opened is right
                    mount.remount()
                check.compare(mount.path, local, "%d, on %s" % (phase, mount.path), twins)
        for mount in mounts:
            mount.unmount()


if __name__ == "__main__":
    common.run(soak)
