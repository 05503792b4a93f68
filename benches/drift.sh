#!/usr/bin/env bash
# Time and CPU of `verify` with [verify.drift] and of `diff` against find -xdev, in one run in a container's root; fails
# over a budget. Needs root, and tests/rootfs.sh's nginx tree. RUNS=30 by default.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=benches/measure.sh
. benches/measure.sh
runs=${RUNS:-30}

# The last step, in the root of the container, as its first process.
if [ "${IN_CONTAINER:-}" = 1 ]; then
  verify=(/lithify verify -p /p.toml)
  /lithify verify -v -p /p.toml
  for _ in $(seq "$runs"); do
    timed find / -xdev >>/find.us
    timed "${verify[@]}" >>/verify.us
    timed /lithify diff >>/diff.us
  done
  # What else runs on the machine only adds to a time.
  quickest() { sort -n "/$1.us" | head -1; }
  # The aim is 150, and 123 to 147 were measured. Both commands take some 10 ms, so that the ratio varies by a tenth.
  holds "verify: time in percent of find -xdev, the quickest of each" $((100 * $(quickest verify) / $(quickest find))) 170
  holds "diff: time in percent of find -xdev, the quickest of each" $((100 * $(quickest diff) / $(quickest find))) 250
  TIMEFORMAT='%3U %3S'
  cpu=$({ time for _ in $(seq "$runs"); do "${verify[@]}" >/dev/null; done; } 2>&1)
  cpu=$(awk -v runs="$runs" '{ print int(($1 + $2) * 1000 / runs + 0.5) }' <<<"$cpu")
  holds "verify: CPU in ms, user and system" "$cpu" 30
  exit "$failed"
fi

# One mount namespace for all of it: nothing stays mounted.
if [ "${IN_NAMESPACE:-}" != 1 ]; then
  exec env IN_NAMESPACE=1 unshare -m "$0"
fi
bin=${LITHIFY_BIN:-$PWD/target/x86_64-unknown-linux-musl/release/lithify}
tree=$PWD/target/rootfs/nginx
work=$(mktemp -d)
trap 'umount -l "$work" 2>/dev/null || true; rmdir "$work"' EXIT
mount -t tmpfs tmpfs "$work"
mkdir "$work/upper" "$work/work" "$work/root"
mount -t overlay -o "lowerdir=$tree,upperdir=$work/upper,workdir=$work/work" overlay "$work/root"
mkdir -p "$work/root/proc" "$work/root/benches"
cp "$bin" "$work/root/lithify"
cp benches/drift.sh benches/measure.sh "$work/root/benches"
printf 'schema = 1\n[verify.drift]\nexecutables = false\nprocesses = false\n' >"$work/root/p.toml"
sleep 0.1 # what was made just now is older than the container
env IN_CONTAINER=1 RUNS="$runs" unshare -pf --mount-proc="$work/root/proc" chroot "$work/root" /benches/drift.sh
