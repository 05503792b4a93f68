#!/usr/bin/env bash
# Time and memory of `seal` against what a user would run instead, in one run; fails over a budget.
# Needs root, aide (tests/install.sh), and tests/rootfs.sh's nginx tree. RUNS=5 by default.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=${LITHIFY_BIN:-$PWD/target/x86_64-unknown-linux-musl/release/lithify}
runs=${RUNS:-5}
# One mount namespace for all of it: nothing stays mounted.
if [ "${IN_NAMESPACE:-}" != 1 ]; then
  exec env IN_NAMESPACE=1 unshare -m "$0"
fi
work=$(mktemp -d)
trap 'umount "$work/many" 2>/dev/null || true; rm -rf "$work"' EXIT

# shellcheck source=benches/measure.sh
. benches/measure.sh

# 1 GB: 20,000 files of 4 KiB, 2000 of 100 KiB, 70 of 10 MiB.
large=$work/large
mkdir "$large"
files() { # DIRECTORY NUMBER BYTES
  mkdir "$large/$1"
  head -c $(($2 * $3)) /dev/urandom | split --bytes "$3" --suffix-length 5 - "$large/$1/"
}
files small 20000 4096
files middle 2000 102400
files big 70 10485760

sha256sums() { find "$1" -type f -print0 | xargs -0 -P "$(nproc)" sha256sum; }
# With the sha256 of every file, as the manifest has it, and nothing else that takes time.
configure_aide() {
  cat >"$work/aide.conf" <<END
database_in=file:$work/aide.db
database_out=file:$work/aide.db.new
gzip_dbout=no
report_url=stdout
$1 p+u+g+s+l+sha256
END
  aide --config "$work/aide.conf" --init >/dev/null
  mv "$work/aide.db.new" "$work/aide.db"
}
quickest() { # NAME
  sort -n "$work/$1.us" | head -1
}
for tree in "$(realpath target/rootfs/nginx)" "$large"; do
  configure_aide "$tree"
  rm -f "$work"/*.us
  for _ in $(seq "$runs"); do
    timed "$bin" seal --root "$tree" >>"$work/seal.us" 2>"$work/notes"
    timed sha256sums "$tree" >>"$work/sums.us"
    # Its exit code says what differs: links counts and the like of a tree that is in use.
    timed aide --config "$work/aide.conf" --check >>"$work/aide.us" || true
  done
  echo "$tree, $(du -sm "$tree" | cut -f1) MB, the quickest of $runs: seal $(quickest seal) us, sha256sum $(quickest sums) us, aide $(quickest aide) us"
  holds "time in percent of find | xargs -P sha256sum" $((100 * $(quickest seal) / $(quickest sums))) 100
  holds "time in percent of aide --check" $((100 * $(quickest seal) / $(quickest aide))) 20
done

# Many files. An address space of 6 MiB bounds everything that can be resident.
mkdir "$work/many"
mount -t tmpfs -o size=6g,nr_inodes=3m tmpfs "$work/many"
limited() { (ulimit -v 6144; exec "$bin" seal --root "$1" 2>/dev/null); }
per_file=()
for thousands in 10 100 1000; do
  root=$work/many/$thousands
  for directory in $(seq "$thousands"); do echo "$root/$directory"; done | xargs mkdir -p
  # shellcheck disable=SC2016  # awk's
  seq $((thousands * 1000)) | awk -v root="$root" '{ file = root "/" int(($1 - 1) / 1000) + 1 "/" $1; print $1 >file; close(file) }'
  case $(limited "$root" || true) in
    lithify1-sha256:*) echo "ok    peak memory: $((thousands * 1000)) files within 6 MiB of address space" ;;
    *) echo "OVER  peak memory: $((thousands * 1000)) files need more than 6 MiB of address space"; failed=1 ;;
  esac
  : >"$work/many.us"
  for _ in 1 2 3; do timed "$bin" seal --root "$root" >>"$work/many.us" 2>"$work/notes"; done
  time=$(quickest many)
  per_file+=($((time / thousands)))
  echo "$((thousands * 1000)) files: $time us, $((time / thousands)) ns a file"
done
holds "linear: ns a file of 1,000,000, against 1.5 times that of 10,000" "${per_file[2]}" $((3 * per_file[0] / 2))
exit $failed
