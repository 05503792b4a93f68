#!/bin/sh
# Installs what building and testing need on Debian or Ubuntu; what is there already is left alone.
# The one thing that it expects is rustup (https://rustup.rs).
set -eu
cd "$(dirname "$0")/.."

as_root() { if [ "$(id -u)" = 0 ]; then "$@"; else sudo "$@"; fi; }

# The package that brings each command.
missing=""
while read -r command package; do
  command -v "$command" >/dev/null 2>&1 || PATH=$PATH:/usr/sbin:/sbin command -v "$command" >/dev/null 2>&1 || missing="$missing $package"
done <<END
cc gcc
c++ g++
curl curl
runc runc
buildah buildah
mmdebstrap mmdebstrap
aide aide
strace strace
readelf binutils
ip iproute2
nsenter util-linux
setcap libcap2-bin
getfattr attr
setfacl acl
chattr e2fsprogs
mkfs.xfs xfsprogs
mkfs.btrfs btrfs-progs
mksquashfs squashfs-tools
mkfs.erofs erofs-utils
bindfs bindfs
fuse-overlayfs fuse-overlayfs
mtree mtree-netbsd
perl perl
ps procps
patch patch
bsdtar libarchive-tools
jq jq
qemu-aarch64-static qemu-user-static
tini-static tini
dumb-init dumb-init
catatonit catatonit
gosu gosu
ab apache2-utils
script bsdutils
hunspell hunspell
skopeo skopeo
faketime faketime
zsh zsh
fish fish
mandoc mandoc
dockerd docker.io
docker docker.io
docker-compose docker-compose
END
# A browser for the plugin's report: any of these; 64 MB to download in Debian, and 20 s.
command -v chromium-headless-shell >/dev/null 2>&1 || command -v chromium >/dev/null 2>&1 || command -v google-chrome >/dev/null 2>&1 ||
  missing="$missing chromium-headless-shell fonts-dejavu-core"
# The dynamic busybox has the same name, and is of no use in a container. A dictionary is no command.
for package in busybox-static debian-archive-keyring hunspell-en-gb; do
  dpkg -s "$package" >/dev/null 2>&1 || missing="$missing $package"
done
# For tests/fleet/schemas.sh.
python3 -c 'import ensurepip, venv' 2>/dev/null || missing="$missing python3-venv"
if [ -n "$missing" ]; then
  echo "installing:$missing"
  as_root apt-get update -qq
  # shellcheck disable=SC2086
  as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends ca-certificates libc6-dev $missing >/dev/null
fi

command -v rustup >/dev/null || { echo "tests/install.sh: rustup is missing: get it from https://rustup.rs" >&2; exit 1; }
# The toolchain, components and targets of rust-toolchain.toml.
rustup toolchain install >/dev/null
command -v cargo-nextest >/dev/null || cargo install --locked --quiet cargo-nextest@0.9.143
