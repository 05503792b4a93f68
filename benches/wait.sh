#!/usr/bin/env bash
# CPU time of a probe that waits, `harden --wait-for-app`, by getrusage(2) as bash's `time` shows it: while an entrypoint
# script still runs (75), and when the app has settled and everything is deleted (0). Warm: the tree is in the page cache.
# Needs root and tests/rootfs.sh's nginx tree. RUNS=10 by default.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${LITHIFY_BIN:-$PWD/target/x86_64-unknown-linux-musl/release/lithify}
tree=$PWD/target/rootfs/nginx
runs=${RUNS:-10}
limit=60
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
TIMEFORMAT='%3U %3S'

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
probe() { # PROFILE...: its exit code, and the milliseconds of CPU of it and of the nsenter around it
  local times
  code=0
  times=$({ time nsenter --target "$first" --mount --pid --root --wdns=/ \
    /lithify/lithify harden --allow-host "$@" >"$work/output" 2>&1; } 2>&1) || code=$?
  cpu=$(awk '{ printf "%d", ($1 + $2) * 1000 + 0.5 }' <<<"$times")
}
median() { sort -n | awk '{ a[NR] = $1 } END { print a[int((NR + 1) / 2)] }'; }
failed=0
measure() { # DESCRIPTION EXPECTED-CODE SCRIPT PROGRAM PROFILE...
  local description=$1 expected=$2 script=$3 program=$4
  shift 4
  : >"$work/cpu"
  start "$script" "$program"
  for _ in $(seq "$runs"); do
    if [ "$expected" = 0 ]; then
      start "$script" "$program"
      probe "$@" --dry-run # so that the fresh overlay is warm
    fi
    probe "$@"
    [ "$code" = "$expected" ] || { echo "exit $code, expected $expected"; cat "$work/output"; exit 1; }
    echo "$cpu" >>"$work/cpu"
  done
  value=$(median <"$work/cpu")
  if [ -z "$limit" ]; then echo "      $description: $value ms of CPU"
  elif [ "$value" -le "$limit" ]; then echo "ok    $description: $value ms of CPU, at most $limit"
  else echo "OVER  $description: $value ms of CPU, at most $limit"; failed=1; fi
}

script='while :; do sleep 1000; done'
nginx="exec nginx -g 'daemon off;'"
waits=(--wait-for-app -p)
measure "a try for a script, profile nginx" 75 "$script" "$work/root/usr/bin/dash" "${waits[@]}" nginx
measure "a try for a script, profile distroless" 75 "$script" "$work/root/usr/bin/dash" "${waits[@]}" distroless
# The try that hardens does what `harden` does without waiting, which grows with the tree; waiting adds three looks at the
# processes, and the names of rules once more.
for profile in shells nginx; do
  limit=
  measure "harden without waiting, profile $profile" 0 "$nginx" "$work/root/usr/sbin/nginx" -p "$profile"
  limit=$((value + 60))
  measure "the try that hardens, profile $profile, against 60 more than that" 0 "$nginx" "$work/root/usr/sbin/nginx" "${waits[@]}" "$profile"
done
exit $failed
