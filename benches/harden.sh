#!/usr/bin/env bash
# Time, memory and system calls of `harden` against what a user would run instead, in one run; fails over a budget.
# Needs root, tests/rootfs.sh's nginx tree, busybox and strace. RUNS=30 by default.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${LITHIFY_BIN:-$PWD/target/x86_64-unknown-linux-musl/release/lithify}
tree=$PWD/target/rootfs/nginx
runs=${RUNS:-30}
# By names alone, and with a profile that recognises what it removes by content, too.
named=(-p coreutils -p network-tools)
# Nothing runs in this tree: what there looks like an app is looked for only where nobody says.
profiles=(-p shells --app none "${named[@]}")
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
# shellcheck source=benches/measure.sh
. benches/measure.sh
harden() { "$bin" harden --allow-host --root "$work/root" "$@"; }
paths() { # what harden removes with these profiles
  "$bin" harden --allow-host --root "$tree" "$@" --dry-run --format json |
    jq -r --arg root "$work/root" '.actions[] | $root + .path'
}
mapfile -t named_paths < <(paths "${named[@]}")
mapfile -t paths < <(paths "${profiles[@]}")
read_all() { find "$work/root" -xdev -type f -perm /111 -exec cat {} +; }

for _ in $(seq "$runs"); do
  timed "$bin" --version >>"$work/version.us"
  fresh; timed harden "${named[@]}" >>"$work/named.us"
  fresh; timed harden "${profiles[@]}" >>"$work/harden.us"
  fresh; timed busybox rm -f "${named_paths[@]}" >>"$work/named-rm.us"
  fresh; timed busybox rm -f "${paths[@]}" >>"$work/rm.us"
  fresh; timed find "$work/root" >>"$work/find.us"
  fresh; timed read_all >>"$work/read.us"
done
version=$(median <"$work/version.us")
find=$(median <"$work/find.us")
read_all=$(median <"$work/read.us")
named_time=$(median <"$work/named.us")
named_rm=$(median <"$work/named-rm.us")
harden=$(median <"$work/harden.us")
rm=$(median <"$work/rm.us")
echo "median of $runs runs, in us: version $version, find $find, find -perm /111 -exec cat $read_all"
echo "by name, ${#named_paths[@]} names: harden $named_time, busybox rm -f $named_rm"
echo "by name and content, ${#paths[@]} names: harden $harden, busybox rm -f $rm"
awk "BEGIN { printf \"ratios: %.2f and %.2f of rm + find, the latter %.2f with reading\\n\", ($named_time - $version) / ($named_rm + $find), ($harden - $version) / ($rm + $find), ($harden - $version) / ($rm + $find + $read_all) }"
holds "by name: time above --version, in us, against 2.5 times rm + find" $((named_time - version)) $((5 * (named_rm + find) / 2))
# What content decides must be read: the time of reading every executable is added to what a user would run instead.
holds "by content: time above --version, in us, against twice rm + find + find -perm /111 -exec cat" \
  $((harden - version)) $((2 * (rm + find + read_all)))

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
# In a process namespace of its own, as a container has: each process that is seen costs calls.
traced() { unshare --pid --fork --mount-proc strace -o "$work/$1.trace" "${@:2}" >/dev/null; }
traced names "$bin" harden --allow-host --root "$work/empty" -p coreutils -p network-tools
traced empty "$bin" harden --allow-host --root "$work/empty" "${profiles[@]}"
fresh
traced harden "$bin" harden --allow-host --root "$work/root" "${profiles[@]}"
processes=$(grep -c '/stat"' "$work/empty.trace")
fixed=$(calls <"$work/empty.trace")
first=$(awk '/^unlinkat/ { print NR; exit }' "$work/harden.trace")
last=$(awk '/^unlinkat/ { n = NR } END { print n }' "$work/harden.trace")
inventory=$(($(sed -n "1,$((first - 1))p" "$work/harden.trace" | calls) - fixed))
apply=$(sed -n "${first},${last}p" "$work/harden.trace")
removed=$(grep -c '^unlinkat.*= 0' "$work/harden.trace")
batches=$(grep -cE '^openat2?\(' <<<"$apply" || true)
files=$(find "$tree" -type f | wc -l)
executables=$(find "$tree" -type f -perm /111 | wc -l)
# Without an x bit it may be a program that ld.so starts: opened, read twice at most, closed.
others=$(find "$tree" -type f ! -perm /111 -size +16383c | wc -l)
directories=$(find "$tree" -type d | wc -l)
links=$(find "$tree" -type l | wc -l)
listings=$(find "$tree" -type d -printf '%s\n' | awk '{ n += 1 + int($1 / 32768) } END { print n }')
echo "system calls of the allocator: $(grep -cE '^(mmap|munmap|mremap|brk)\(' "$work/empty.trace") fixed"
holds "fixed system calls by name, $processes processes at 5 each left out" $(($(calls <"$work/names.trace") - 5 * processes)) 150
# By content also the directories where distributions keep programs, before and after.
holds "fixed system calls by name and content" $((fixed - 5 * processes)) 230
# Two walks: what is there by content, which looks at each file and opens the executables; then names and links.
holds "inventory: 12 a directory ($directories), 6 a link ($links), 2 for each 32 KiB listed, 1 a file ($files), 4 a large one without x ($others), 5 an executable ($executables), 1 a file removed ($removed)" \
  "$inventory" $((12 * directories + 6 * links + 2 * listings + files + 4 * others + 5 * executables + removed))
holds "apply: 2 a name ($removed), and 3 for each opening of a directory ($batches)" \
  "$(calls <<<"$apply")" $((2 * removed + 3 * batches))
exit $failed
