#!/bin/bash
# Stops what up.sh started in S3_DIR; with --wipe also deletes its data.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
dir=$(realpath -m "${S3_DIR:-.ceph-rgw}")
conf=$dir/ceph.conf
# shellcheck source=infra/ceph-rgw/running.sh
. "$here/running.sh"

for daemon in client.rgw osd.0 mon.a; do
  pid=$(pid_of $daemon) || continue
  kill -TERM "$pid"
  for _ in $(seq 150); do running $daemon || break; sleep .1; done
  if running $daemon; then kill -KILL "$pid"; fi
  rm -f "$dir/run/$daemon.pid"
done
if [ "${1:-}" = --wipe ] && [ -d "$dir" ]; then
  rm -rf "$dir"/{mon,osd,rgw,run,log,crash,ceph.conf,monmap,made}
  rmdir --ignore-fail-on-non-empty "$dir"
fi
