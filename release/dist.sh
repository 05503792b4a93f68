#!/usr/bin/env bash
# Makes everything that a release holds, from a clean clone: release/dist.sh [DIR], by default dist/release.
#
#   lithify-ARCH-linux, kubectl-lithify-ARCH-linux   the programs, static, for x86_64 and aarch64
#   *.cdx.json                                       what each is made of (CycloneDX)
#   lithify-image.tar, lithify-image.txt             the image for both, an archive of an OCI layout; its name with its digest
#   lithify-share.tar.gz                             man pages, and completions for bash, zsh and fish
#   lithify_VERSION_ARCH.deb                         Debian packages of all that
#   kubectl-lithify-*.tar.gz, lithify.krew.yaml      for krew
#   SHA256SUMS                                       of all these files
#
# The same commit gives the same bytes in any directory, on any day: every time in it is the commit's. LITHIFY_PROGRAMS
# names a directory of programs that are built already, with what cargo would build for each in `graphs`; LITHIFY_MAKER is
# the program that makes the rest of them.
set -euo pipefail
cd "$(dirname "$0")/.."
dist=$(realpath -m "${1:-dist/release}")
programs=${LITHIFY_PROGRAMS:-} maker=${LITHIFY_MAKER:-}
umask 022
export LC_ALL=C
# A variable of lithify's own would be read by the command lines that the pages are made of.
for variable in $(compgen -e LITHIFY_ || true); do unset "$variable"; done
SOURCE_DATE_EPOCH=$(git log -1 --format=%ct)
REVISION=$(git rev-parse HEAD)
[ -z "$(git status --porcelain --untracked-files=no)" ] || REVISION=$REVISION-changed
export SOURCE_DATE_EPOCH REVISION

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
if [ -z "$programs" ]; then
  programs=$work/programs
  build() { # PROGRAM
    local architecture
    for architecture in x86_64 aarch64; do
      release/build.sh "$1" $architecture "$programs/$1-$architecture-linux" || return
    done
  }
  # Each has a directory of cargo's own, and an end that keeps one core busy.
  build kubectl-lithify &
  build lithify
  wait $!
fi
rm -rf "$dist"
mkdir -p "$dist"
graphs=$programs/graphs
for program in lithify kubectl-lithify; do
  for architecture in x86_64 aarch64; do
    install -m 0755 "$programs/$program-$architecture-linux" "$dist"
    [ -e "$graphs/$program-$architecture.json" ] ||
      release/build.sh $program $architecture "$graphs/$program-$architecture.json" --graph
  done
done
libc=$(rustc --print sysroot)/lib/rustlib/x86_64-unknown-linux-musl/lib/self-contained/libc.a
musl=$(grep -aoxE '1\.2\.[0-9]+' < <(tr -c '[:print:]' '\n' <"$libc") | head -1)
grep -Fq "MUSL: &str = \"$musl\"" release/src/bom.rs ||
  { echo "release/dist.sh: the toolchain has musl $musl: write that into release/src/bom.rs" >&2; exit 1; }
if [ -z "$maker" ]; then
  cargo build --quiet --locked --package lithify-release
  maker=target/debug/lithify-release
fi
"$maker" "$dist" "$graphs"
echo "release/dist.sh: $dist, of commit $REVISION"
