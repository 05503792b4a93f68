#!/usr/bin/env bash
# Makes the root filesystems of real apps that tests/e2e/apps hardens: tests/apps.sh quick|all [DIR], by default
# target/apps: `quick` those of the default run, `all` the others too. Debian 12's packages, and the least that makes
# them answer. Each is a layer over DIR/base.
# What is there and complete is kept; a change of this script makes them anew.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
quick=(bind9 dnsmasq gunicorn haproxy lighttpd memcached mosquitto squid sshd vsftpd)
slow=(apache2 mariadb mod_php node php-fpm postfix postgres puma rabbitmq tomcat varnish)
case ${1:-} in
  quick) apps=("${quick[@]}") ;;
  all) apps=("${quick[@]}" "${slow[@]}") ;;
  *) echo "usage: tests/apps.sh quick|all [DIR]" >&2; exit 2 ;;
esac
out=${2:-$here/../target/apps}
stamp=$(sha256sum <"$here/apps.sh" | cut -c1-16)
if [ "$(cat "$out/stamp" 2>/dev/null || true)" != "$stamp" ]; then
  rm -rf "$out"
  mkdir -p "$out"
  echo "$stamp" >"$out/stamp"
fi
out=$(cd "$out" && pwd)
missing=()
for app in "${apps[@]}"; do [ -d "$out/$app" ] || missing+=("$app"); done
[ ${#missing[@]} != 0 ] || exit 0

# Debian's packages of each app.
packages() {
  case $1 in
    dnsmasq) echo dnsmasq-base ;;
    mariadb) echo mariadb-server ;;
    mod_php) echo apache2 libapache2-mod-php8.2 ;;
    node) echo nodejs ;;
    php-fpm) echo php8.2-fpm ;;
    postgres) echo postgresql-15 gosu ;;
    rabbitmq) echo rabbitmq-server gosu ;;
    sshd) echo openssh-server ;;
    tomcat) echo tomcat10 ;;
    *) echo "$1" ;;
  esac
}

# What makes an app answer, run in its root; those that are not here answer as they are installed.
put() { install -D -m "${2:-0644}" /dev/stdin "$1"; }

apache2() {
  mkdir -p run/apache2 run/lock/apache2
  echo 'apache2 answers' | put var/www/html/index.html
}

bind9() { echo 'options { directory "/var/cache/bind"; listen-on { any; }; recursion no; };' | put etc/bind/named.conf.options; }

gunicorn() {
  put srv/app.py <<'END'
def app(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [b"gunicorn answers\n"]
END
}

haproxy() {
  put etc/haproxy/haproxy.cfg <<'END'
global
    chroot /var/lib/haproxy
    user haproxy
    group haproxy
defaults
    mode http
    timeout connect 5s
    timeout client 50s
    timeout server 50s
frontend web
    bind :8080
    http-request return status 200 content-type text/plain string "haproxy answers\n"
END
}

lighttpd() { echo 'lighttpd answers' | put var/www/html/index.html; }

mariadb() { chroot . install -d -o mysql -g mysql /run/mysqld; }

mod_php() {
  mkdir -p run/apache2 run/lock/apache2
  rm var/www/html/index.html
  echo '<?php echo "PHP ", strrev("srewsna"), "\n";' | put var/www/html/index.php
}

mosquitto() {
  chroot . install -d -o mosquitto /run/mosquitto
  printf 'listener 1883\nallow_anonymous true\n' | put etc/mosquitto/conf.d/open.conf
}

node() {
  put srv/app.js <<'END'
require("http").createServer((_, answer) => answer.end("node answers\n")).listen(8080);
END
}

php-fpm() {
  echo '<?php echo "PHP ", strrev("srewsna"), "\n";' | put var/www/html/index.php
  sed -i 's|^listen = .*|listen = 9000|' etc/php/8.2/fpm/pool.d/www.conf
  mkdir -p run/php
}

postgres() {
  chroot . install -d -o postgres -g postgres /run/postgresql
  sed -i 's/scram-sha-256/trust/' etc/postgresql/15/main/pg_hba.conf
}

puma() {
  echo 'run ->(_) { [200, { "content-type" => "text/plain" }, ["puma answers\n"]] }' | put srv/config.ru
}

squid() { echo 'http_access allow localhost manager' | put etc/squid/conf.d/manager.conf; }

sshd() { mkdir -p run/sshd; }

varnish() {
  put etc/varnish/default.vcl <<'END'
vcl 4.1;
backend default none;
sub vcl_recv { return (synth(200, "varnish answers")); }
END
}

vsftpd() {
  mkdir -p srv/ftp run/vsftpd/empty
  printf 'listen=YES\nanonymous_enable=YES\nbackground=NO\nseccomp_sandbox=NO\n' | put etc/vsftpd.conf
}

# Runs a function in a new layer over the base, which becomes DIR/NAME.
layer() { # NAME FUNCTION [ARGUMENT]...
  local tree=$out/parts/$1
  rm -rf "$tree"
  mkdir -p "$tree"/{upper,work,root}
  # In a mount and a process namespace of its own: nothing that it mounts or starts is left.
  unshare --mount --pid --fork bash -euc 'mounted "$@"' - "$tree/root" "$out" "${@:2}" >"$tree/log" 2>&1 || {
    echo "tests/apps.sh: $1:" >&2
    tail -n 50 "$tree/log" >&2
    return 1
  }
  mv "$tree/upper" "$out/$1"
  rm -rf "$tree"
}

mounted() { # ROOT DIR FUNCTION [ARGUMENT]...
  root=$1
  mount -t overlay overlay -o "lowerdir=$2/base,upperdir=$root/../upper,workdir=$root/../work" "$root"
  mount -t proc proc "$root/proc"
  mount --rbind /dev "$root/dev"
  mount -t tmpfs tmpfs "$root/tmp"
  mount --bind "$2/archives" "$root/var/cache/apt/archives"
  mount --bind "$2/lists" "$root/var/lib/apt/lists"
  "${@:3}"
}

# This machine's apt-get, for the packages of that root.
apt() {
  local conf=$root/../apt.conf
  printf 'Dir "%s";\nDPkg::Chroot-Directory "%s";\nDir::Cache::%s "";\nDir::Cache::%s "";\n' \
    "$root" "$root" pkgcache srcpkgcache >"$conf"
  APT_CONFIG=$conf DEBIAN_FRONTEND=noninteractive apt-get -qq --yes --no-install-recommends \
    -o APT::Sandbox::User=root -o Dpkg::Use-Pty=0 -o Debug::NoLocking=1 "$@"
}

# One after the other, so that no package comes twice.
download() { # APP...
  local app
  apt update
  for app in "$@"; do
    # shellcheck disable=SC2046  # words
    apt install --download-only $(packages "$app")
  done
}

install_app() { # APP
  # Nothing is started by a package.
  printf '#!/bin/sh\nexit 101\n' | put "$root/usr/sbin/policy-rc.d" 0755
  # shellcheck disable=SC2046  # words
  apt install $(packages "$1")
  rm "$root/usr/sbin/policy-rc.d"
  cd "$root"
  ! declare -F "$1" >/dev/null || "$1"
  rm -rf var/log/apt var/cache/debconf/*-old var/lib/dpkg/*-old
}

base() {
  local tree=$out/parts/base
  rm -rf "$tree"
  mmdebstrap --quiet --mode=root --variant=minbase --format=directory --dpkgopt=force-unsafe-io \
    --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' bookworm "$tree"
  # Device nodes are the runtime's business.
  find "$tree/dev" -mindepth 1 -delete
  # A copy of this machine's, whatever its mode is here.
  chmod 0644 "$tree/etc/hostname"
  # Links to manuals are made in it, by packages that fail without it.
  mkdir -p "$tree/usr/share/man/man1"
  mv "$tree" "$out/base"
}

mkdir -p "$out"/{archives,lists}/partial "$out/parts"
[ -d "$out/base" ] || base
# For the shells of the layers.
# shellcheck disable=SC2046  # words
export -f $(compgen -A function)
layer download download "${missing[@]}"
rm -rf "$out/download"
# Two at a time: unpacking and configuring keep a core busy each.
jobs=0
for app in "${missing[@]}"; do
  if [ $jobs = 2 ]; then
    wait -n
    jobs=1
  fi
  layer "$app" install_app "$app" &
  jobs=$((jobs + 1))
done
while [ $jobs != 0 ]; do
  wait -n
  jobs=$((jobs - 1))
done
rm -rf "$out/archives" "$out/lists" "$out/parts"
