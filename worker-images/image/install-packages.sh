#!/bin/sh
# install-packages.sh MIRROR PACKAGE…: those that the base lacks, from one mirror only; leaves no lists behind.
set -eu
mirror=$1
shift
missing=
for package in "$@"; do
  dpkg-query -W -f '${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing="$missing $package"
done
[ -n "$missing" ] || exit 0
# shellcheck source=/dev/null
. /etc/os-release
rm -f /etc/apt/sources.list /etc/apt/sources.list.d/*
echo "deb $mirror $VERSION_CODENAME main" >/etc/apt/sources.list
# A snapshot is old on purpose: that its lists have expired is no news. Their signatures are checked all the same.
apt-get -o Acquire::Check-Valid-Until=false update
# shellcheck disable=SC2086 # a list of names
DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends $missing
rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/log/apt /var/log/dpkg.log /var/cache/ldconfig/aux-cache
