#!/usr/bin/env bash
# Installs every Debian package that the project needs, on Debian 12 as root.
#
#   scripts/setup.sh            what the build needs
#   scripts/setup.sh --test     and what the tests run
#   scripts/setup.sh --bench    and what bench/run.py uses beside us
#
# Nothing is downloaded when all packages are there, so it is quick to call it
# again. Exit status 0: everything is installed.
set -euo pipefail

build_packages=(
  g++ cmake ninja-build ccache mold pkg-config git ca-certificates python3
  libfuse3-dev fuse3 libcurl4-openssl-dev libssl-dev libspdlog-dev libcli11-dev
  libgtest-dev libgmock-dev libbenchmark-dev libisal-dev libpugixml-dev libmimalloc-dev
  nlohmann-json3-dev libexpected-dev rpm
)
test_packages=(
  python3-numpy python3-torch python3-boto3 rclone s3fs aria2 rsync git-lfs
  curl wget zip unzip sqlite3 ffmpeg fio attr psmisc debootstrap strace
)
bench_packages=(
  rclone s3fs fio curl psmisc python3-numpy python3-torch python3-matplotlib linux-perf
)

wanted=("${build_packages[@]}")
for argument in "$@"; do
  case "$argument" in
    --test) wanted+=("${test_packages[@]}") ;;
    --bench) wanted+=("${bench_packages[@]}") ;;
    -h | --help) sed -n '2,10s/^# \{0,1\}//p' "$0"; exit 0 ;;
    *) echo "setup.sh: unknown argument '$argument' (known: --test, --bench)" >&2; exit 2 ;;
  esac
done

# Node may have come from elsewhere, and then Debian's packages conflict with it.
if [[ " $* " == *" --test "* ]] && ! { command -v node && command -v npm; } >/dev/null; then
  wanted+=(nodejs npm)
fi

# `dpkg -s` of all packages at once takes a tenth of a second.
missing_packages() {
  local installed
  installed=$(dpkg-query -W -f='${Package} ${db:Status-Status}\n' "${wanted[@]}" 2>/dev/null |
    awk '$2 == "installed" {print $1}' || true)
  printf '%s\n' "${wanted[@]}" | sort -u | grep -vxF -f <(printf '%s\n' "$installed" "") || true
}

mapfile -t missing < <(missing_packages)
if [ "${#missing[@]}" -eq 0 ]; then
  echo "setup: all packages are installed"
  exit 0
fi

if [ "$(id -u)" -ne 0 ]; then
  echo "setup.sh: these packages are missing and only root can install them: ${missing[*]}" >&2
  exit 1
fi
if ! command -v apt-get >/dev/null; then
  echo "setup.sh: no apt-get here. This script is for Debian 12; install by hand: ${missing[*]}" >&2
  exit 1
fi

install_packages() {
  DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -qq update </dev/null &&
    DEBIAN_FRONTEND=noninteractive apt-get -o DPkg::Lock::Timeout=300 -o Dpkg::Use-Pty=0 \
      -qq install -y --no-install-recommends "${missing[@]}" </dev/null
}

log=$(mktemp)
trap 'rm -f "$log"' EXIT
echo "setup: installing ${#missing[@]} packages: ${missing[*]}"
if ! install_packages >"$log" 2>&1; then
  echo "setup: apt failed, trying once more in 10 s; its last lines were:"
  tail -5 "$log"
  sleep 10
  if ! install_packages >"$log" 2>&1; then
    echo "setup: apt failed twice; its last lines were:" >&2
    tail -30 "$log" >&2
    exit 1
  fi
fi
mapfile -t missing < <(missing_packages)
if [ "${#missing[@]}" -ne 0 ]; then
  echo "setup: still missing after apt: ${missing[*]}" >&2
  exit 1
fi
echo "setup: done"
