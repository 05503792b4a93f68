#!/bin/sh
# Builds lithify and hardens a real root filesystem with nginx, with a look before and after:
#   examples/try.sh
# The filesystem is the nginx image where Docker or Podman can pull it, else Debian's own nginx. Uses sudo where this
# is not root, since the files of a container belong to root. Leaves target/try behind.
set -eu
cd "$(dirname "$0")/.."
as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }
say() { printf '\n\033[1m%s\033[0m\n' "$*"; }

command -v rustup >/dev/null || { echo "rustup is missing: get it from https://rustup.rs" >&2; exit 1; }
packages=""
command -v cc >/dev/null || packages="gcc libc6-dev"
engine=""
for name in podman docker; do
  if command -v $name >/dev/null && timeout 120 $name pull -q docker.io/library/nginx:1 >/dev/null 2>&1; then engine=$name; break; fi
done
[ -n "$engine" ] || command -v mmdebstrap >/dev/null || packages="$packages mmdebstrap"
if [ -n "$packages" ]; then
  as_root apt-get update -qq
  # shellcheck disable=SC2086
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $packages >/dev/null
fi

say "Building the static binary"
rustup toolchain install >/dev/null 2>&1
cargo build --quiet --locked --release --target x86_64-unknown-linux-musl
lithify=$PWD/target/x86_64-unknown-linux-musl/release/lithify
ls -l "$lithify"

tree=$PWD/target/try/nginx
as_root rm -rf "$tree"
mkdir -p target/try
if [ -n "$engine" ]; then
  say "Root filesystem: the nginx image, from $engine"
  mkdir "$tree"
  container=$($engine create docker.io/library/nginx:1)
  $engine export "$container" | as_root tar -x -C "$tree"
  $engine rm "$container" >/dev/null
else
  say "Root filesystem: Debian with nginx, made by mmdebstrap (about half a minute)"
  as_root mmdebstrap --quiet --mode=root --variant=minbase --dpkgopt=force-unsafe-io --include=nginx-light bookworm "$tree"
fi

shell() { as_root chroot "$tree" /bin/sh -c 'echo "    a shell runs, and can call: $(ls /bin /usr/bin /usr/sbin | wc -l) programs"'; }
say "Before: can somebody who got in start a shell?"
shell

say "lithify harden --root $tree --profile nginx --dry-run -v   (the first lines)"
as_root "$lithify" harden --root "$tree" --profile nginx --dry-run -v >target/try/plan
sed -n 1,6p target/try/plan

say "lithify harden --root $tree --profile nginx"
status=0
as_root "$lithify" harden --root "$tree" --profile nginx || status=$?
echo "    exit code $status"

say "After"
if shell 2>target/try/after; then echo "a shell still runs" >&2; exit 1; fi
sed 's/^/    /' target/try/after
as_root chroot "$tree" /usr/sbin/nginx -v 2>&1 | sed 's/^/    the app still starts: /'

say "Again: nothing is left to do"
as_root "$lithify" harden --root "$tree" --app nginx --profile shells --profile coreutils --profile network-tools
