#!/bin/sh
# Runs each fuzz target (or those named) for some seconds, and fails if one of them does: fuzz/run.sh SECONDS [TARGET]...
# RUNS=10000000 ends a target after that many inputs, if the seconds have not passed before.
# Coverage comes from flags that the stable compiler has, so neither nightly nor cargo-fuzz is needed.
set -eu
cd "$(dirname "$0")"
seconds=$1
shift
[ $# -gt 0 ] || set -- arguments profile mountinfo status pattern elf accounts dynamic ld_so_cache manifest inject yaml tar learned seen script
coverage="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 -Cllvm-args=-sanitizer-coverage-inline-8bit-counters"
coverage="$coverage -Cllvm-args=-sanitizer-coverage-pc-table -Cllvm-args=-sanitizer-coverage-trace-compares"
host=$(rustc -vV | sed -n 's/^host: //p')
# With --target, so that build scripts and macros are not instrumented.
RUSTFLAGS="$coverage -Cdebug-assertions -Ccodegen-units=1" cargo build --quiet --locked --release --target "$host"
logs=$(mktemp -d)
# What `tar` unpacks lies in memory.
[ ! -w /dev/shm ] || export TMPDIR=/dev/shm
trap 'rm -rf "$logs"' EXIT
for name in "$@"; do mkdir -p "corpus/$name"; done
export seconds host logs
# As many at once as there are processors.
# shellcheck disable=SC2016
printf '%s\n' "$@" | xargs -P "$(nproc)" -n 1 sh -c '
  # An archive has a block of 512 bytes for each header.
  longest=4096
  [ "$0" != tar ] || longest=16384
  status=0
  "target/$host/release/$0" -max_total_time="$seconds" -runs="${RUNS:--1}" -max_len="$longest" -print_final_stats=1 -verbosity=0 \
    -artifact_prefix=crash- "corpus/$0" "seeds/$0" >"$logs/$0" 2>&1 || { status=1; cat "$logs/$0"; }
  sed -n "s/^stat::number_of_executed_units:/$0: inputs tried:/p" "$logs/$0"
  exit $status'
