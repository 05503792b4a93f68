#!/bin/sh
# Installs what the tests need and passes them all: unit tests, and end-to-end tests on real containers.
# Arguments go to `cargo nextest run`. Containers need root: where this is not root, each test runs through sudo.
set -eu
cd "$(dirname "$0")/.."
tests/install.sh

if [ "$(id -u)" = 0 ]; then
  tests/rootfs.sh
  tests/programs.sh
else
  sudo tests/rootfs.sh
  sudo tests/programs.sh
  export CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER="sudo -E env PATH=$PATH:/usr/sbin:/sbin"
fi
export PATH="$PATH:/usr/sbin:/sbin"
cargo build --quiet --locked --release --target x86_64-unknown-linux-musl

log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
{ cargo nextest run --locked "$@" 2>&1 || echo failed >"$log.status"; } | tee "$log"
if [ -e "$log.status" ]; then rm -f "$log.status"; status=1; fi
# Unless asked for some tests only, one that did not run is one that did not pass.
if [ $# = 0 ] && ! grep -Eq 'tests run: [0-9]+ passed( \([^)]*\))?, 0 skipped' "$log"; then
  echo "tests/run.sh: not every test ran and passed" >&2
  status=1
fi
exit $status
