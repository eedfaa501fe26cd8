#!/usr/bin/env bash
# Shows where the daemon spends its time in one scenario of bench/run.py.
#
#   bench/profile.sh SCENARIO [OUT]     for example: bench/profile.sh seq-read
#
# Runs the scenario once (--quick) with the daemon under `perf record` and prints the
# functions that cost most. OUT (default bench/out/profile) gets perf.data, the table
# and, when perf can, folded stacks and a flame graph (flame.svg). As root; scripts/setup.sh
# --bench installs perf.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
case "${1:-}" in
  "" | -h | --help) sed -n '2,9s/^# \{0,1\}//p' "$0"; exit 0 ;;
esac
scenario=$1
out=${2:-$root/bench/out/profile}
command -v perf >/dev/null || { echo "profile.sh: perf is missing: scripts/setup.sh --bench" >&2; exit 1; }
binary=${OSSFS2_BIN:-$root/build/release/ossfs2}
mkdir -p "$out"

# The harness starts this instead of ossfs2; mounts are recorded, other commands pass.
wrapper=$(mktemp)
trap 'rm -f "$wrapper"' EXIT
cat >"$wrapper" <<END
#!/bin/sh
case "\$1" in
  mount) exec perf record -q -F 499 --call-graph fp -o "$out/perf.data" -- "$binary" "\$@" ;;
  *) exec "$binary" "\$@" ;;
esac
END
chmod +x "$wrapper"

OSSFS2_BIN="$wrapper" python3 "$root/bench/run.py" --quick --trials 1 --target ossfs2 \
  --only "$scenario" --out "$out/run"
perf report -i "$out/perf.data" --stdio --no-children -g none --percent-limit 0.5 \
  2>/dev/null | grep -v '^#' | grep -v '^$' >"$out/functions.txt" || true
perf script -i "$out/perf.data" 2>/dev/null | awk '
  /^[^ \t]/ { stack = ""; next }
  /^[ \t]+[0-9a-f]+ / { name = $2; sub(/\+0x.*/, "", name); stack = name (stack == "" ? "" : ";" stack); next }
  /^$/ { if (stack != "") count[stack]++; stack = "" }
  END { for (s in count) print s, count[s] }' >"$out/stacks.folded" || true
head -40 "$out/functions.txt"
if [ -s "$out/stacks.folded" ]; then
  python3 "$root/bench/ossfs2_bench/flame.py" "$out/stacks.folded" "$out/flame.svg" "ossfs2, $scenario"
fi
echo "written: $out/functions.txt, $out/flame.svg, $out/stacks.folded, $out/perf.data"
