#!/usr/bin/env bash
# Time of `stage` against `cp -a` of the same directories on the same disk, and of `install`; fails over a budget.
# Bare `cp -a` neither writes out nor compares; `stage` does both, and is held to it with a profile that people use. When
# everything is copied, it is held to `cp -a`, `sync -f` and `diff -r`.
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
# What stage does before it says that it is done: written out, and compared.
copy_verified() {
  copy && sync -f "$work/cp" && diff -r --no-dereference "$tree/usr/bin" "$work/cp/bin" && diff -r --no-dereference "$tree/usr/sbin" "$work/cp/sbin"
}
quiet() { rm -rf "$work/cp" "$work/stage" "$work/install" && mkdir "$work/cp" "$work/stage" "$work/install" && sync -f "$work"; }

for _ in $(seq "$runs"); do
  quiet; timed copy >>"$work/cp.us"
  quiet; timed copy_verified >>"$work/verified.us"
  quiet; timed stage "$work/same.toml" >>"$work/same.us"
  quiet; timed stage nginx >>"$work/nginx.us"
  quiet; timed "$bin" install "$work/install" >>"$work/install.us"
done
for name in cp verified same nginx install; do
  echo "$name: median $(median <"$work/$name.us") us of $runs runs, least $(sort -n "$work/$name.us" | sed -n 1p)"
done
value() { median <"$work/$1.us"; }
holds "stage -p nginx, in us, against 1.2 times cp -a" "$(value nginx)" $(($(value cp) * 12 / 10))
holds "stage of everything, in us, against 1.2 times cp -a, sync -f and diff -r" "$(value same)" $(($(value verified) * 12 / 10))
# The quickest: whatever else the machine does only adds to a few milliseconds.
holds "install, in us" "$(sort -n "$work/install.us" | sed -n 1p)" 10000
exit $failed
