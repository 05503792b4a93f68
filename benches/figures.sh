#!/usr/bin/env bash
# What lithify costs against what a user would run instead, for docs/performance.md: writes benches/figures.tsv, from which
# benches/page.sh makes the page. Judges nothing; the other benches hold the budgets. Each pair runs in turn, RUNS times, and
# a ratio is the median of the ratios of runs right after one another. Needs root, tests/rootfs.sh's nginx tree, and
# tests/install.sh. Measures LITHIFY_BIN, by default the binary that is shipped.
set -euo pipefail
cd "$(dirname "$0")/.."
bin=$(realpath "${LITHIFY_BIN:-dist/lithify}")
tree=$(realpath target/rootfs/nginx)
runs=${RUNS:-15}
out=${OUT:-benches/figures.tsv}
# Namespaces for all of it: nothing stays mounted, and there are as few processes to look at as in a container.
if [ "${IN_NAMESPACE:-}" != 1 ]; then
  exec env IN_NAMESPACE=1 unshare --mount --pid --fork --kill-child --mount-proc "$0"
fi
work=$(mktemp -d)
disk=$(mktemp -d -p "$PWD/target")
trap 'umount "$work/root" 2>/dev/null || true; rm -rf "$work" "$disk"' EXIT
root=$work/root
mkdir "$root"
cc -static -O1 -o "$work/rusage" benches/rusage.c
cc -static -O1 -o "$work/app" tests/init/app.c
rows=$work/rows

overlay() { # a fresh overlay of the tree, as a container runtime mounts it
  umount "$root" 2>/dev/null || true
  rm -rf "$work/upper" "$work/work"
  mkdir "$work/upper" "$work/work"
  mount -t overlay overlay -o "lowerdir=$tree,upperdir=$work/upper,workdir=$work/work" "$root"
}
volume() { # an empty directory on the disk
  rm -rf "$disk/v"
  mkdir "$disk/v"
  sync -f "$disk"
}
nothing() { :; }

# The commands of a pair are files, so that a list of steps counts as one.
ours=$work/ours
theirs=$work/theirs
script() { # FILE; the steps from standard input
  { echo "#!/bin/sh"; cat; } >"$1"
  chmod +x "$1"
}
calls() { # FILE: how many system calls it makes, without those of the shell that reads it
  strace -f -c -o "$work/strace" "$1" >/dev/null 2>&1 || true
  awk '$NF == "total" { print $4 }' "$work/strace"
}
median() { sort -n | awk '{ a[NR] = $1 } END { printf "%.4f", (a[int((NR + 1) / 2)] + a[int((NR + 2) / 2)]) / 2 }'; }

# Measures `ours` and `theirs` and adds a row: task, instead, then for lithify and the other each time (µs), CPU (µs), memory
# (KiB), system calls; then the median of the ratios of time, its quartiles, and the median of the ratios of CPU.
pair() { # TASK INSTEAD PREPARE [TIMES]
  local times=$((runs * ${4:-1})) o t
  : >"$work/o"
  : >"$work/t"
  for _ in $(seq "$times"); do
    "$3"; "$work/rusage" "$work/o" "$ours" >/dev/null 2>&1 || true
    "$3"; "$work/rusage" "$work/t" "$theirs" >/dev/null 2>&1 || true
  done
  "$3"; o=$(calls "$ours")
  "$3"; t=$(calls "$theirs")
  paste -d' ' "$work/o" "$work/t" | awk '{ print $1 / $4 }' | sort -n >"$work/ratio"
  paste -d' ' "$work/o" "$work/t" | awk '{ print $2 / ($5 > 0 ? $5 : 1) }' >"$work/cpu"
  local quartile=$(((times + 3) / 4))
  {
    printf '%s\t%s' "$1" "$2"
    for side in o t; do
      for column in 1 2 3; do printf '\t%.0f' "$(awk "{ print \$$column }" "$work/$side" | median)"; done
      printf '\t%s' "$([ $side = o ] && echo "$o" || echo "$t")"
    done
    printf '\t%s\t%s\t%s\t%s\n' "$(median <"$work/ratio")" "$(sed -n "${quartile}p" "$work/ratio")" \
      "$(sed -n "$((times + 1 - quartile))p" "$work/ratio")" "$(median <"$work/cpu")"
  } | tee -a "$rows"
}

# What harden removes with these profiles, as busybox rm would be told.
names() { "$bin" harden --allow-host --root "$tree" --app none "$@" --dry-run --format json | jq -r --arg root "$root" '.actions[] | $root + .path'; }
harden() { script "$ours" <<<"exec $bin harden --allow-host --root $root --app none $*"; }

harden -p coreutils -p network-tools
names -p coreutils -p network-tools >"$work/by-name"
script "$theirs" <<<"xargs -a $work/by-name busybox rm -f; exec find $root -xdev"
pair "harden, by name" "busybox rm + find" overlay

harden -p shells -p coreutils -p network-tools
names -p shells -p coreutils -p network-tools >"$work/by-content"
script "$theirs" <<<"xargs -a $work/by-content busybox rm -f; find $root -xdev; exec find $root -xdev -type f -perm /111 -exec cat {} +"
pair "harden, by content" "busybox rm + find + reading" overlay

# What hardening scripts for images do (post-install.sh of github.com/ironpeakservices/iron-alpine, and those that it comes
# from): the package manager, cron, init scripts, fstab, setuid files, dangerous programs by name, write permissions for
# all, links that dangle. Each is a walk of find.
harden -p nginx
script "$theirs" <<END
find $root -xdev -type f \( -iname '*apt*' -o -iname '*dpkg*' \) -delete
rm -rf $root/var/spool/cron $root/etc/cron* $root/etc/init.d $root/etc/rc?.d $root/etc/fstab $root/etc/sysctl.d $root/etc/modprobe.d
find $root -xdev -type d -perm -0002 ! -perm -1000 -exec chmod o-w {} +
find $root -xdev -type f -perm -0002 -exec chmod o-w {} +
find $root/usr/bin $root/usr/sbin $root/usr/lib -xdev -type f -perm /6000 -delete
find $root/usr/bin $root/usr/sbin $root/usr/lib -xdev \( -name hexdump -o -name chgrp -o -name chmod -o -name chown -o -name ln \
  -o -name od -o -name strings -o -name su -o -name sudo -o -name wget -o -name curl -o -name nc -o -name bash -o -name dash \
  -o -name sh -o -name perl -o -name cat -o -name tar -o -name find -o -name xargs -o -name dd -o -name mount \) -delete
find $root/usr/bin $root/usr/sbin $root/usr/lib -xdev -type l -exec test ! -e {} \; -delete
END
pair "harden, profile nginx" "a script as of iron-alpine" overlay

script "$ours" <<<"exec $bin scan --root $tree"
script "$theirs" <<<"exec find $tree -xdev -type f -perm /111"
pair "scan" "find -perm /111" nothing
find "$tree" -xdev -type f -perm /111 -print0 >"$work/executables"
script "$theirs" <<<"exec xargs -0 -a $work/executables cat"
pair "scan" "cat of the executables" nothing

script "$ours" <<<"exec $bin seal --root $tree"
script "$theirs" <<<"find $tree -type f -print0 | xargs -0 -P $(nproc) sha256sum"
pair "seal" "sha256sum, on all cores" nothing
cat >"$work/aide.conf" <<END
database_in=file:$work/aide.db
database_out=file:$work/aide.new
gzip_dbout=no
report_url=stdout
$tree p+u+g+s+l+sha256
END
aide --config "$work/aide.conf" --init >/dev/null
mv "$work/aide.new" "$work/aide.db"
"$bin" seal --root "$tree" --out "$work/manifest" >/dev/null 2>&1
script "$ours" <<<"exec $bin verify --root $tree -v --seal $work/manifest"
script "$theirs" <<<"exec aide --config $work/aide.conf --check"
pair "verify --seal" "aide --check" nothing

script "$ours" <<<"exec $bin stage --root $tree -p nginx /usr/bin /bin /usr/sbin /sbin --to $disk/v"
script "$theirs" <<<"exec cp -a $tree/usr/bin $tree/usr/sbin $disk/v/"
pair "stage" "cp -a" volume
script "$theirs" <<<"cp -a $tree/usr/bin $tree/usr/sbin $disk/v/; sync -f $disk/v; diff -r $tree/usr/bin $disk/v/bin; exec diff -r $tree/usr/sbin $disk/v/sbin"
pair "stage" "cp -a + sync + diff -r" volume

# What an app's start takes with it, and the app itself, which does nothing.
script "$ours" <<<"exec $bin run --init -- $work/app exit 0"
for init in tini-static dumb-init catatonit; do
  script "$theirs" <<<"exec $init -- $work/app exit 0"
  pair "run --init" "$init" nothing 10
done
script "$ours" <<<"exec $bin run --user 65532:65532 -- $work/app exit 0"
script "$theirs" <<<"exec setpriv --reuid=65532 --regid=65532 --clear-groups $work/app exit 0"
pair "run --user" "setpriv" nothing 10
script "$theirs" <<<"exec gosu 65532:65532 $work/app exit 0"
pair "run --user" "gosu" nothing 10

{
  printf '# CPUs %s, kernel %s, %s runs of each; %s\n' "$(nproc)" "$(uname -r | cut -d. -f1,2)" "$runs" \
    "the root filesystem of Debian's nginx: $(find "$tree" -xdev | wc -l) names, $(find "$tree" -xdev -type f -perm /111 | wc -l) executables of $(find "$tree" -xdev -type f -perm /111 -printf '%s\n' | awk '{ n += $1 } END { printf "%.0f", n / 1000000 }') MB"
  printf '# bytes\tlithify\t%s\n' "$(stat -Lc %s "$bin")"
  for program in busybox tini-static dumb-init catatonit setpriv gosu aide; do
    printf '# bytes\t%s\t%s\n' "$program" "$(stat -Lc %s "$(command -v "$program")")"
  done
  cat "$rows"
} >"$out"
