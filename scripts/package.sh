#!/usr/bin/env bash
# Makes dist/ossfs2-VERSION-ARCH.tar.gz, .deb and .rpm from a release build.
#
# The tarball is relocatable and needs no library of the host, only Linux 3.10 or later of the same architecture:
#
#   bin        launchers (src/launcher), which choose the C library
#   libexec    the programs
#   lib        libfuse3 and every other library, found through $ORIGIN
#   lib/glibc  the C library and its loader, for hosts with a glibc before 2.35 or none
#   docs, conf documents and examples
#   share      licences, man page, completion, benchmarks
#
# The .deb and .rpm install the same tree under /usr/lib/ossfs2 with links in /usr/bin and /usr/sbin.
#
# Usage: scripts/package.sh [--build DIR] [--out DIR] [--no-deb] [--no-rpm]
#   --build DIR   packs what was built there; without it build/release is brought up to date first
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
build="" out=$root/dist deb=1 rpm=1
while [ $# -gt 0 ]; do
  case $1 in
    --build) build=$2; shift 2 ;;
    --out) out=$2; shift 2 ;;
    --no-deb) deb=0; shift ;;
    --no-rpm) rpm=0; shift ;;
    -h | --help) sed -n '2,17s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "usage: scripts/package.sh [--build DIR] [--out DIR] [--no-deb] [--no-rpm]" >&2; exit 2 ;;
  esac
done

say() { printf '==> %s\n' "$*"; }

if [ -z "$build" ]; then
  build=$root/build/release
  say "building"
  [ -f "$build/CMakeCache.txt" ] || (cd "$root" && cmake --preset release)
  cmake --build "$build" --target ossfs2 ossfs2-server ossfs2-launcher
fi
[ -x "$build/ossfs2-launcher" ] || { echo "nothing is built in $build" >&2; exit 1; }

# Weak dependencies: users mount by fusermount3, and https needs the system's authorities where no ca_file names others.
recommends=(fuse3 ca-certificates)
version=$("$build/ossfs2" --version | sed -n 's/^ossfs2 \([0-9][0-9.]*\).*/\1/p' | head -1)
[ -n "$version" ] || { echo "ossfs2 --version tells no version" >&2; exit 1; }
machine=$(uname -m)
case $machine in x86_64) deb_arch=amd64 ;; aarch64) deb_arch=arm64 ;; *) deb_arch=$machine ;; esac
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
name=ossfs2-$version-$machine
tree=$work/$name
mkdir -p "$tree/bin" "$tree/lib/glibc" "$tree/share" "$out"

say "collecting $name"
cmake --install "$build" --prefix "$work/installed" --strip >/dev/null
mv "$work/installed/bin" "$tree/libexec"
for program in "$tree"/libexec/*; do
  install -s -m 755 "$build/ossfs2-launcher" "$tree/bin/$(basename "$program")"
done
# Libraries of the C library go apart: with the host's own glibc none of them may be found.
of_glibc='^(ld-linux.*|libc|libm|libmvec|libpthread|libdl|librt|libresolv|libutil|libanl)\.so'
ldd "$build/ossfs2" "$build/ossfs2-server" | awk '/=> \//{print $3}' | sort -u > "$work/libraries"
glibc=$(dirname "$(grep -E '/libc\.so\.6$' "$work/libraries")")
# Also what no program of ours asks for: a library of /etc/ld.so.preload may, and the host's would not fit.
for library in ld-linux-*.so.* libc.so.6 libm.so.6 libpthread.so.0 libdl.so.2 librt.so.1 libresolv.so.2 libutil.so.1 libanl.so.1; do
  ls "$glibc"/$library >> "$work/libraries"
done
sort -u "$work/libraries" | while read -r library; do
  base=$(basename "$library") folder=lib
  if printf '%s' "$base" | grep -Eq "$of_glibc"; then folder=lib/glibc; fi
  cp -L "$library" "$tree/$folder/$base"
done
# Debian 12's libstdc++ asks for GLIBC_2.36 only for arc4random, which nothing of ours calls (base/values/random.h): without
# that the tree also runs on Ubuntu 22.04 (glibc 2.35).
if [ -f "$tree/lib/libstdc++.so.6" ]; then
  python3 "$root/scripts/drop_version.py" "$tree/lib/libstdc++.so.6" GLIBC_2.36 arc4random
fi
# As in the repository, so that their links hold.
cp -r "$root/README.md" "$root/LICENSE" "$root/CHANGELOG.md" "$root/docs" "$root/conf" "$tree/"
cp -r "$root/bench" "$tree/share/bench"
mkdir -p "$tree/share/man" "$tree/share/completion"
"$build/ossfs2" docs man > "$tree/share/man/ossfs2.8"
"$build/ossfs2" docs completion > "$tree/share/completion/ossfs2"
mkdir -p "$tree/share/licences"
python3 "$root/scripts/package_licences.py" "$tree/share/licences" < "$work/libraries"
needs=$(for f in "$tree"/libexec/* "$tree"/lib/*.so*; do objdump -T "$f" 2>/dev/null; done | grep -v arc4random |
  grep -o 'GLIBC_2\.[0-9]*' | sort -uV | tail -1)
launcher_knows=GLIBC_2.$(sed -n 's/.*kHostGlibcMinor = \([0-9]*\);.*/\1/p' "$root/src/launcher/launcher.cc")
if [ "$(printf '%s\n' "$needs" "$launcher_knows" | sort -V | tail -1)" != "$launcher_knows" ]; then
  echo "the programs need $needs, and the launcher would start them with $launcher_knows of a host: change kHostGlibcMinor" >&2
  exit 1
fi
say "uses the host's glibc from $launcher_knows on, its own elsewhere"

tar -C "$work" -czf "$out/$name.tar.gz" "$name"
say "$out/$name.tar.gz"

stage_system_tree() {  # $1: where
  mkdir -p "$1/usr/lib/ossfs2" "$1/usr/bin" "$1/usr/sbin" "$1/usr/share/man/man8" \
    "$1/usr/share/bash-completion/completions" "$1/usr/share/doc/ossfs2" "$1/usr/lib/systemd/system"
  cp -r "$tree/bin" "$tree/lib" "$tree/libexec" "$1/usr/lib/ossfs2/"
  ln -s ../lib/ossfs2/bin/ossfs2 "$1/usr/bin/ossfs2"
  ln -s ../lib/ossfs2/bin/ossfs2-server "$1/usr/bin/ossfs2-server"
  ln -s ../lib/ossfs2/bin/ossfs2 "$1/usr/sbin/mount.ossfs2"
  ln -s ../lib/ossfs2/bin/ossfs2 "$1/usr/sbin/umount.fuse.ossfs2"
  gzip -9n < "$tree/share/man/ossfs2.8" > "$1/usr/share/man/man8/ossfs2.8.gz"
  cp "$tree/share/completion/ossfs2" "$1/usr/share/bash-completion/completions/ossfs2"
  cp -r "$tree"/{docs,conf,share/licences,LICENSE,README.md,CHANGELOG.md} "$1/usr/share/doc/ossfs2/"
  cp "$root/conf/ossfs2@.service" "$1/usr/lib/systemd/system/"
}

# After an install, an upgrade and a removal, else `systemctl restart` would use the unit of before.
reload_units='if [ -d /run/systemd/system ]; then systemctl daemon-reload || :; fi'
# In rpm's own language: for a shell the package would depend on /bin/sh.
reload_units_lua='if posix.stat("/run/systemd/system") then os.execute("systemctl daemon-reload") end'

if [ $deb = 1 ] && command -v dpkg-deb >/dev/null; then
  package=$work/deb
  stage_system_tree "$package"
  mkdir -p "$package/DEBIAN"
  size_kib=$(du -sk --exclude=DEBIAN "$package" | cut -f1)
  for script in postinst postrm; do
    printf '#!/bin/sh\nset -e\n%s\n' "$reload_units" > "$package/DEBIAN/$script"
    chmod 755 "$package/DEBIAN/$script"
  done
  cat > "$package/DEBIAN/control" <<EOF
Package: ossfs2
Version: $version
Architecture: $deb_arch
Installed-Size: $size_kib
Maintainer: ossfs2 developers <ossfs2@localhost>
Recommends: $(IFS=,; echo "${recommends[*]}")
Section: utils
Priority: optional
Description: FUSE file system for Alibaba Cloud OSS, made for AI models
 Mounts a bucket so that models can be downloaded into it and loaded from it
 at the speed of the network, with no tuning.
EOF
  dpkg-deb --root-owner-group -Zgzip --build "$package" "$out/ossfs2_${version}_$deb_arch.deb" >/dev/null
  say "$out/ossfs2_${version}_$deb_arch.deb"
fi

if [ $rpm = 1 ] && ! command -v rpmbuild >/dev/null; then
  say "no .rpm: rpmbuild is missing (apt install rpm)"
  rpm=0
fi
if [ $rpm = 1 ]; then
  stage_system_tree "$work/rpmroot"
  cat > "$work/ossfs2.spec" <<EOF
Name: ossfs2
Version: $version
Release: 1
Summary: FUSE file system for Alibaba Cloud OSS, made for AI models
License: Apache-2.0
AutoReqProv: no
$(printf 'Recommends: %s\n' "${recommends[@]}")
%define _binary_payload w6.gzdio
%define _build_id_links none
%define __os_install_post %{nil}
%define debug_package %{nil}
%description
Mounts a bucket so that models can be downloaded into it and loaded from it
at the speed of the network, with no tuning.
%post -p <lua>
$reload_units_lua
%postun -p <lua>
$reload_units_lua
%install
mkdir -p %{buildroot}
cp -a $work/rpmroot/. %{buildroot}/
%files
/usr/lib/ossfs2
/usr/bin/ossfs2
/usr/bin/ossfs2-server
/usr/sbin/mount.ossfs2
/usr/sbin/umount.fuse.ossfs2
/usr/share/man/man8/ossfs2.8.gz
/usr/share/bash-completion/completions/ossfs2
/usr/share/doc/ossfs2
/usr/lib/systemd/system/ossfs2@.service
EOF
  rpmbuild -bb --quiet --define "_topdir $work/rpm" --define "_rpmdir $out" \
    --define "_build_name_fmt %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm" "$work/ossfs2.spec" >/dev/null
  say "$out/ossfs2-$version-1.$machine.rpm"
fi
