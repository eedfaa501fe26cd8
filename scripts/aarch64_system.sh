#!/usr/bin/env bash
# Unpacks the arm64 libraries that the preset `aarch64` builds with, on an x86-64 machine with Debian 12.
#
#   scripts/aarch64_system.sh [DIR]           as root, once; DIR is build/aarch64-system
#   cmake --preset aarch64 && cmake --build --preset aarch64
#
# Needs debootstrap. Nothing is installed: dpkg knows of no foreign architecture afterwards. For another DIR set
# OSSFS2_SYSROOT in the environment of the first call of cmake.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
case ${1:-} in -*) sed -n '2,8s/^# \{0,1\}//p' "$0"; exit 0 ;; esac
system=${1:-$root/build/aarch64-system}
[ -e "$system" ] && { echo "aarch64_system: $system is there already"; exit 0; }

# The ones of the build here.
libraries=$(sed -n '/^build_packages=(/,/^)/p' "$root/scripts/setup.sh" | grep -oE '[a-z0-9.+-]+-dev' | paste -sd,)
mkdir -p "$(dirname "$system")"
new=$system.new log=$system.log
rm -rf "$new"
debootstrap --arch=arm64 --foreign --variant=minbase --include="libstdc++-12-dev,$libraries" bookworm "$new" >"$log" ||
  { tail -5 "$log" >&2; exit 1; }
# `--foreign` unpacks the base only, and its second stage would run arm64 programs.
for package in "$new"/var/cache/apt/archives/*.deb; do dpkg -x "$package" "$new"; done
rm -f "$new"/var/cache/apt/archives/*.deb
# Absolute links would lead out of it.
find "$new" -type l -lname '/*' -print0 | while IFS= read -r -d '' link; do
  ln -sfn "$(realpath -m --relative-to="$(dirname "$link")" "$new$(readlink "$link")")" "$link"
done
mv "$new" "$system"
rm -f "$log"
echo "aarch64_system: $system"
