#!/usr/bin/env bash
# The packages of scripts/package.sh in an empty system: inside.sh says what must work there.
#
# Usage, as root: tests/package/chroot_test.sh [--packages DIR] [--build DIR] [--suite NAME] [--chroot DIR]
# [--old-kernel]
#   --packages  the folder with the .tar.gz and the .deb; default: made from --build (default build/release, which is not rebuilt)
#   --suite     trixie, bookworm (default), jammy: the host's glibc is used;
#               bullseye, buster, focal: it is too old, so the carried one; busybox: there is none, so the carried one
#   --chroot    a minimal system that stays for the next run; default: made by debootstrap and removed
#   --old-kernel  without the system calls that came after Linux 3.10 (old_kernel.py)
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
build=$root/build/release packages='' chroot='' suite=bookworm kernel=()
while [ $# -gt 0 ]; do
  case $1 in
    --packages) packages=$(readlink -f "$2"); shift 2 ;;
    --build) build=$(readlink -f "$2"); shift 2 ;;
    --suite) suite=$2; shift 2 ;;
    --chroot) chroot=$2; shift 2 ;;
    --old-kernel) kernel=("$root/tests/package/old_kernel.py"); shift ;;
    *) sed -n '2,10s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
  esac
done
[ "$(id -u)" = 0 ] || { echo "chroot_test: needs root" >&2; exit 2; }
mirror=() library=host
case $suite in
  trixie | bookworm) ;;
  bullseye) library=carried ;;
  buster) library=carried mirror=(http://archive.debian.org/debian) ;;
  jammy) mirror=(http://archive.ubuntu.com/ubuntu) ;;
  focal) library=carried mirror=(http://archive.ubuntu.com/ubuntu) ;;
  busybox) library=carried ;;
  *) echo "chroot_test: unknown suite $suite" >&2; exit 2 ;;
esac

work=$(mktemp -d)
trap 'rm -rf --one-file-system "$work"' EXIT
say() { printf '==> %s\n' "$*"; }

make_busybox_system() {
  (cd "$work" && apt-get -qq -o APT::Sandbox::User=root download busybox-static && dpkg-deb -x busybox-static_*.deb extracted)
  mkdir -p "$chroot"/{bin,etc,proc,dev,run,tmp,opt,var/log}
  cp "$work"/extracted/bin/busybox "$chroot/bin/"
  for tool in $("$chroot/bin/busybox" --list | grep -v "^busybox$"); do ln -s busybox "$chroot/bin/$tool"; done
  echo 'root:x:0:0:root:/:/bin/sh' > "$chroot/etc/passwd"
}
if [ -z "$chroot" ]; then chroot=$work/$suite; fi
if [ ! -x "$chroot/bin/sh" ]; then
  say "making $suite"
  # Only throw-away systems for this test; keys of Ubuntu and of old Debians are seldom installed.
  check=(--no-check-gpg)
  if [ ${#mirror[@]} = 0 ]; then check=(); fi
  if [ "$suite" = busybox ]; then
    make_busybox_system
  else
    debootstrap --variant=minbase "${check[@]}" "$suite" "$chroot" "${mirror[@]}" >"$work/debootstrap.log" 2>&1 ||
      { tail -20 "$work/debootstrap.log"; exit 1; }
  fi
fi
chroot=$(readlink -f "$chroot")
if [ -n "$(find "$chroot"/usr/lib "$chroot"/lib -name 'libfuse3*' -print -quit 2>/dev/null)" ] || [ -e "$chroot/usr/bin/fusermount3" ]; then
  echo "chroot_test: $chroot has libfuse3 or fusermount3; that proves nothing" >&2
  exit 1
fi
if [ -z "$packages" ]; then
  say "scripts/package.sh --build $build"
  packages=$work/dist
  "$root/scripts/package.sh" --build "$build" --out "$packages"
fi
"$root/tests/package/metadata_test.sh" "$packages"

say "unpacking into $suite"
place=$chroot/opt/ossfs2-test
rm -rf "$place"
mkdir -p "$place/mnt"
tar -C "$place" -xzf "$packages"/ossfs2-*.tar.gz
cp "$packages"/ossfs2_*.deb "$place/ossfs2.deb"
cp "$root/tests/package/inside.sh" "$place/"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=test \
  -addext subjectAltName=IP:127.0.0.1,DNS:oss.example -keyout "$place/key.pem" -out "$place/cert.pem" 2>/dev/null
# A name service of the host, asked before all others.
modules=$chroot/lib/$(cc -dumpmachine)
mkdir -p "$modules"
c++ -std=c++20 -O1 -shared -fPIC -nostdlib -fno-stack-protector -I "$root/src" "$root/tests/package/nss_module.cc" \
  -o "$modules/libnss_foreign.so.2"
trap 'rm -rf --one-file-system "$work" "$modules/libnss_foreign.so.2"' EXIT
echo 'hosts: foreign files dns' > "$chroot/etc/nsswitch.conf"
echo '127.0.0.1 localhost' > "$chroot/etc/hosts"
echo 'nameserver 127.0.0.1' > "$chroot/etc/resolv.conf"

say "running in $chroot"
# Mounts, processes and the network end with the name spaces.
unshare --mount --pid --net --fork --kill-child sh -c '
  python3 "$1" & sleep 1
  mount -t proc proc "$0/proc" && mount -t tmpfs -o mode=755 tmpfs "$0/dev" && mount -t tmpfs tmpfs "$0/run" || exit 1
  mkdir -p "$0/sys" && mount -t sysfs sysfs "$0/sys" || exit 1
  node() { mknod -m 666 "$0/dev/$1" c "$2" "$3" || exit 1; }
  node null 1 3; node zero 1 5; node random 1 8; node urandom 1 9; node fuse 10 229
  chroot=$0 library=$2; shift 2
  exec "$@" chroot "$chroot" /bin/sh /opt/ossfs2-test/inside.sh "$library"' \
  "$chroot" "$root/tests/package/name_server.py" "$library" "${kernel[@]}" </dev/null 2>&1 | tee "$work/log"
rm -rf --one-file-system "$place"
grep -q 'CHROOT DONE' "$work/log" || { echo "chroot_test: failed" >&2; exit 1; }
say "the packages work in an empty $suite, with the $library glibc"
