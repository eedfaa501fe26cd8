# What the packages must do in an empty system; run there by chroot_test.sh, by its /bin/sh (dash or busybox).
#
# Usage: inside.sh host|carried     which glibc the programs must use
set -eu
library=$1
place=/opt/ossfs2-test
cd $place
bin=$(echo $place/ossfs2-*/bin)
fail() { echo "FAILED: $*"; cat error plain.log tls.log logs/*.log 2>/dev/null | tail -40; exit 1; }
good() { echo "good: $*"; }

# --- the programs start, and nothing is missing
"$bin/ossfs2" --version
"$bin/ossfs2-server" --version
for program in "$bin"/*; do
  missing=$(LD_TRACE_LOADED_OBJECTS=1 "$program" | grep 'not found' || :)
  [ -z "$missing" ] || fail "$program lacks: $missing"
done

start_server() {  # NAME OPTIONS...: the port, and the process in $server
  name=$1; shift
  "$bin/ossfs2-server" --root $place/root-"$name" --bucket test --access-key-id id --secret-file secret "$@" > "$name.log" 2>&1 &
  server=$!
  for _ in $(seq 200); do grep -qs 'listening on' "$name.log" && break; sleep 0.05; done
  port=$(sed -n 's/.*listening on 127.0.0.1://p' "$name.log")
  [ -n "$port" ] || fail "no server"
}
# PID NAME WORD: it is known by its name, its command line begins with what was typed, and it has the right glibc.
check_process() {
  case $library in
    carried) grep -q '/lib/glibc/libc.so.6$' "/proc/$1/maps" || fail "$2 does not use the carried glibc" ;;
    *) ! grep -q '/lib/glibc/' "/proc/$1/maps" || fail "$2 uses the carried glibc" ;;
  esac
  ! grep -E 'lib(c|pthread|dl|rt|m|resolv)[-.]' "/proc/$1/maps" | grep -v "/lib/glibc/" | grep -q / || [ "$library" = host ] ||
    fail "$2 has libraries of two glibcs: $(grep -E 'lib(c|m|pthread)[-.]' "/proc/$1/maps")"
  [ "$(cat "/proc/$1/comm")" = "$2" ] || fail "the process is called $(cat "/proc/$1/comm")"
  case $(tr '\0' ' ' < "/proc/$1/cmdline") in "$bin/$2 $3"*) ;; *) fail "its command line is $(tr '\0' ' ' < "/proc/$1/cmdline")" ;; esac
  case $(readlink "/proc/$1/exe") in "${bin%/bin}"/*"/$2") ;; *) fail "its program is $(readlink "/proc/$1/exe")" ;; esac
  ! command -v pidof > /dev/null || pidof "$2" | grep -qw "$1" || fail "pidof does not find $2"
}
daemon_pid() { for folder in /proc/[0-9]*; do
  case $(tr '\0' ' ' < "$folder/cmdline") in *"ossfs2 mount mnt "*) echo "${folder#/proc/}" ;; esac
done; }
use_mount() {  # OPTIONS...: writes 20 MB through one mount, reads it through another
  "$bin/ossfs2" mount mnt -c conf "$@" || fail "mount $*"
  check_process "$(daemon_pid)" ossfs2 "mount mnt "
  head -c 20000000 /dev/urandom > data
  cp data mnt/copy || fail "write"
  ls -l mnt | grep -q ' root .* copy' || fail "ls shows no owner: $(ls -l mnt)"
  "$bin/ossfs2" umount mnt || fail "umount"
  "$bin/ossfs2" mount mnt -c conf "$@" || fail "second mount"
  cmp data mnt/copy || fail "other bytes came back"
  "$bin/ossfs2" stats mnt > /dev/null || fail "stats"
  "$bin/ossfs2" umount mnt || fail "umount"
}

# --- plain HTTP, by address, by a name of /etc/hosts, by a name of DNS
echo hush > secret
chmod 600 secret
printf -- '--oss_bucket=test\n--log_dir=/opt/ossfs2-test/logs\n--path_style=true\n' > conf
chmod 600 conf
keys='--oss_access_key_id=id --oss_access_key_secret=hush'
start_server plain
plain_port=$port
check_process "$server" ossfs2-server "--root "
echo "--oss_endpoint=http://127.0.0.1:$port" >> conf
"$bin/ossfs2" check -c conf $keys | grep -v '^pass' || :
use_mount $keys
good "plain HTTP"
use_mount $keys --oss_endpoint="http://localhost:$port"
use_mount $keys --oss_endpoint="http://oss.example:$port"
good "names of /etc/hosts and of DNS"
if "$bin/ossfs2" mount mnt -c conf $keys --oss_request_timeout_ms=3000 --oss_endpoint="http://nowhere.example:$port" 2> error; then fail "a name that is none"; fi
grep -q 'nowhere.example' error || fail "$(cat error)"
case $library in
  carried) [ ! -e foreign-was-loaded ] || fail "a name service of the host was loaded into the carried glibc" ;;
  *) [ -e foreign-was-loaded ] || fail "the name services of the host are not used" ;;
esac
good "name services of the host ($library glibc)"

# --- a command that gives the keys is a program of the host, with nothing of ours in its environment
cat > keys.sh <<'KEYS'
#!/bin/sh
env > /opt/ossfs2-test/keys.environment
ls / > /dev/null || exit 1
echo '{"AccessKeyId": "id", "AccessKeySecret": "hush"}'
KEYS
chmod 755 keys.sh
use_mount --credential_process=$place/keys.sh
! grep -E '^(LD_|OSSFS2_|GLIBC_)' keys.environment || fail "the environment of the command"
good "credential_process"

# --- TLS, with the authority in a file of its own, and where Alibaba Cloud Linux and CentOS have theirs
start_server tls --tls-cert cert.pem --tls-key key.pem
tls="https://127.0.0.1:$port"
use_mount $keys --oss_endpoint="$tls" --ca_file=$place/cert.pem
use_mount $keys --oss_endpoint="https://oss.example:$port" --ca_file=$place/cert.pem
if "$bin/ossfs2" mount mnt -c conf $keys --oss_endpoint="$tls" 2> error; then fail "an unknown authority was trusted"; fi
grep -q 'ca_file' error || fail "$(cat error)"
if [ ! -e /etc/ssl/certs/ca-certificates.crt ]; then
  mkdir -p /etc/pki/tls/certs
  cp cert.pem /etc/pki/tls/certs/ca-bundle.crt
  use_mount $keys --oss_endpoint="$tls"
  rm -r /etc/pki
fi
good "TLS"

# --- the other name of the program, in the fstab form; moved to another folder first
mkdir "moved here"
mv "${bin%/bin}" "moved here/"
bin=$(echo "$place/moved here"/ossfs2-*/bin)
ln -s "$bin/ossfs2" mount.ossfs2
echo '--oss_access_key_id=id' >> conf
echo '--oss_access_key_secret=hush' >> conf
./mount.ossfs2 test $place/mnt -o conf=$place/conf || fail "mount.ossfs2"
cp data mnt/copy || fail "mount.ossfs2 writes"
umount mnt || fail "umount(8)"
good "mount.ossfs2, in another folder"

# --- the .deb
if command -v dpkg-query > /dev/null; then  # busybox has a dpkg too, without a database
  dpkg -i ossfs2.deb > error 2>&1 || fail "dpkg -i"
  [ -s /usr/share/doc/ossfs2/licences/NOTICE ] || fail "no licences"
  echo "test $place/mnt ossfs2 noauto,conf=$place/conf 0 0" > /etc/fstab
  mount mnt || fail "mount by fstab"
  cmp data mnt/copy || fail "the .deb reads"
  ossfs2 umount mnt || fail "umount"
  dpkg -P ossfs2 > error 2>&1 || fail "dpkg -P"
  rm /etc/fstab
  good "the .deb, and a mount by fstab"
fi
echo "CHROOT DONE"
