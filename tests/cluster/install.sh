#!/bin/sh
# Installs what building and running the cluster of the tests needs on Debian; what is there already is left alone.
set -eu
packages="containerd runc etcd-server containernetworking-plugins golang-go dpkg-dev openssl iproute2 iptables jq procps curl tzdata"
# Where kubectl came from elsewhere, Debian's would be in its way.
command -v kubectl >/dev/null || packages="$packages kubernetes-client"
missing=""
for package in $packages; do
  dpkg -s "$package" >/dev/null 2>&1 || missing="$missing $package"
done
[ -z "$missing" ] && exit 0
echo "installing:$missing" >&2
apt-get update -qq >&2
# A machine that has just started may be updating itself.
# shellcheck disable=SC2086
DEBIAN_FRONTEND=noninteractive apt-get install -y -qq -o DPkg::Lock::Timeout=300 --no-install-recommends $missing >/dev/null
