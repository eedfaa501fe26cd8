#!/usr/bin/env bash
# Shows ossfs2 at work on this machine, with no cloud account.
#
#   scripts/quickstart.sh [--size 1G]   installs, builds, starts a local OSS server,
#                                       mounts its bucket, downloads a model into the
#                                       mount and loads it with 4 processes
#   scripts/quickstart.sh --down        unmounts, stops the server, removes its files
#
# For Debian 12 as root. It can run again: what an earlier run left is taken down first.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
home="$root/.quickstart"
mount_point="$home/mnt"
config="$home/ossfs2.conf"
server_log="$home/server.log"
server_pid_file="$home/server.pid"
binary="$root/build/release/ossfs2"
server_binary="$root/build/release/ossfs2-server"
key_id=QUICKSTARTKEYID
size=1G
down=no

usage() { sed -n '2,9s/^# \{0,1\}//p' "$0"; }
while [ $# -gt 0 ]; do
  case "$1" in
    --size) size=${2:?--size needs a value such as 4G}; shift 2 ;;
    --size=*) size=${1#--size=}; shift ;;
    --down) down=yes; shift ;;
    -h | --help) usage; exit 0 ;;
    *) echo "quickstart.sh: unknown argument '$1'" >&2; usage >&2; exit 2 ;;
  esac
done
if ! [[ "$size" =~ ^[0-9]+[KMGkmg]?$ ]]; then
  echo "quickstart.sh: '$size' is no size (for example 256M, 4G)" >&2
  exit 2
fi

started=$SECONDS
step() { echo; echo "== $1 ($((SECONDS - started)) s)"; }
fail() {
  echo "quickstart.sh: $1" >&2
  [ -s "$server_log" ] && { echo "--- end of $server_log" >&2; tail -5 "$server_log" >&2; }
  exit 1
}

mounted() { grep -qF " $mount_point " /proc/self/mountinfo; }

stop_mount() {
  mounted || return 0
  if ! { [ -x "$binary" ] && "$binary" umount "$mount_point"; }; then
    umount "$mount_point" 2>/dev/null || umount -l "$mount_point" || true
  fi
  for _ in $(seq 50); do
    [ -z "$(daemon_pid)" ] && return 0
    sleep 0.1
  done
}

# The daemon of our mount: found by its command line, which holds no secret. (Its exe only root may see.)
daemon_pid() {
  local folder
  for folder in /proc/[0-9]*; do
    if [[ "$(tr '\0' ' ' 2>/dev/null <"$folder/cmdline")" == "$binary mount $mount_point "* ]]; then
      echo "${folder#/proc/}"
      return 0
    fi
  done
}

stop_server() {
  local pid
  [ -s "$server_pid_file" ] || return 0
  pid=$(cat "$server_pid_file")
  # Only if that number still is our server, and nobody else's process.
  if [[ "$(readlink "/proc/$pid/exe" 2>/dev/null)" == "$server_binary"* ]]; then
    kill "$pid" 2>/dev/null || true
    for _ in $(seq 50); do
      [ -d "/proc/$pid" ] || break
      sleep 0.1
    done
  fi
  rm -f "$server_pid_file"
}

if [ "$down" = yes ]; then
  stop_mount
  stop_server
  if mounted; then
    fail "$mount_point is still mounted (a program uses it); end that program and repeat"
  fi
  rm -rf "$home"
  echo "quickstart: unmounted, server stopped, $home removed (the build stays in $root/build)"
  exit 0
fi

step "packages"
bash "$root/scripts/setup.sh"

step "build (some minutes the first time)"
cd "$root"
mkdir -p "$home"
cmake --preset release >"$home/cmake.log" 2>&1 ||
  { tail -20 "$home/cmake.log"; fail "cmake failed"; }
cmake --build --preset release --target ossfs2 ossfs2-server || fail "the build failed"

step "local OSS server"
stop_mount
stop_server
mkdir -p "$mount_point" "$home/bucket"
secret=$(head -c 18 /dev/urandom | base64 | tr -d '/+=')
umask 077
setsid "$server_binary" --root "$home/bucket" --listen 127.0.0.1:0 --bucket quickstart \
  --access-key-id "$key_id" --access-key-secret "$secret" </dev/null >"$server_log" 2>&1 &
echo $! >"$server_pid_file"
port=""
for _ in $(seq 100); do
  port=$(sed -n 's/.*listening on 127\.0\.0\.1:\([0-9]*\).*/\1/p' "$server_log" | head -1)
  [ -n "$port" ] && break
  kill -0 "$(cat "$server_pid_file")" 2>/dev/null || fail "the server ended"
  sleep 0.1
done
[ -n "$port" ] || fail "the server did not start within 10 s"
echo "  serves $home/bucket at http://127.0.0.1:$port (counters: /-/stats)"

step "mount"
cat >"$config" <<END
# Written by scripts/quickstart.sh. One option a line; the command line overrides.
--oss_endpoint=http://127.0.0.1:$port
--oss_bucket=quickstart
--oss_access_key_id=$key_id
--oss_access_key_secret=$secret
--log_dir=$home/log
END
umask 022
mkdir -p "$home/log"
remount() {
  stop_mount
  "$binary" mount "$mount_point" -c "$config" || fail "the mount failed, see $home/log"
}
remount
echo "  ossfs2 mount $mount_point -c $config"

job() { python3 "$root/scripts/quickstart/model_job.py" "$@"; }
results="$home/results.json"
rm -f "$results"

step "generate a model of $size"
job make "$home/model" --size "$size"

step "download it into the mount: 8 workers, as ModelScope does"
job download "$home/model" "$mount_point" --workers 8 --results "$results"
memory_of() { awk '/^VmHWM/ {print $2 * 1024}' "/proc/$1/status" 2>/dev/null || echo 0; }
memory_in=$(memory_of "$(daemon_pid)")

step "load it from the mount: 4 processes by mmap, after a remount (nothing cached)"
remount
job load "$home/model" "$mount_point" --ranks 4 --results "$results" \
  --stats "http://127.0.0.1:$port/-/stats"
memory_out=$(memory_of "$(daemon_pid)")
memory=$(printf '%s\n' "${memory_in:-0}" "${memory_out:-0}" | sort -n | tail -1)

step "result"
job table "$home/model" --results "$results" --memory "$memory"
cat <<END

It is still mounted. To look around:
  ls -l $mount_point/model
  cat $config
  $binary stats $mount_point
  $binary mount --help
To end it:
  scripts/quickstart.sh --down
END
