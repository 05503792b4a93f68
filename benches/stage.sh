#!/usr/bin/env bash
# Time of `stage` against `cp -a` of the same directories on the same disk, and of `install`; fails over a budget.
# `cp` is /usr/bin/cp followed by `sync -f`, because `stage` writes everything out, too, before it is done.
# Needs root and tests/rootfs.sh's nginx tree. RUNS=30 by default. WORK names a directory on the disk to measure.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${LITHIFY_BIN:-$PWD/target/x86_64-unknown-linux-musl/release/lithify}
tree=$PWD/target/rootfs/nginx
runs=${RUNS:-30}
work=$(mktemp -d -p "${WORK:-$PWD/target}")
trap 'rm -rf "$work"' EXIT
mkdir "$work/cp" "$work/stage" "$work/install"

timed() { # microseconds of one command
  local start=$EPOCHREALTIME
  "$@" >/dev/null
  local end=$EPOCHREALTIME
  echo $((${end/./} - ${start/./}))
}
median() { sort -n | awk '{ a[NR] = $1 } END { print int((a[int((NR + 1) / 2)] + a[int((NR + 2) / 2)]) / 2) }'; }
failed=0
holds() { # DESCRIPTION VALUE LIMIT
  if [ "$2" -le "$3" ]; then echo "ok    $1: $2, at most $3"; else echo "OVER  $1: $2, at most $3"; failed=1; fi
}
# A profile that removes next to nothing: both copy the same.
printf 'schema = 1\n[remove]\nnames = ["ash"]\n' >"$work/same.toml"
stage() { "$bin" stage --root "$tree" -p "$1" /usr/bin /bin /usr/sbin /sbin --to "$work/stage"; }
copy() { cp -a "$tree/usr/bin" "$tree/usr/sbin" "$work/cp/"; }
# What stage does before it says that it is done: nothing of the copy is only in memory.
copy_synced() { copy && sync -f "$work/cp"; }
quiet() { rm -rf "$work/cp" "$work/stage" "$work/install" && mkdir "$work/cp" "$work/stage" "$work/install" && sync -f "$work"; }

for _ in $(seq "$runs"); do
  quiet; timed copy >>"$work/cp.us"
  quiet; timed copy_synced >>"$work/synced.us"
  quiet; timed stage "$work/same.toml" >>"$work/same.us"
  quiet; timed stage nginx >>"$work/nginx.us"
  quiet; timed "$bin" install "$work/install" >>"$work/install.us"
done
# The quickest of each: whatever else the machine does only adds to it.
least() { sort -n "$work/$1.us" | sed -n 1p; }
for name in cp synced same nginx install; do
  echo "$name: least $(least $name), median $(median <"$work/$name.us") us of $runs runs"
done
synced=$(least synced) same=$(least same) nginx=$(least nginx) install=$(least install)
holds "stage -p nginx, in us, against 1.2 times cp -a and sync -f" "$nginx" $((synced * 12 / 10))
holds "stage of all, in us, against 1.2 times cp -a and sync -f" "$same" $((synced * 12 / 10))
holds "install, in us" "$install" 10000
exit $failed
