#!/usr/bin/env bash
# End-to-end tests with the program for aarch64: the kernel starts it by qemu-user, in containers too (binfmt_misc). As far
# as that goes: qemu-user passes on neither openat2, ptrace, seccomp nor Landlock, and needs more memory and processes than
# some tests allow. Needs root, tests/install.sh, tests/rootfs.sh and tests/images.sh. Arguments go to `cargo nextest run`.
set -euo pipefail
cd "$(dirname "$0")/.."
target=aarch64-unknown-linux-musl
cargo build --quiet --locked --release --target "$target"

binfmt=/proc/sys/fs/binfmt_misc
[ -e $binfmt/register ] || mount -t binfmt_misc binfmt_misc $binfmt
# F: qemu is opened here and now, so that a container needs no copy of it.
ours=""
if ! grep -lq '^magic 7f454c460201010000000000000000000200b700' $binfmt/* 2>/dev/null; then
  magic='\x7fELF\x02\x01\x01\x00\x00\x00\x00\x00\x00\x00\x00\x00\x02\x00\xb7\x00'
  mask='\xff\xff\xff\xff\xff\xff\xff\x00\xff\xff\xff\xff\xff\xff\xff\xff\xfe\xff\xff\xff'
  printf '%s' ":lithify-aarch64:M::$magic:$mask:$(command -v qemu-aarch64-static):F" >$binfmt/register
  ours=$binfmt/lithify-aarch64
fi
trap '[ -z "$ours" ] || echo -1 >"$ours"' EXIT

export LITHIFY_BIN=$PWD/target/$target/release/lithify
[ $# -gt 0 ] || set -- -E 'test(/^scan::/)
  or test(/^harden::(accounts|allow_list|classes|closure|identity|overlay|refusals|removal)::/)'
cargo nextest run --locked --test e2e "$@"
