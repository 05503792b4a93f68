#!/usr/bin/env bash
# How CPU and memory grow from 10,000 to a million files, for docs/performance.md: writes benches/growth.tsv, from which
# benches/page.sh makes the page. Judges nothing; benches/scan.sh and benches/seal.sh hold the budgets. The million takes 6 GB
# of memory and some minutes. Needs root, a C compiler and tests/rootfs.sh's nginx tree.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$(realpath "${LITHIFY_BIN:-dist/lithify}")
out=${OUT:-benches/growth.tsv}
runs=${RUNS:-3}
if [ "${IN_NAMESPACE:-}" != 1 ]; then
  exec env IN_NAMESPACE=1 unshare --mount --pid --fork --kill-child --mount-proc "$0"
fi
work=$(mktemp -d)
trap 'umount "$work/many" 2>/dev/null || true; rm -rf "$work"' EXIT
cc -static -O1 -o "$work/rusage" benches/rusage.c
mkdir "$work/many"
mount -t tmpfs -o size=7g,nr_inodes=3m tmpfs "$work/many"
# 1000 files of some bytes in each directory; in every tenth directory one is a shell, which harden removes.
tree() { # THOUSANDS
  local thousands=$1 root=$work/many/$1
  for directory in $(seq "$thousands"); do echo "$root/$directory"; done | xargs mkdir -p
  # shellcheck disable=SC2016  # awk's
  seq $((thousands * 1000)) | awk -v root="$root" '{ file = root "/" int(($1 - 1) / 1000) + 1 "/" $1; print $1 >file; close(file) }'
  for directory in $(seq 10 10 "$thousands"); do cp target/rootfs/nginx/usr/bin/dash "$root/$directory/shell"; done
}
# CPU, because what else the machine does hardly changes it.
least() { cut -d' ' -f2 "$1" | sort -n | head -1; }
measure() { # FILES NAME COMMAND...
  local files=$1 name=$2
  shift 2
  rm -f "$work/run"
  for _ in $(seq "$runs"); do "$work/rusage" "$work/run" "$@" >/dev/null 2>&1 || true; done
  printf '%s\t%s\t%s\t%s\n' "$name" "$files" "$(least "$work/run")" "$(cut -d' ' -f3 "$work/run" | sort -n | tail -1)" | tee -a "$work/rows"
}
for thousands in 10 30 100 300 1000; do
  tree "$thousands"
  root=$work/many/$thousands files=$((thousands * 1000))
  measure "$files" "find" find "$root" -type f -perm /111
  measure "$files" "scan" "$bin" scan --root "$root"
  measure "$files" "harden --dry-run" "$bin" harden --allow-host --root "$root" --app none -p shells --dry-run
  measure "$files" "seal" "$bin" seal --root "$root"
  # shellcheck disable=SC2016
  measure "$files" "sha256sum" sh -c 'find "$0" -type f -print0 | xargs -0 -P "$(nproc)" sha256sum' "$root"
  rm -rf "$root"
done
{
  printf '# CPUs %s, kernel %s, the least of %s runs; tmpfs, 1000 files in each directory\n' "$(nproc)" "$(uname -r | cut -d. -f1,2)" "$runs"
  cat "$work/rows"
} >"$out"
