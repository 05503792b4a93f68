#!/usr/bin/env bash
# What `learn` costs an app, as ratios to `run --init` in one run: nginx under load, and a shell script that only forks.
# Fails over a budget. Needs root, tests/rootfs.sh's nginx tree, and ab (apache2-utils). RUNS=5, STARTS=500 by default.
set -euo pipefail
cd "$(dirname "$0")/.."
# One mount and network namespace for all of it: nothing stays mounted, and the port is free.
if [ "${IN_NAMESPACE:-}" != 1 ]; then
  exec env IN_NAMESPACE=1 unshare -m -n "$0"
fi
# shellcheck source=benches/measure.sh
. benches/measure.sh
bin=${LITHIFY_BIN:-$PWD/target/x86_64-unknown-linux-musl/release/lithify}
tree=$PWD/target/rootfs/nginx
runs=${RUNS:-5}
starts=${STARTS:-500}
ip link set lo up
work=$(mktemp -d)
trap 'umount -l "$work" 2>/dev/null || true; rmdir "$work"' EXIT
mount -t tmpfs tmpfs "$work"
mkdir "$work/upper" "$work/work" "$work/root"
mount -t overlay -o "lowerdir=$tree,upperdir=$work/upper,workdir=$work/work" overlay "$work/root"
mkdir -p "$work/root/proc"
cp "$bin" "$work/root/lithify"

inside() { # a command as the first process in the tree
  unshare -pf --kill-child --mount-proc="$work/root/proc" chroot "$work/root" "$@"
}
forks() { # a shell that starts a program again and again
  inside /lithify "$@" -- /bin/sh -c "i=0; while [ \$i -lt $starts ]; do /bin/true; i=\$((i + 1)); done"
}
load() { # the time that 8000 requests take, in µs
  inside /lithify "$@" -- /usr/sbin/nginx -g 'daemon off;' >/dev/null 2>&1 &
  local first=$!
  for _ in $(seq 500); do
    (: </dev/tcp/127.0.0.1/8080) 2>/dev/null && break
    sleep 0.02
  done
  ab -q -n 8000 -c 8 http://127.0.0.1:8080/ | awk '/^Time taken/ { print int($5 * 1000000) }'
  # The app ends, and the profile is written. unshare itself ignores the signal.
  kill -TERM "$(pgrep -P "$(pgrep -P "$first")")"
  wait "$first" || true
}
for _ in $(seq "$runs"); do
  load run --init >>"$work/nginx.run"
  load learn -q --out /p.toml >>"$work/nginx.learn"
  timed forks run --init >>"$work/forks.run"
  timed forks learn -q --out /p.toml >>"$work/forks.learn"
done
# What else runs on the machine only adds to a time.
quickest() { sort -n "$work/$1" | head -1; }
percent() { echo $((100 * $(quickest "$1.learn") / $(quickest "$1.run"))); }
# The aims are 105 and 300. On a busy machine, the load that the client makes varies by more than that.
holds "nginx under load: time in percent of run --init" "$(percent nginx)" 150
holds "a shell that starts $starts programs: time in percent of run --init" "$(percent forks)" 400
exit "$failed"
