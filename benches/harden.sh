#!/usr/bin/env bash
# Time, memory and system calls of `harden` against what a user would run instead, in one run; fails over a budget.
# Needs root, tests/rootfs.sh's nginx tree, busybox and strace. RUNS=30 by default.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$PWD/target/x86_64-unknown-linux-musl/release/lithify
tree=$PWD/target/rootfs/nginx
runs=${RUNS:-30}
profiles=(-p shells -p coreutils -p network-tools)
# One mount namespace for all of it: nothing stays mounted.
if [ "${IN_NAMESPACE:-}" != 1 ]; then
  exec env IN_NAMESPACE=1 unshare -m "$0"
fi
work=$(mktemp -d)
trap 'umount "$work"/root 2>/dev/null || true; rm -rf "$work"' EXIT
mkdir "$work/root"

fresh() { # a fresh overlay of the tree, as a container runtime mounts it
  umount "$work/root" 2>/dev/null || true
  rm -rf "$work/upper" "$work/work"
  mkdir "$work/upper" "$work/work"
  mount -t overlay overlay -o "lowerdir=$tree,upperdir=$work/upper,workdir=$work/work" "$work/root"
}
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
harden() { "$bin" harden --allow-host --root "$1" "${profiles[@]}"; }

fresh
harden "$work/root" -v >/dev/null
"$bin" harden --allow-host --root "$tree" "${profiles[@]}" --dry-run --format json |
  jq -r --arg root "$work/root" '.actions[] | $root + .path' >"$work/paths"
names=$(wc -l <"$work/paths")
mapfile -t paths <"$work/paths"

for _ in $(seq "$runs"); do
  timed "$bin" --version >>"$work/version.us"
  fresh; timed harden "$work/root" >>"$work/harden.us"
  fresh; timed busybox rm -f "${paths[@]}" >>"$work/rm.us"
  fresh; timed find "$work/root" >>"$work/find.us"
done
version=$(median <"$work/version.us")
harden=$(median <"$work/harden.us")
rm=$(median <"$work/rm.us")
find=$(median <"$work/find.us")
echo "median of $runs runs, $names names, in us: harden $harden, version $version, busybox rm -f $rm, find $find"
awk "BEGIN { printf \"ratio: %.2f\n\", ($harden - $version) / ($rm + $find) }"
holds "time above --version, in us, against twice rm + find" $((harden - version)) $((2 * (rm + find)))

# An address space of 4 MiB bounds everything that can be resident.
fresh
if (ulimit -v 4096; exec "$bin" harden --allow-host --root "$work/root" "${profiles[@]}" >/dev/null); then
  echo "ok    peak memory: harden works with 4 MiB of address space"
else
  echo "OVER  peak memory: harden fails with 4 MiB of address space"
  failed=1
fi

# System calls. Those of the allocator (mmap, munmap, brk) are counted apart.
calls() { grep -cvE '^(mmap|munmap|mremap|brk)\(|^\+\+\+|^---' || true; }
mkdir "$work/empty"
strace -o "$work/empty.trace" "$bin" harden --allow-host --root "$work/empty" "${profiles[@]}" >/dev/null
fresh
strace -o "$work/harden.trace" "$bin" harden --allow-host --root "$work/root" "${profiles[@]}" >/dev/null
processes=$(grep -c '/stat"' "$work/empty.trace")
fixed=$(calls <"$work/empty.trace")
first=$(awk '/^unlinkat/ { print NR; exit }' "$work/harden.trace")
last=$(awk '/^unlinkat/ { n = NR } END { print n }' "$work/harden.trace")
inventory=$(($(sed -n "1,$((first - 1))p" "$work/harden.trace" | calls) - fixed))
apply=$(sed -n "${first},${last}p" "$work/harden.trace")
removed=$(grep -c '^unlinkat.*= 0' "$work/harden.trace")
batches=$(grep -cE '^openat2?\(' <<<"$apply" || true)
directories=$(find "$tree" -type d | wc -l)
links=$(find "$tree" -type l | wc -l)
listings=$(find "$tree" -type d -printf '%s\n' | awk '{ n += 1 + int($1 / 32768) } END { print n }')
echo "system calls of the allocator: $(grep -cE '^(mmap|munmap|mremap|brk)\(' "$work/empty.trace") fixed"
holds "fixed system calls, $processes processes at 4 each left out" $((fixed - 4 * processes)) 150
holds "inventory: 6 a directory ($directories), 6 a link ($links), 1 for each 32 KiB listed, 1 a file looked at ($removed)" \
  "$inventory" $((6 * directories + 6 * links + listings + removed))
holds "apply: 2 a name ($removed), and 3 for each opening of a directory ($batches)" \
  "$(calls <<<"$apply")" $((2 * removed + 3 * batches))
exit $failed
