"""What the soak programs share: random mounts, random faults, and the seed that repeats a run.

Not part of the test suite: they run for as long as wanted, and look for what nobody thought of.
  OSSFS2_TEST_SEED=N   repeats a run (threads and the network still differ from run to run)
Binaries and folders are those of tests/e2e/harness.py.
"""
import os
import random
import sys
import time
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(ROOT, "tests", "e2e"), os.path.join(ROOT, "tests")]
sys.dont_write_bytecode = True
SEED = int(os.environ.setdefault("OSSFS2_TEST_SEED", str(time.time_ns() % 10**9)))
os.environ.setdefault("OSSFS2_TEST_LIMIT", "1500")

import harness  # noqa: E402

MIB = 1 << 20
OPTIONS = [
    ["--total_mem_limit=64m"], ["--total_mem_limit=64m", "--memory_data_cache_size=16m"],
    ["--memory_data_cache_size=64m"], ["--direct_io=true"], ["--close_to_open=true"],
    ["--attr_timeout=0"], ["--attr_timeout=1"], ["--readdirplus=false"], ["--kernel_readdir_cache_timeout=5"],
    ["--negative_timeout=5"], ["--oss_negative_cache_timeout=5"], ["--metadata_mem_limit=1m"],
    ["--prefetch_concurrency=0"], ["--page_cache_fill_threads=0"], ["--page_cache_fill_threads=2"],
    ["--cache_until_close=true"], ["--verify_read_crc64=true"],
]
WRITE_OPTIONS = [
    ["--upload_concurrency=1"], ["--upload_concurrency=2", "--upload_copy_concurrency=1"], ["--staging_size_max=400m"],
]
# Not for kill_anywhere: a file may be there in part (appendable), or lost after its close (sync_upload=false).
LOOSE_OPTIONS = [
    ["--sync_upload=false"], ["--enable_appendable_object=true"],
    ["--enable_appendable_object=true", "--appendable_object_autoswitch_threshold=64m"],
]
FAULTS = [
    "rate=0.03,kind=status:503:SlowDown", "rate=0.03,kind=status:500:InternalError", "rate=0.02,kind=reset",
    "rate=0.02,kind=lost-answer", "rate=0.02,kind=html", "rate=0.05,kind=delay:30", "rate=0.05,kind=late-answer:40",
    "op=get,rate=0.03,kind=short", "op=put,rate=0.02,kind=corrupt", "op=list,rate=0.05,kind=bad-xml",
    "rate=0.2,kind=status:503:SlowDown", "op=get,rate=0.2,kind=short", "op=get,rate=0.2,kind=reset",
    "op=put|complete|copy|copy_part|part,rate=0.2,kind=lost-answer", "op=put|part|copy_part,rate=0.2,kind=reset",
    "op=part,rate=0.1,kind=corrupt", "op=initiate|append|delete|delete_many,rate=0.1,kind=lost-answer",
    "op=head|list,rate=0.2,kind=status:500:InternalError", "op=get,rate=0.1,kind=no-range",
]
SERVER_OPTIONS = ["--copies-change-etag", "--no-copy-crc", "--versioned"]


def pick_options(dice, choices):
    """Up to three of them, no option twice."""
    taken = {}
    for group in dice.sample(choices, dice.choice((0, 1, 2, 3))):
        for option in group:
            taken.setdefault(option.split("=")[0], option)
    return list(taken.values())


def pick_faults(dice, choices):
    return dice.sample(choices, dice.choice((0, 0, 1, 2, 3)))


def set_faults(server, faults, number):
    for fault in faults:
        server.set_fault("%s,seed=%d" % (fault, (SEED + number) % 1000))


def make_twins(kind, count, *roots):
    """`count` twins of the class `kind`, each with a folder of its own below the mount and the local root."""
    twins = []
    for number in range(count):
        pair = [os.path.join(root, "t%d" % number) for root in roots]
        for path in pair:
            os.mkdir(path)
        twins.append(kind(pair[0], pair[1], "%d-%d" % (SEED, number)))
    return twins


def run(soak):
    """Calls soak(dice) and ends with status 1 after a failure, with the seed; mounts and folders go in any case."""
    harness.clean_up_at_end()
    os.umask(0o022)
    try:
        soak(random.Random(SEED))
    except BaseException:
        traceback.print_exc()
        harness.show_logs(ended=True)
        print("FAILED, OSSFS2_TEST_SEED=%d" % SEED, flush=True)
        harness.destroy_all()
        os._exit(1)  # threads that hang on a mount must not keep it alive
    print("passed, OSSFS2_TEST_SEED=%d" % SEED, flush=True)
