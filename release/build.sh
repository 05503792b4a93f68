#!/usr/bin/env bash
# Builds a program as it is shipped: release/build.sh lithify|kubectl-lithify x86_64|aarch64 FILE
# FILE is what is shipped, and FILE.debug the same with its symbols (CONTRIBUTING.md). The same sources and toolchain make
# the same bytes in any directory and home: no path of this machine gets in. With --graph, FILE says what cargo would build.
set -euo pipefail
cd "$(dirname "$0")/.."
program=$1 target=$2-unknown-linux-musl file=$3 graph=${4:-}
sysroot=$(rustc --print sysroot)
home=${CARGO_HOME:-$HOME/.cargo}
for path in "$PWD" "$home" "$sysroot"; do
  case $path in *[\\\'\"=]*) echo "release/build.sh: $path: cargo takes no path with quotes, backslashes or = here: move it" >&2; exit 1 ;; esac
done
build=(cargo build --locked --release --target "$target" --config
  "target.$target.rustflags=['--remap-path-prefix=$PWD=/lithify', '--remap-path-prefix=$home=/cargo', '--remap-path-prefix=$sysroot=/rust']")
case $program in
  lithify)
    # The flags of shipped.toml are unstable.
    export RUSTC_BOOTSTRAP=1
    directory=target/shipped
    build+=(--package lithify --config .cargo/shipped.toml)
    ;;
  kubectl-lithify)
    # Of its own: with other flags it is built anew.
    directory=target/plugin
    build+=(--package kubectl-lithify --config 'profile.release.strip="none"')
    ;;
  *) echo "release/build.sh: there is no program $program" >&2; exit 2 ;;
esac
build+=(--target-dir "$directory")
mkdir -p "$(dirname "$file")"
if [ "$graph" = --graph ]; then
  RUSTC_BOOTSTRAP=1 "${build[@]}" --unit-graph -Z unstable-options >"$file"
  exit
fi
"${build[@]}"
install -m 0755 "$directory/$target/release/$program" "$file.debug"
# The toolchain's own: strip(1) of this machine knows one architecture, and changes with the distribution.
host=$(rustc -vV | sed -n 's/^host: //p')
LD_LIBRARY_PATH=$sysroot/lib "$sysroot/lib/rustlib/$host/bin/rust-objcopy" --strip-all "$file.debug" "$file"
chmod 0755 "$file"
