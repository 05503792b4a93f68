#!/bin/sh
# Installs what the tests need and passes them all: unit tests, end-to-end tests on real containers, and on a real
# Kubernetes cluster (tests/cluster.sh).
# Arguments go to `cargo nextest run`. Containers need root: where this is not root, each test runs through sudo.
set -eu
cd "$(dirname "$0")/.."
tests/install.sh

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo --preserve-env=PATH,LITHIFY_BIN,LITHIFY_ROOTFS,LITHIFY_CONTEXT,LITHIFY_LOAD "$@"; fi; }
as_root tests/rootfs.sh
as_root tests/programs.sh
# Of the apps, those that are made in seconds; all of them where they are asked for (`just apps`).
case "$*" in
  *apps::slow* | *'^apps::'*) as_root tests/apps.sh all ;;
  *) as_root tests/apps.sh quick ;;
esac
if [ "$(id -u)" != 0 ]; then
  export CARGO_TARGET_X86_64_UNKNOWN_LINUX_GNU_RUNNER="sudo -E env PATH=$PATH:/usr/sbin:/sbin"
fi
tests/fleet/schemas.sh
tests/fleet/kubectl.sh
tests/release/tools.sh
export PATH="$PATH:/usr/sbin:/sbin"
# As it is shipped; the plugin is built for this machine, with the tests of its crate.
cargo build --quiet --locked --release --target x86_64-unknown-linux-musl
as_root tests/images.sh

log=$(mktemp)
trap 'rm -f "$log"' EXIT
status=0
run() { { cargo nextest run --workspace --locked "$@" 2>&1 || echo failed >"$log.status"; } | tee -a "$log"; }

if [ $# != 0 ]; then
  run "$@"
else
  # The examples of the library's documentation, which nextest does not run.
  cargo test --quiet --locked --doc || status=1
  run -E 'not test(/^(kubernetes::|apps::([a-z]+::)?slow::)/)'
  # A pod mostly waits for the kubelet.
  if as_root tests/cluster.sh up; then run -E 'test(/^kubernetes::/)' --test-threads 4; fi
  [ -n "${LITHIFY_CONTEXT:-}" ] || as_root tests/cluster.sh down || status=1
  # One that did not run is one that did not pass.
  total=$(cargo nextest list --workspace --locked -E 'not test(/^apps::([a-z]+::)?slow::/)' --message-format oneline 2>/dev/null | wc -l)
  passed=$(sed -n 's/.* tests\{0,1\} run: \([0-9]*\) passed.*/\1/p' "$log" | awk '{ sum += $1 } END { print sum + 0 }')
  if [ "$passed" != "$total" ]; then
    echo "tests/run.sh: of $total tests $passed passed" >&2
    status=1
  fi
fi
if [ -e "$log.status" ]; then rm -f "$log.status"; status=1; fi
exit $status
