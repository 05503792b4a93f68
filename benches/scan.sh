#!/usr/bin/env bash
# Time and memory of `scan` against what a user would run instead, in one run; fails over a budget.
# Needs root, and tests/rootfs.sh's nginx tree. RUNS=30 by default.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${LITHIFY_BIN:-$PWD/target/x86_64-unknown-linux-musl/release/lithify}
tree=$PWD/target/rootfs/nginx
runs=${RUNS:-30}
# One mount namespace for all of it: nothing stays mounted.
if [ "${IN_NAMESPACE:-}" != 1 ]; then
  exec env IN_NAMESPACE=1 unshare -m "$0"
fi
work=$(mktemp -d)
trap 'umount "$work/many" 2>/dev/null || true; rm -rf "$work"' EXIT

# shellcheck source=benches/measure.sh
. benches/measure.sh

# Whole processes, on a whole Debian root filesystem, warm.
mapfile -t executables < <(find "$tree" -xdev -type f -perm /111)
# Ratios of runs right after one another: what else the machine does hits all three.
for _ in $(seq "$runs"); do
  scan=$(timed "$bin" scan --root "$tree")
  find=$(timed find "$tree" -xdev -type f -perm /111)
  cat=$(timed cat "${executables[@]}")
  echo "$scan" >>"$work/scan.us"
  echo $((100 * scan / find)) >>"$work/find.percent"
  echo $((100 * scan / cat)) >>"$work/cat.percent"
done
echo "median of $runs runs, ${#executables[@]} executables: scan $(median <"$work/scan.us") us"
holds "time in percent of find -perm /111" "$(median <"$work/find.percent")" 350
# Of what cat reads, less than half is read; but every file of the tree is looked at, which costs as much as find.
holds "time in percent of cat of the executables" "$(median <"$work/cat.percent")" 250

# Content that is made to be slow to search, against noise of the same size; each in a program whose headers say nothing
# of where its strings are, so that all of it is searched.
large() { # NAME; its content from standard input
  mkdir "$work/$1"
  { printf '\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0'; head -c 4078 /dev/zero; head -c 128M; } >"$work/$1/program"
  chmod +x "$work/$1/program"
}
large noise </dev/urandom
worst=0
for text in 'PATH' '\0getopts\0' 'usage: nc [' 'GNU bash, versio' 'Dropbear SSH client' 'PERL5LIBLUA_PATHPERL5LI'; do
  # shellcheck disable=SC2059  # it is one
  (set +o pipefail; yes "$(printf "${text//\\0/@}")" | tr '@\n' '\0?' | large slow)
  : >"$work/slow.us"
  : >"$work/noise.us"
  for _ in $(seq 5); do
    timed "$bin" scan --root "$work/slow" >>"$work/slow.us"
    timed "$bin" scan --root "$work/noise" >>"$work/noise.us"
  done
  # The quickest of each: what else the machine does only ever adds to the time.
  percent=$((100 * $(sort -n "$work/slow.us" | head -1) / $(sort -n "$work/noise.us" | head -1)))
  echo "$text: $percent percent"
  [ "$percent" -le "$worst" ] || worst=$percent
  rm -r "$work/slow"
done
rm -r "$work/noise"
# At most twice the work, which a unit test of src/recognise/signature.rs counts; the rest is what clocks and memory add.
holds "the slowest content in percent of noise" "$worst" 300

# Many files: 3 of 10,000 are findings. An address space of 6 MiB bounds everything that can be resident.
mkdir "$work/many"
mount -t tmpfs -o size=2g,nr_inodes=3m tmpfs "$work/many"
limited() { (ulimit -v 6144; exec "$bin" scan --root "$1"); }
per_file=()
for thousands in 10 100 1000; do
  root=$work/many/$thousands
  for directory in $(seq "$thousands"); do echo "$root/$directory"; done | xargs mkdir -p
  # shellcheck disable=SC2016  # awk's
  seq $((thousands * 1000)) | awk -v root="$root" '{ print root "/" int(($1 - 1) / 1000) + 1 "/" $1 }' | xargs touch
  findings=$((thousands * 3 / 10))
  for number in $(seq "$findings"); do cp "$tree/usr/bin/dash" "$root/$number/shell"; done
  found=$(limited "$root" | tail -1)
  echo "$((thousands * 1000)) files: $found"
  case $found in
    *": $findings shell among $findings executables") echo "ok    peak memory: $((thousands * 1000)) files within 6 MiB of address space" ;;
    *) echo "OVER  peak memory: $((thousands * 1000)) files need more than 6 MiB of address space"; failed=1 ;;
  esac
  for _ in 1 2 3; do timed "$bin" scan --root "$root" >>"$work/$thousands.us"; done
  time=$(median <"$work/$thousands.us")
  per_file+=($((time / thousands)))
  echo "$((thousands * 1000)) files: $time us, $((time / thousands)) ns a file"
done
holds "linear: ns a file of 1,000,000, against 1.5 times that of 10,000" "${per_file[2]}" $((3 * per_file[0] / 2))
exit $failed
