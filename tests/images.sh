#!/usr/bin/env bash
# Makes the images that the examples name, from the trees of tests/rootfs.sh, arranged and configured as the official
# ones; nothing is pulled: tests/images.sh [DIR], by default target/images.
#   nginx         docker.io/library/nginx:1.28
#   httpd         docker.io/library/httpd:2.4
#   redis         docker.io/library/redis:7
#   python        docker.io/library/python:3
#   alpine        docker.io/library/alpine:3.22, of Debian's static busybox
#   nginx-alpine  docker.io/library/nginx:1.28-alpine: Alpine's layout, with Debian's nginx and the libraries that it needs
#   nginx-changed docker.io/library/nginx:1.28-changed: nginx-alpine with one letter of its page changed
#   lithify       ghcr.io/lithify/lithify:0.1.0, by Dockerfile.scratch of the binary under test (LITHIFY_BIN)
#   lithify-root  ghcr.io/lithify/lithify:root, the same as root: for clusters whose ephemeral containers know no
#                 securityContext
#   pause         localhost/pause:1, the first process of a pod
# Each is DIR/NAME.oci, an archive of the OCI layout, for `podman load` and `ctr images import`; and all are in the
# buildah and podman storage DIR/storage. What is there and was made from the same things is kept.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
project=$(dirname "$here")
rootfs=${LITHIFY_ROOTFS:-$project/target/rootfs}
binary=${LITHIFY_BIN:-$project/target/x86_64-unknown-linux-musl/release/lithify}
out=${1:-$project/target/images}
[ -f "$binary" ] || { echo "tests/images.sh: $binary is not there: run 'just build' first" >&2; exit 1; }
mkdir -p "$out"
out=$(cd "$out" && pwd)
# Tests run this side by side.
exec 9>"$out/lock"
flock 9

storage() { buildah --root "$out/storage" --runroot "$out/run" "$@" 9>&-; }
path=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin

nginx() { # ROOT CONTAINER
  cp -a "$rootfs/nginx/." "$1"
  # Debian's place for temporary files; that of the official image is /var/cache/nginx.
  rm -rf "$1/var/lib/nginx"
  nginx_files "$1"
  nginx_config "$2"
}

nginx_files() {
  install -m 0644 "$here/images/nginx/nginx.conf" "$1/etc/nginx/nginx.conf"
  install -D -m 0644 "$here/images/nginx/conf.d/default.conf" "$1/etc/nginx/conf.d/default.conf"
  mkdir -p "$1/var/log/nginx"
  ln -sf /dev/stdout "$1/var/log/nginx/access.log"
  ln -sf /dev/stderr "$1/var/log/nginx/error.log"
}

nginx_config() {
  storage config --env PATH=$path --env NGINX_VERSION=1.28.0 --port 80 --stop-signal SIGQUIT \
    --entrypoint '["/docker-entrypoint.sh"]' --cmd 'nginx -g "daemon off;"' "$1"
}

httpd() {
  cp -a "$rootfs/httpd/." "$1"
  sed -i 's/^Listen 8080$/Listen 80/' "$1/usr/local/apache2/conf/httpd.conf"
  grep -qx 'Listen 80' "$1/usr/local/apache2/conf/httpd.conf"
  install -m 0755 "$here/images/httpd/httpd-foreground" "$1/usr/local/bin/httpd-foreground"
  storage config --env PATH=/usr/local/apache2/bin:$path --env HTTPD_PREFIX=/usr/local/apache2 --port 80 \
    --stop-signal SIGWINCH --workingdir /usr/local/apache2 --cmd httpd-foreground "$2"
}

redis() {
  cp -a "$rootfs/redis/." "$1"
  # The official image has its data in /data only.
  rm -rf "$1/var/lib/redis" "$1/var/log/redis"
  install -m 0755 "$here/images/redis/docker-entrypoint.sh" "$1/usr/local/bin/docker-entrypoint.sh"
  install -d -o "$(owner "$1" redis)" -g "$(owner "$1" redis)" "$1/data"
  storage config --env PATH=$path --port 6379 --volume /data --workingdir /data \
    --entrypoint '["docker-entrypoint.sh"]' --cmd redis-server "$2"
}

owner() { awk -F: -v name="$2" '$1 == name { print $3 }' "$1/etc/passwd"; }

python() {
  cp -a "$rootfs/python/." "$1"
  storage config --env PATH=$path --cmd python3 "$2"
}

alpine() {
  alpine_files "$1"
  storage config --env PATH=$path --cmd /bin/sh "$2"
}

alpine_files() {
  cp -a "$rootfs/alpine/." "$1"
  chmod 1777 "$1/tmp"
  mkdir -p "$1"/{root,run,var/{cache,log},lib/apk/db}
  chmod 0700 "$1/root"
  echo 3.22.0 >"$1/etc/alpine-release"
  printf 'NAME="Alpine Linux"\nID=alpine\nVERSION_ID=3.22.0\n' >"$1/etc/os-release"
  # A scanner of vulnerabilities reads this.
  printf 'P:busybox\nV:1.37.0-r18\nA:x86_64\nL:GPL-2.0-only\n\n' >"$1/lib/apk/db/installed"
  printf 'root:x:0:\nwww-data:x:33:\n' >"$1/etc/group"
  echo 'www-data:x:33:33:www-data:/var/www:/sbin/nologin' >>"$1/etc/passwd"
}

nginx_alpine() {
  alpine_files "$1"
  local file
  # shellcheck disable=SC2046
  for file in /usr/sbin/nginx /lib64/ld-linux-x86-64.so.2 $(needed_by_nginx); do
    # Where the name leads, under that name.
    install -D -m 0755 "$(resolved "$file")" "$1$file"
  done
  cp -a "$rootfs/nginx/etc/nginx" "$1/etc/nginx"
  rm -rf "$1"/etc/nginx/{modules-enabled,sites-enabled,sites-available}
  mkdir -p "$1/usr/share" "$1/var/cache/nginx" "$1/var/lib"
  cp -a "$rootfs/nginx/usr/share/nginx" "$1/usr/share/nginx"
  install -m 0755 "$here/nginx/docker-entrypoint.sh" "$1/docker-entrypoint.sh"
  nginx_files "$1"
  nginx_config "$2"
}

# The paths of the libraries, as its own loader finds them.
needed_by_nginx() { chroot "$rootfs/nginx" /lib64/ld-linux-x86-64.so.2 --list /usr/sbin/nginx | sed -n 's/.* => \(\/[^ ]*\) .*/\1/p'; }

resolved() { echo "$rootfs/nginx$(chroot "$rootfs/nginx" readlink -f "$1")"; }

pause() {
  cc -static -Os -Wall -Wextra -Werror -o "$1/pause" "$here/images/pause.c"
  storage config --entrypoint '["/pause"]' "$2"
}

# NAME REFERENCE STAMP, which says what it is made of
image() {
  [ "$(cat "$out/$1.stamp" 2>/dev/null)" = "$3" ] && [ -e "$out/$1.oci" ] && return
  rm -f "$out/$1.stamp" "$out/$1.oci"
  local container root
  if [ "$1" = lithify ]; then
    mkdir -p "$out/context"
    cp "$binary" "$out/context/lithify"
    storage build --quiet --target prebuilt --build-arg BINARY=lithify --file "$project/Dockerfile.scratch" --tag "$2" \
      "$out/context" >/dev/null
  elif [ "$1" = lithify-root ]; then
    container=$(storage from --pull-never ghcr.io/lithify/lithify:0.1.0)
    storage config --user 0 "$container"
    storage commit --quiet --rm "$container" "$2" >/dev/null
  elif [ "$1" = nginx-changed ]; then
    container=$(storage from --pull-never docker.io/library/nginx:1.28-alpine)
    root=$(storage mount "$container")
    sed -i '0,/Welcome to nginx!/s//Welcome to Nginx!/' "$root/usr/share/nginx/html/index.html"
    storage commit --quiet --rm "$container" "$2" >/dev/null
  else
    container=$(storage from scratch)
    root=$(storage mount "$container")
    "${1//-/_}" "$root" "$container"
    storage commit --quiet --rm "$container" "$2" >/dev/null
  fi
  storage push --quiet --compression-level 1 "$2" "oci-archive:$out/$1.tmp:$2"
  mv "$out/$1.tmp" "$out/$1.oci"
  echo "$3" >"$out/$1.stamp"
}

made_of() { cat "$@" | sha256sum | cut -c1-16; }
mapfile -t files < <(find "$here/images" -type f | sort)
recipe=$(made_of "$0" "$rootfs/complete" "${files[@]}")

# Two at a time: copying and compressing keep a core busy each.
jobs=0
while read -r name reference; do
  if [ $jobs = 2 ]; then
    wait -n
    jobs=1
  fi
  image "$name" "$reference" "$recipe" &
  jobs=$((jobs + 1))
done <<END
httpd docker.io/library/httpd:2.4
nginx docker.io/library/nginx:1.28
python docker.io/library/python:3
redis docker.io/library/redis:7
alpine docker.io/library/alpine:3.22
nginx-alpine docker.io/library/nginx:1.28-alpine
pause localhost/pause:1
END
while [ $jobs -gt 0 ]; do
  wait -n
  jobs=$((jobs - 1))
done
image nginx-changed docker.io/library/nginx:1.28-changed "$recipe"
program=$(made_of "$0" "$project/Dockerfile.scratch" "$binary")
image lithify ghcr.io/lithify/lithify:0.1.0 "$program"
image lithify-root ghcr.io/lithify/lithify:root "$program"
# Images that a new one has taken the name of.
storage images --quiet --filter dangling=true | while read -r id; do storage rmi "$id" >/dev/null; done
