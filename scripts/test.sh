#!/usr/bin/env bash
# Installs what is needed, builds, and runs every test.
#
#   scripts/test.sh             all tests
#   scripts/test.sh -R e2e      more arguments go to ctest
#
# Unit and layer tests run once. Up to three that failed are tried once more,
# alone: one that then passes has found a race. An end-to-end test that fails is
# tried twice more, because it shares the machine with real mounts and servers.
# What passed only when repeated counts as passed and is named at the end, with
# the output of its failure above, to be repaired. Exit status 0: all passed.
set -uo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
cd "$root" || exit 1

case "${1:-}" in
  -h | --help) sed -n '2,12s/^# \{0,1\}//p' "$0"; exit 0 ;;
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
run_tests() {
  ctest --test-dir build/release -j2 --output-on-failure "$@" </dev/null 2>&1
}
failed_list=build/release/Testing/Temporary/LastTestsFailed.log
few_failed() { [ -s "$failed_list" ] && [ "$(wc -l <"$failed_list")" -le 3 ]; }
rm -f "$failed_list"
{ run_tests -LE e2e "$@"; } | tee "$log"
status=${PIPESTATUS[0]}
if [ "$status" -ne 0 ] && few_failed; then
  { run_tests -j1 --rerun-failed; } | tee -a "$log"
  status=${PIPESTATUS[0]}
fi
end_of_phase "unit and layer tests"
{ run_tests -L e2e --repeat until-pass:3 "$@"; } | tee -a "$log"
e2e_status=${PIPESTATUS[0]}
[ "$status" -ne 0 ] || status=$e2e_status
end_of_phase "end-to-end tests"

python3 scripts/test_summary.py "$log" "$status"
status=$?
echo "== times: ${times}total $((SECONDS - started)) s"
tail -n 1 "$log.summary"
exit "$status"
