#!/usr/bin/env bash
# Makes the real root filesystems that the tests harden: tests/rootfs.sh [DIR], by default target/rootfs.
#   nginx   Debian 12 with nginx, and an entrypoint script and cache directory as the official image has them
#   httpd   Debian 12 with Apache httpd, arranged as the official image: everything in /usr/local/apache2
#   redis   Debian 12 with redis-server
#   python  Debian 12 with Python 3 and a WSGI app, /srv/app.py
#   shells  every shell that Debian 12 packages, and other programs that scan knows by their content; extracted only
#   alpine  Alpine's layout (unmerged /bin and /sbin, links to /bin/busybox), made from Debian's static busybox
# What is there and complete is kept; a change of this script makes them anew.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here/../target/rootfs}
stamp=$(cat "$here/rootfs.sh" "$here"/{nginx,httpd,python}/* | sha256sum | cut -c1-16)
[ "$(cat "$out/complete" 2>/dev/null || true)" = "$stamp" ] && exit 0
rm -rf "$out"
mkdir -p "$out"
out=$(cd "$out" && pwd)

bootstrap() { # TREE PACKAGE
  mmdebstrap --quiet --mode=root --variant=minbase --format=directory --dpkgopt=force-unsafe-io \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' --include="$2" bookworm "$out/$1"
  # Device nodes are the runtime's business.
  find "$out/$1/dev" -mindepth 1 -delete
  # A copy of this machine's, whatever its mode is here.
  chmod 0644 "$out/$1/etc/hostname"
}

nginx() {
  bootstrap nginx nginx-light
  mkdir -p "$out/nginx/var/cache/nginx"
  install -m 0755 "$here/nginx/docker-entrypoint.sh" "$out/nginx/docker-entrypoint.sh"
  install -m 0644 "$here/nginx/nginx.conf" "$out/nginx/etc/nginx/nginx.conf"
}

httpd() {
  bootstrap httpd apache2
  local prefix=$out/httpd/usr/local/apache2
  mkdir -p "$prefix"/{bin,conf,logs,htdocs}
  cp "$out/httpd/usr/sbin/apache2" "$prefix/bin/httpd"
  cp -r "$out/httpd/usr/lib/apache2/modules" "$prefix/modules"
  cp "$out/httpd/etc/mime.types" "$prefix/conf/mime.types" 2>/dev/null || : >"$prefix/conf/mime.types"
  install -m 0644 "$here/httpd/httpd.conf" "$prefix/conf/httpd.conf"
  echo 'It works!' >"$prefix/htdocs/index.html"
  # Debian's program has this path compiled in; nothing else of Debian's own layout is left.
  rm -rf "$out"/httpd/etc/apache2/* "$out/httpd/var/log/apache2"
  ln -s /usr/local/apache2/conf/httpd.conf "$out/httpd/etc/apache2/apache2.conf"
}

redis() {
  bootstrap redis redis-server
}

python() {
  bootstrap python python3
  install -D -m 0644 "$here/python/app.py" "$out/python/srv/app.py"
}

shells() {
  mmdebstrap --quiet --mode=root --variant=extract --format=directory --dpkgopt=force-unsafe-io --include="$(tr '\n' , <<END
bash
bash-static
busybox-static
csh
curl
dash
elvish
fish
gawk
gdb
klibc-utils
ksh93u+m
lua5.4
mawk
mksh
ncat
netcat-openbsd
netcat-traditional
openssh-client
perl-base
php8.2-cli
posh
python3.11-minimal
rc
ruby3.1
sash
socat
strace
tcl8.6
tcsh
wget
yash
zsh
zsh-static
END
)" bookworm "$out/shells"
}

alpine() {
  local tree=$out/alpine applet
  mkdir -p "$tree"/{bin,sbin,usr/bin,usr/sbin,etc,proc,sys,dev,tmp,lib}
  cp /bin/busybox "$tree/bin/busybox"
  for applet in $(/bin/busybox --list-full); do
    case $applet in
      */busybox | linuxrc) ;;
      usr/bin/* | usr/sbin/* | bin/* | sbin/*) ln -sf /bin/busybox "$tree/$applet" ;;
    esac
  done
  echo 'root:x:0:0:root:/root:/bin/ash' >"$tree/etc/passwd"
}

# Two at a time: unpacking and configuring keep a core busy each.
jobs=0
for tree in httpd python nginx redis shells; do
  if [ $jobs = 2 ]; then
    wait -n
    jobs=1
  fi
  "$tree" &
  jobs=$((jobs + 1))
done
wait -n
wait -n
alpine
echo "$stamp" >"$out/complete"
