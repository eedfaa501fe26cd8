#!/usr/bin/env bash
# The .tar.gz of scripts/package.sh in an empty Debian 12 or Ubuntu 22.04 without libfuse3: it must mount, write, read, and speak TLS.
#
# Usage, as root: tests/package/chroot_test.sh [--tarball FILE] [--build DIR] [--suite NAME] [--chroot DIR]
#   --tarball  what to test; default: made from --build (default build/release, which is not rebuilt)
#   --suite    bookworm (default) or jammy (Ubuntu 22.04)
#   --chroot   a minimal system that stays for the next run; default: made by debootstrap and removed
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
build=$root/build/release tarball='' chroot='' suite=bookworm
while [ $# -gt 0 ]; do
  case $1 in
    --tarball) tarball=$(readlink -f "$2"); shift 2 ;;
    --build) build=$(readlink -f "$2"); shift 2 ;;
    --suite) suite=$2; shift 2 ;;
    --chroot) chroot=$2; shift 2 ;;
    *) sed -n '2,8s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
done
[ "$(id -u)" = 0 ] || { echo "chroot_test: needs root" >&2; exit 2; }

work=$(mktemp -d)
trap 'rm -rf --one-file-system "$work"' EXIT
say() { printf '==> %s\n' "$*"; }

if [ -z "$chroot" ]; then chroot=$work/$suite; fi
if [ ! -x "$chroot/bin/sh" ]; then
  say "debootstrap $suite"
  mirror=() check=()
  if [ "$suite" = jammy ]; then mirror=(http://archive.ubuntu.com/ubuntu); fi
  # Only a throw-away system for this test; its keyring is seldom installed on Debian.
  if [ "$suite" = jammy ] && [ ! -e /usr/share/keyrings/ubuntu-archive-keyring.gpg ]; then check=(--no-check-gpg); fi
  debootstrap --variant=minbase "${check[@]}" "$suite" "$chroot" "${mirror[@]}" >"$work/debootstrap.log" 2>&1 ||
    { tail -20 "$work/debootstrap.log"; exit 1; }
fi
chroot=$(readlink -f "$chroot")
if [ -n "$(find "$chroot/usr/lib" "$chroot/lib" -name 'libfuse3*' -print -quit)" ] || [ -e "$chroot/usr/bin/fusermount3" ]; then
  echo "chroot_test: $chroot has libfuse3 or fusermount3; that proves nothing" >&2
  exit 1
fi
if [ -z "$tarball" ]; then
  say "scripts/package.sh --build $build"
  "$root/scripts/package.sh" --build "$build" --out "$work/dist" --no-deb --no-rpm
  tarball=$(ls "$work"/dist/*.tar.gz)
fi

say "unpacking $(basename "$tarball")"
rm -rf "$chroot/opt/ossfs2-test"
mkdir -p "$chroot/opt/ossfs2-test/mnt"
tar -C "$chroot/opt/ossfs2-test" -xzf "$tarball"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test \
  -addext subjectAltName=IP:127.0.0.1 -keyout "$chroot/opt/ossfs2-test/key.pem" \
  -out "$chroot/opt/ossfs2-test/cert.pem" 2>/dev/null
cat > "$chroot/opt/ossfs2-test/inside.sh" <<'INSIDE'
set -eu
cd /opt/ossfs2-test
bin=$(echo /opt/ossfs2-test/ossfs2-*/bin)
fail() { echo "FAILED: $*"; cat server.log tls.log logs/*.log 2>/dev/null | tail -40; exit 1; }
"$bin/ossfs2" --version
for program in "$bin"/*; do
  missing=$(LD_TRACE_LOADED_OBJECTS=1 "$program" | grep 'not found' || :)
  [ -z "$missing" ] || fail "$program lacks: $missing"
done
start_server() {  # LOG OPTIONS...: the port
  log=$1; shift
  "$bin/ossfs2-server" --root /opt/ossfs2-test/root-"$log" --bucket test --access-key-id id \
    --secret-file secret "$@" > "$log" 2>&1 &
  for _ in $(seq 200); do grep -q 'listening on' "$log" && break; sleep 0.05; done
  port=$(sed -n 's/.*listening on 127.0.0.1://p' "$log")
  [ -n "$port" ] || fail "no server"
}
use_mount() {  # OPTIONS...: writes 20 MB through one mount, reads it through another
  "$bin/ossfs2" mount mnt -c conf "$@" || fail "mount $*"
  head -c 20000000 /dev/urandom > data
  cp data mnt/copy || fail "write"
  ls -l mnt
  "$bin/ossfs2" umount mnt || fail "umount"
  "$bin/ossfs2" mount mnt -c conf "$@" || fail "second mount"
  cmp data mnt/copy || fail "other bytes came back"
  "$bin/ossfs2" stats mnt > /dev/null || fail "stats"
  "$bin/ossfs2" umount mnt || fail "umount"
}
echo hush > secret
chmod 600 secret
printf -- '--oss_bucket=test\n--oss_access_key_id=id\n--oss_access_key_secret=hush\n--log_dir=/opt/ossfs2-test/logs\n' > conf
chmod 600 conf
start_server server.log
echo "--oss_endpoint=http://127.0.0.1:$port" >> conf
"$bin/ossfs2" check -c conf | grep -v '^pass' || :
use_mount
echo "plain HTTP: good"
start_server tls.log --tls-cert cert.pem --tls-key key.pem
use_mount --oss_endpoint="https://127.0.0.1:$port" --ca_file=/opt/ossfs2-test/cert.pem
echo "TLS: good"
if "$bin/ossfs2" mount mnt -c conf --oss_endpoint="https://127.0.0.1:$port" 2> error; then fail "an unknown authority was trusted"; fi
grep -q 'ca_file' error || fail "$(cat error)"
echo "CHROOT DONE"
INSIDE

say "running in $chroot"
# Mounts and processes end with the namespaces.
unshare --mount --pid --fork --kill-child sh -c '
  mount -t proc proc "$0/proc" && mount -t tmpfs -o mode=755 tmpfs "$0/dev" && mount -t tmpfs tmpfs "$0/run" &&
  for node in "null 1 3" "zero 1 5" "urandom 1 9" "random 1 8" "fuse 10 229"; do
    set -- $node; mknod -m 666 "$0/dev/$1" c "$2" "$3" || exit 1
  done &&
  exec chroot "$0" /bin/sh /opt/ossfs2-test/inside.sh' "$chroot" </dev/null 2>&1 | tee "$work/log"
rm -rf --one-file-system "$chroot/opt/ossfs2-test"
grep -q 'CHROOT DONE' "$work/log" || { echo "chroot_test: failed" >&2; exit 1; }
say "the tarball mounts and reads in an empty $suite"
