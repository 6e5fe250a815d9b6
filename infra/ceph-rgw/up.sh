#!/bin/bash
# Brings up an S3 server for tests and development: Ceph's gateway on one machine, on loopback, without systemd or root.
# Debian: apt-get install --no-install-recommends ceph-mon ceph-osd radosgw ceph-common curl
#
#   up.sh              starts it, making the cluster the first time; what runs already is left alone
#   down.sh [--wipe]   stops it [and deletes all data]
#
#   S3_DIR=.ceph-rgw   configuration, data, logs and pid files
#   S3_PORT=17480      http://127.0.0.1:$S3_PORT; the 24 ports above it are used too
#   S3_STORE=bluestore on disk, in a sparse file; memstore: in memory, gone when it stops
#   S3_GIB=16          its size
#   S3_KEY, S3_SECRET  credentials of its one user (test, testtest)
#   S3_UNTIL_PID       a process whose end takes the server and its data with it, for tests that may be killed
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
dir=$(realpath -m "${S3_DIR:-.ceph-rgw}") port=${S3_PORT:-17480} store=${S3_STORE:-bluestore}
key=${S3_KEY:-test} secret=${S3_SECRET:-testtest}
conf=$dir/ceph.conf

fail() { echo "$*" >&2; exit 1; }
# shellcheck source=infra/ceph-rgw/running.sh
. "$here/running.sh"
answers() { curl -s -o /dev/null --max-time 10 "http://127.0.0.1:$port/"; }
until_ok() { # until_ok WHAT LOG COMMAND…
  local what=$1 log=$2; shift 2
  for _ in $(seq 600); do "$@" && return; sleep .1; done
  fail "$what is not up after a minute; see $log"
}

for tool in ceph-mon ceph-osd radosgw ceph monmaptool curl; do
  command -v $tool >/dev/null || fail "$tool is missing: apt-get install --no-install-recommends ceph-mon ceph-osd radosgw ceph-common curl"
done

make_cluster() {
  rm -rf "$dir"/{mon,osd,rgw,run,log,crash}
  mkdir -p "$dir"/{mon,osd,rgw,run,log,crash}
  fsid=$(cat /proc/sys/kernel/random/uuid)
  # The monitor ignores, silently, an OSD whose disk was made with another uuid than was registered.
  osd_uuid=$(cat /proc/sys/kernel/random/uuid)
  sed -e "s|@DIR@|$dir|; s|@FSID@|$fsid|; s|@OSD_UUID@|$osd_uuid|; s|@STORE@|$store|" \
    -e "s|@PORT@|$port|; s|@MON_PORT@|$((port + 1))|; s|@OSD_PORT@|$((port + 2))|; s|@LAST_PORT@|$((port + 24))|" \
    -e "s|@BYTES@|$((${S3_GIB:-16} << 30))|" "$here/ceph.conf.in" >"$conf"
  monmaptool --create --addv a "[v2:127.0.0.1:$((port + 1))]" --fsid "$fsid" "$dir/monmap" >/dev/null
  ceph-mon -c "$conf" -i a --mkfs --monmap "$dir/monmap"
  start ceph-mon -c "$conf" -i a
  timeout 120 ceph -c "$conf" osd new "$osd_uuid" >/dev/null
  ceph-osd -c "$conf" -i 0 --mkfs --osd-uuid "$osd_uuid" 2>>"$dir/log/start.log"
}
# A daemon that kept our standard output open would keep whoever reads it waiting for ever.
start() { "$@" >>"$dir/log/start.log" 2>&1 </dev/null || fail "$1 did not start; see $dir/log/"; }
osd_up() { timeout 60 ceph -c "$conf" osd stat 2>/dev/null | grep -q '1 up'; }

# A store in memory did not outlive its daemon.
if grep -qs 'osd_objectstore = memstore' "$conf" && ! running osd.0; then "$here/down.sh" --wipe; fi
[ -e "$dir/made" ] || { "$here/down.sh"; make_cluster; }
if [ -n "${S3_UNTIL_PID:-}" ]; then
  S3_DIR=$dir setsid bash -c "tail --pid=$S3_UNTIL_PID -f /dev/null; exec '$here/down.sh' --wipe" >/dev/null 2>&1 </dev/null &
fi
running mon.a || start ceph-mon -c "$conf" -i a
running osd.0 || start ceph-osd -c "$conf" -i 0
until_ok 'the OSD' "$dir/log/osd.0.log" osd_up
if [ ! -e "$dir/made" ]; then
  timeout 120 radosgw-admin -c "$conf" user create --uid=test --display-name=test --access-key="$key" --secret-key="$secret" \
    >/dev/null 2>>"$dir/log/start.log" || fail "the user could not be made; see $dir/log/start.log"
fi
running client.rgw || start radosgw -c "$conf" -n client.rgw
until_ok 'the gateway' "$dir/log/client.rgw.log" answers
touch "$dir/made"
echo "http://127.0.0.1:$port"
