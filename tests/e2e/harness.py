"""What the end-to-end tests stand on: a local OSS server, a mount, and checks.

Every test file runs alone:  python3 tests/e2e/test_basic.py -v
The binaries come from OSSFS2_BIN and OSSFS2_SERVER_BIN (default: build/release).
OSSFS2_TEST_DIR says where the temporary files go (default: the system's),
OSSFS2_TEST_SEED fixes the random tests, OSSFS2_TEST_LIMIT is the number of
seconds after which a file that hangs is ended (default 280), and
OSSFS2_TEST_KEEP=1 keeps the temporary files.

Tests import all they need from here; the parts are clean_up.py, programs.py,
servers.py, mounts.py, payloads.py and oss_client.py. Standard library only.
"""
import os
import sys
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
sys.path.insert(0, os.path.dirname(HERE))
sys.dont_write_bytecode = True

# They need the path above.
from clean_up import clean_up_at_end, destroy_all, register, show_logs, show_threads, tail  # noqa: E402
from clean_up import temporary_folder, unregister, watch  # noqa: E402
from mounts import RAISES_READ_AHEAD, Mount, MountCase, is_mounted  # noqa
from oss_client import OssClient  # noqa
from payloads import MIB, block, check_file, content, payload, sha256, tree_hashes, write_all, write_file  # noqa
from programs import OSSFS2, ROOT, SERVER, Processes, clean_environment, in_threads, needs, run, wait_until  # noqa
from servers import KEY_ID, KEY_SECRET, Server, Stats, fetch, free_port  # noqa

GIB = 1 << 30


def main():
    """Instead of unittest.main(): cleans up always, and ends what hangs."""
    watch(int(os.environ.get("OSSFS2_TEST_LIMIT", "280")))
    for binary in (OSSFS2, SERVER):
        if not os.access(binary, os.X_OK):
            sys.exit("not built: %s (cmake --build --preset release)" % binary)
    unittest.main(module="__main__")
