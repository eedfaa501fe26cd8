#!/usr/bin/env bash
# Installs what is needed, builds, and runs every test.
#
#   scripts/test.sh             all tests
#   scripts/test.sh -R e2e      more arguments go to ctest
#
# A test that fails is tried twice more; one that then passes is counted as
# passed and named at the end, so that it can be repaired without stopping
# everybody. Exit status 0: all passed.
set -uo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root" || exit 1

case "${1:-}" in
  -h | --help) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 0 ;;
esac

started=$SECONDS
phase_started=$SECONDS
times=""
end_of_phase() {
  local spent=$((SECONDS - phase_started))
  echo "== $1: $spent s"
  times+="$1 $spent s, "
  phase_started=$SECONDS
}
give_up() {
  echo "== $1 failed after $((SECONDS - started)) s"
  echo "0 passed, 1 failed"
  exit 1
}

bash scripts/setup.sh --test || give_up "setup"
end_of_phase "setup"

cmake --preset release >/tmp/ossfs2-configure.$$ 2>&1 ||
  { cat /tmp/ossfs2-configure.$$; rm -f /tmp/ossfs2-configure.$$; give_up "configure"; }
rm -f /tmp/ossfs2-configure.$$
end_of_phase "configure"

# One retry: a compiler killed for memory must not look like a broken source.
cmake --build --preset release || cmake --build --preset release -j 1 || give_up "build"
end_of_phase "build"

log="$root/build/release/test-log.txt"
ctest --test-dir build/release -j2 --output-on-failure --repeat until-pass:3 "$@" \
  </dev/null 2>&1 | tee "$log"
status=${PIPESTATUS[0]}
end_of_phase "tests"

python3 scripts/test_summary.py "$log" "$status"
status=$?
echo "== times: ${times}total $((SECONDS - started)) s"
tail -n 1 "$log.summary"
exit "$status"
