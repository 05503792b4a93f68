#!/usr/bin/env bash
# CPU time of a probe that waits, `harden --wait-for-app`, by wait4(2): while an entrypoint script still runs (75), against
# find -xdev, and when the app has settled and everything is deleted (0), against `harden` without waiting; fails over a
# budget. Warm: the tree is in the page cache. Needs root, cc and tests/rootfs.sh's nginx tree. RUNS=10 by default.
set -euo pipefail
cd "$(dirname "$0")/.."
# shellcheck source=benches/measure.sh
. benches/measure.sh
bin=${LITHIFY_BIN:-$PWD/target/x86_64-unknown-linux-musl/release/lithify}
tree=$PWD/target/rootfs/nginx
runs=${RUNS:-10}
if [ "${IN_NAMESPACE:-}" != 1 ]; then
  exec env IN_NAMESPACE=1 unshare -m "$0"
fi
work=$(mktemp -d)
container=
stop() {
  [ -z "$container" ] || { kill -KILL "$container" && wait "$container"; } 2>/dev/null || true
  umount -R "$work/root" 2>/dev/null || true
}
trap 'stop; rm -rf "$work"' EXIT
mkdir "$work/root"
cc -static -O1 -o "$work/rusage" benches/rusage.c

start() { # a container of its own namespaces over a fresh overlay; its first process is COMMAND
  stop
  rm -rf "$work/upper" "$work/work"
  mkdir "$work/upper" "$work/work"
  mount -t overlay overlay -o "lowerdir=$tree,upperdir=$work/upper,workdir=$work/work" "$work/root"
  mkdir "$work/root/lithify"
  cp "$bin" "$work/root/lithify/lithify"
  mount -t tmpfs tmpfs "$work/root/dev"
  unshare --mount --pid --fork --kill-child chroot "$work/root" /bin/sh -c "mount -t proc proc /proc; $1" >/dev/null 2>&1 &
  container=$!
  until first=$(pgrep -P "$container") && [ "$(readlink "/proc/$first/exe")" = "$2" ]; do sleep 0.05; done
  sleep 0.3
}
inside() { # FILE COMMAND...: its exit code; adds its CPU, and that of the nsenter around it, to FILE
  local file=$1
  shift
  code=0
  "$work/rusage" "$file" nsenter --target "$first" --mount --pid --root --wdns=/ "$@" >"$work/output" 2>&1 || code=$?
}
harden() { # FILE EXPECTED-CODE ARGUMENT...
  local file=$1 expected=$2
  shift 2
  inside "$file" /lithify/lithify harden --allow-host "$@"
  [ "$code" = "$expected" ] || { echo "exit $code, expected $expected"; cat "$work/output"; exit 1; }
}
fresh() { # a container that runs nginx over a fresh overlay, which is warm
  start "exec nginx -g 'daemon off;'" "$work/root/usr/sbin/nginx"
  harden /dev/null 0 -p "$1" --dry-run
}
cpu() { cut -d' ' -f2 "$work/$1" | median; }
percent() { # the median of the ratios of runs right after one another
  paste -d' ' "$work/$1" "$work/$2" | awk '{ print int(100 * $2 / $5) }' | median
}

start 'while :; do sleep 1000; done' "$work/root/usr/bin/dash"
for profile in nginx distroless; do
  rm -f "$work/try" "$work/find"
  for _ in $(seq "$runs"); do
    harden "$work/try" 75 --wait-for-app -p "$profile"
    inside "$work/find" find / -xdev
  done
  echo "      a try for a script, profile $profile: $(cpu try) us of CPU; find -xdev: $(cpu find)"
  holds "a try for a script, profile $profile: CPU in percent of that of find -xdev" "$(percent try find)" 100
done
# The try that hardens does what `harden` does without waiting, which grows with the tree; waiting adds three looks at the
# processes, and the names of rules once more.
for profile in shells nginx; do
  rm -f "$work/try" "$work/harden"
  for _ in $(seq "$runs"); do
    fresh "$profile"
    harden "$work/harden" 0 -p "$profile"
    fresh "$profile"
    harden "$work/try" 0 --wait-for-app -p "$profile"
  done
  echo "      harden, profile $profile: $(cpu harden) us of CPU; the try that hardens: $(cpu try)"
  holds "the try that hardens, profile $profile: CPU in percent of that of harden without waiting" "$(percent try harden)" 130
done
exit $failed
