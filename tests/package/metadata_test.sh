#!/usr/bin/env bash
# What the .deb and the .rpm say of themselves: both recommend the same packages.
#
# Usage: tests/package/metadata_test.sh DIR     a folder made by scripts/package.sh; what it lacks is left out
set -euo pipefail
packages=$1 seen=0
same() {  # FILE RECOMMENDED...
  file=$1; shift
  [ "$(printf '%s\n' "$@" | sort | xargs)" = "ca-certificates fuse3" ] || { echo "metadata_test: $file recommends '$*'" >&2; exit 1; }
  seen=1
}
for file in "$packages"/ossfs2_*.deb; do
  # shellcheck disable=SC2046
  if [ -e "$file" ]; then same "$file" $(dpkg-deb -f "$file" Recommends | tr ',' ' '); fi
done
for file in "$packages"/ossfs2-*.rpm; do
  # shellcheck disable=SC2046
  if [ -e "$file" ]; then same "$file" $(rpm -qp --recommends "$file"); fi
done
[ $seen = 1 ] || { echo "metadata_test: no package in $packages" >&2; exit 2; }
echo "good: the packages recommend the same"
