#!/usr/bin/env bash
# Builds a release again as somebody else would, and compares every byte: release/twice.sh [all|lithify]
# Somewhere else, later, with another home of cargo's, another umask, time zone and language; and a clock of three weeks
# later for what is made of the programs. (The compiler itself hangs under faketime.)
# `lithify` builds only that program for this machine again, and takes the others from the first: what they hold of paths
# is looked at in either case.
set -euo pipefail
cd "$(dirname "$0")/.."
which=${1:-all}
first=$PWD/dist/release
[ -d "$first" ] || { echo "release/twice.sh: there is no $first: run 'just dist' first" >&2; exit 1; }
[ -z "$(git status --porcelain --untracked-files=no)" ] || { echo "release/twice.sh: commit first: a clone is compared" >&2; exit 1; }

# Nothing of this machine is in what is shipped.
home=${CARGO_HOME:-$HOME/.cargo}
for program in "$first"/*-linux; do
  for path in "$PWD" "$home" "$(rustc --print sysroot)" "${RUSTUP_HOME:-$HOME/.rustup}"; do
    ! grep -aFq "$path/" "$program" || { echo "release/twice.sh: $program holds the path $path" >&2; exit 1; }
  done
done

work=$(mktemp -d "${TMPDIR:-/tmp}/lithify built by another.XXXXXX")
trap 'rm -rf "$work"' EXIT
git clone --quiet --no-hardlinks . "$work/sources of it"
# What is downloaded already; cargo unpacks it again, below the other path.
mkdir -p "$work/another home/registry"
cp -r "$home"/registry/cache "$home"/registry/index "$work/another home/registry"
for settings in "$home"/config.toml "$home"/config; do [ ! -e "$settings" ] || cp "$settings" "$work/another home"; done
printf '#!/bin/sh\nexec faketime -f +21d "%s" "$@"\n' "$PWD/target/debug/lithify-release" >"$work/maker"
chmod +x "$work/maker"
(
  cd "$work/sources of it"
  umask 077
  export CARGO_HOME="$work/another home" TZ=Pacific/Chatham LANG=tr_TR.UTF-8 LC_ALL=tr_TR.UTF-8 LITHIFY_MAKER="$work/maker"
  if [ "$which" != all ]; then
    mkdir "$work/programs"
    cp "$first"/*-linux "$work/programs"
    release/build.sh lithify x86_64 "$work/programs/lithify-x86_64-linux"
    export LITHIFY_PROGRAMS=$work/programs
  fi
  release/dist.sh "$work/second"
) || { echo "release/twice.sh: the second build failed" >&2; exit 1; }
if ! diff -r "$first" "$work/second"; then
  echo "release/twice.sh: the two builds differ" >&2
  exit 1
fi
echo "release/twice.sh: built twice ($which), $(find "$first" -type f | wc -l) files are the same"
