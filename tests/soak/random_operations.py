#!/usr/bin/env python3
"""Random operations of three threads on a mount and on a local folder, with random options and faults of the server.

  tests/soak/random_operations.py [STEPS]     of all threads (1500), in five phases

Between phases the mount goes on, is mounted again, also with other options, or is killed with kill -9 and mounted again
(all files being closed, and attributes stored); then contents and attributes of both trees must agree.
"""
import sys
import time

import common
from common import SEED, harness
import large_twin
import test_property

THREADS, PHASES = 3, 5
ALWAYS = ["--file_mode=0644", "--dir_mode=0755", "--upload_buffer_size=1m"]  # several parts from 1 MiB on
CHOICES = common.OPTIONS + common.WRITE_OPTIONS + common.LOOSE_OPTIONS
ATTRIBUTES_STORED_S = 5  # a change of attributes is stored 2 s after it


def between(dice, server, mount, twins, choices):
    way = dice.choice(("stay", "remount", "kill", "options"))
    if way == "kill" and "--sync_upload=false" in mount.options:
        way = "remount"  # what close() does not store may be lost
    if way != "stay":
        for twin in twins:
            twin.close_all()
    if way == "remount":
        mount.remount()
    elif way == "options":
        mount.remount(*(ALWAYS + common.pick_options(dice, choices)))
    elif way == "kill":
        server.clear_fault()
        time.sleep(ATTRIBUTES_STORED_S)
        mount.kill()
        mount.start()
    server.clear_fault()
    return way


def soak(dice):
    steps = int(sys.argv[1]) if len(sys.argv) > 1 else 1500
    server_options = [o for o in common.SERVER_OPTIONS if dice.random() < 0.2]
    # Appendable objects cannot be copied in buckets with versioning (docs/known-issues.md).
    choices = [c for c in CHOICES if "--versioned" not in server_options or "appendable" not in c[0]]
    options, faults = common.pick_options(dice, choices), common.pick_faults(dice, common.FAULTS)
    print("seed %d: %s, faults %s, server %s" % (SEED, options, faults, server_options), flush=True)
    local = harness.temporary_folder("local")
    with harness.Server(*server_options) as server, harness.Mount(server, *(ALWAYS + options)) as mount:
        twins = common.make_twins(large_twin.LargeTwin, THREADS, mount.path, local)

        def work(twin):
            for _ in range(steps // THREADS // PHASES):
                twin.step()

        check = test_property.Property()
        for phase in range(PHASES):
            common.set_faults(server, faults, phase)
            harness.in_threads(work, twins, limit=400)
            way = between(dice, server, mount, twins, choices)
            print("phase %d, then %s: %s" % (phase, way, mount.options[len(ALWAYS):]), flush=True)
            check.compare(mount.path, local, phase, twins)
        for twin in twins:
            twin.close_all()
        check.compare(mount.path, local, "end", twins)
        mount.unmount()


if __name__ == "__main__":
    common.run(soak)
