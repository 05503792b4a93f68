#!/usr/bin/env bash
# CPU time and peak memory of what runs in a pod, by a cgroup: install, stage, harden, verify, on nginx's root filesystem,
# warm, each over a fresh overlay. Needs root and tests/rootfs.sh's nginx tree. Medians of RUNS=5. The budget is what
# examples/fleet gives the init container that installs.
set -euo pipefail
cd "$(dirname "$0")/.."
. benches/measure.sh
bin=${LITHIFY_BIN:-$PWD/target/x86_64-unknown-linux-musl/release/lithify}
tree=$PWD/target/rootfs/nginx
runs=${RUNS:-5}
limit_kib=16384
if [ "${IN_NAMESPACE:-}" != 1 ]; then exec env IN_NAMESPACE=1 unshare -m "$0"; fi
work=$(mktemp -d)
trap 'leave; umount -R "$work/root" 2>/dev/null || true; rm -rf "$work"' EXIT
mkdir "$work/root"

# A cgroup, of either version. What is written to a volume counts as memory until it is on the disk.
if [ -d /sys/fs/cgroup/memory ]; then
  memory=/sys/fs/cgroup/memory/lithify-bench-$$ cpu=/sys/fs/cgroup/cpuacct/lithify-bench-$$
  peak() { cat "$memory/memory.max_usage_in_bytes"; }
  used() { awk '{ print int($1 / 1000) }' "$cpu/cpuacct.usage"; }
else
  memory=/sys/fs/cgroup/lithify-bench-$$ cpu=$memory
  peak() { cat "$memory/memory.peak"; }
  used() { awk '$1 == "usage_usec" { print $2 }' "$cpu/cpu.stat"; }
fi
leave() { rmdir "$memory" 2>/dev/null || true; [ "$cpu" = "$memory" ] || rmdir "$cpu" 2>/dev/null || true; }

fresh() {
  umount -R "$work/root" 2>/dev/null || true
  rm -rf "$work/upper" "$work/work"
  mkdir "$work/upper" "$work/work"
  mount -t overlay overlay -o "lowerdir=$tree,upperdir=$work/upper,workdir=$work/work" "$work/root"
  mkdir "$work/root/lithify" "$work/root/out"
  cp "$bin" "$work/root/lithify/lithify"
  mount -t tmpfs tmpfs "$work/root/out"
  mount -t proc proc "$work/root/proc"
}

measure() { # DESCRIPTION CODE ARGUMENT...
  local description=$1 expected=$2 code
  shift 2
  : >"$work/used"
  : >"$work/peak"
  for _ in $(seq "$runs"); do
    fresh
    find "$work/root" -xdev -type f -perm /111 -exec cat {} + >/dev/null # warm
    mkdir -p "$memory" "$cpu"
    code=0
    # shellcheck disable=SC2016
    sh -c 'echo $$ >"$1/cgroup.procs"; echo $$ >"$2/cgroup.procs"; shift 2; exec chroot "$@"' sh "$memory" "$cpu" \
      "$work/root" /lithify/lithify "$@" >"$work/report" 2>&1 || code=$?
    [ "$code" = "$expected" ] || { echo "$description: exit $code, not $expected"; cat "$work/report"; exit 1; }
    used >>"$work/used"
    peak | awk '{ print int($1 / 1024) }' >>"$work/peak"
    leave
  done
  echo "      $description: $(($(median <"$work/used") / 1000)) ms of CPU, $(median <"$work/peak") KiB of memory"
}

measure "install" 0 install /out
holds "install: KiB of memory" "$(median <"$work/peak")" "$limit_kib"
measure "harden, profile nginx" 0 harden --allow-host --profile nginx
measure "verify, profile nginx, which finds all of it" 1 verify --profile nginx
measure "stage, profile nginx" 0 stage --profile nginx /usr/bin /usr/sbin /bin /sbin --to /out
exit $failed
