#!/bin/bash
# Measures the relocatable bundle on a machine with many cores (and GPUs, where torch sees some).
#
#   bench/many_cores.sh [BUNDLE.tar.gz] [options of bench/many_cores.py]
#
# Unpacks the bundle (default: the newest dist/ossfs2-*.tar.gz; "-" takes OSSFS2_BIN and
# OSSFS2_SERVER_BIN as they are), prints what the machine is, and runs all sections within one call of
# less than 9 minutes. Results go to $OUT, or bench/out/many-cores without it. As root; data lies on
# /dev/shm: about 60 GB at the full size, and as much page cache again. --small tries it out in a minute.
# dist/ossfs2.symbols (`nm -C` of the unstripped ossfs2), when present, names the functions in profiles.
set -u
root=$(cd "$(dirname "$0")/.." && pwd)
export PYTHONUNBUFFERED=1 LC_ALL=C.UTF-8

bundle=
if [ $# -gt 0 ] && [ "${1#--}" = "$1" ]; then bundle=$1; shift; fi
[ -n "$bundle" ] || bundle=$(ls -t "$root"/dist/ossfs2-*.tar.gz 2>/dev/null | head -1)
if [ "$bundle" != - ]; then
  [ -f "$bundle" ] || { echo "no bundle: scripts/package.sh makes one" >&2; exit 1; }
  place=$(mktemp -d /dev/shm/ossfs2-bundle-XXXXXX)
  trap 'rm -rf "$place"' EXIT
  tar -xzf "$bundle" -C "$place" --strip-components=1 --no-same-owner || exit 1
  export OSSFS2_BIN=$place/bin/ossfs2 OSSFS2_SERVER_BIN=$place/bin/ossfs2-server
fi
[ -f "$root/dist/ossfs2.symbols" ] && export OSSFS2_SYMBOLS=${OSSFS2_SYMBOLS:-$root/dist/ossfs2.symbols}

"$OSSFS2_BIN" --version || exit 1
lscpu | grep -E '^(Model name|CPU\(s\)|Thread|Core|Socket|NUMA|L3|Hypervisor)' || true
free -g | head -2
df -h /dev/shm | tail -1
uname -r
[ -e /dev/fuse ] || { modprobe fuse 2>/dev/null; [ -e /dev/fuse ]; } || echo "no /dev/fuse" >&2
cat /sys/module/fuse/parameters/* 2>/dev/null | tr '\n' ' '; echo
nvidia-smi --query-gpu=name,memory.total,driver_version --format=csv,noheader 2>/dev/null || true
python3 -c 'import torch, safetensors; print("torch", torch.__version__, "safetensors", safetensors.__version__)' 2>/dev/null || true
ulimit -l unlimited -n 65536 2>/dev/null || true

# Signals are handed on, and the binaries stay until the mounts are gone.
python3 "$root/bench/many_cores.py" --out "${OUT:-$root/bench/out/many-cores}" "$@" &
child=$!
trap 'kill "$child" 2>/dev/null' INT TERM HUP
wait "$child"
status=$?
while kill -0 "$child" 2>/dev/null; do wait "$child"; status=$?; done
exit "$status"
