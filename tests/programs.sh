#!/usr/bin/env bash
# Makes the tree of real programs that scan must not take for others: tests/programs.sh [DIR], by default
# target/programs. The executables of Debian 12 packages, extracted and not installed; about 300 MB are downloaded.
# What is there and complete is kept; a change of this script makes it anew.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
out=${1:-$here/../target/programs}
stamp=$(sha256sum <"$here/programs.sh" | cut -c1-16)
[ "$(cat "$out/complete" 2>/dev/null || true)" = "$stamp" ] && exit 0
rm -rf "$out"
mkdir -p "$out"
out=$(cd "$out" && pwd)

# Chosen for many programs in few bytes, for what embeds an interpreter (vim, lighttpd, weechat), for other linkers
# (Go, Rust), and for what looks like a shell from afar (toybox, dropbear, tmux).
packages=(
  9base abyss alsa-utils apache2-bin apache2-utils aria2 ash aspell astrometry.net atop autofs bat
  bcftools bedtools bind9 bind9-dnsutils bind9-utils binutils-aarch64-linux-gnu binutils-alpha-linux-gnu
  binutils-arm-linux-gnueabi binutils-arm-linux-gnueabihf binutils-arm-none-eabi binutils-avr
  binutils-h8300-hms binutils-hppa-linux-gnu binutils-hppa64-linux-gnu binutils-i686-gnu
  binutils-i686-kfreebsd-gnu binutils-i686-linux-gnu binutils-ia64-linux-gnu binutils-m68hc1x
  binutils-m68k-linux-gnu binutils-mingw-w64-i686 binutils-mingw-w64-x86-64 binutils-mips-linux-gnu
  binutils-mips64-linux-gnuabi64 binutils-mips64el-linux-gnuabi64 binutils-mipsel-linux-gnu binutils-multiarch
  binutils-or1k-elf binutils-powerpc-linux-gnu binutils-powerpc64-linux-gnu binutils-powerpc64le-linux-gnu
  binutils-riscv64-linux-gnu binutils-riscv64-unknown-elf binutils-s390x-linux-gnu binutils-sh-elf
  binutils-sh4-linux-gnu binutils-sparc64-linux-gnu binutils-x86-64-linux-gnu binutils-x86-64-linux-gnux32
  binutils-xtensa-lx106 binutils-z80 bison bluez bosh bpftool bpftrace bsdextrautils bsdgames bsdmainutils bsdutils
  btrfs-progs busybox bwa cargo ccache cifs-utils clang-14 clang-tools-14 clustalo coreutils crun cryptsetup-bin
  cups cups-client cups-daemon cups-filters dbus dbus-bin dcmtk dict djvulibre-bin dmsetup dnsmasq-base doas
  dosfstools dovecot-core dropbear-bin dvb-apps e2fsprogs ed elinks emacs-nox embassy-domainatrix embassy-domsearch
  emboss erofs-utils eso-midas ethtool exa exfatprogs exim4-daemon-light f2fs-tools fasta3 fd-find fdisk ffmpeg
  flac flex fping gdal-bin gdbserver gdisk gettext gfs2-utils git gmt gnat gnuastro gnutls-bin graphicsmagick
  graphviz grass-core groff groff-base gromacs guile-3.0 haproxy hdf5-tools hdparm heimdal-clients heimdal-kdc
  hmmer hping3 htop hunspell hyperfine i2c-tools imagemagick-6.q16 inetutils-ftp inetutils-ping inetutils-telnet
  inetutils-tools infernal infiniband-diags iotop-c iproute2 iptables iputils-ping irssi jimsh joe kmod knot
  krb5-admin-server krb5-kdc krb5-user ksh lame lammps ldap-utils less lftp libjpeg-turbo-progs libnss3-tools
  libtiff-tools libvcflib-tools lighttpd linux-perf lldb-14 llvm-14-tools lsof lsscsi ltrace lua5.1 lua5.2 lua5.3
  luajit lvm2 lynx m4 magics++ make man-db mariadb-client mariadb-client-core mathgl mdadm memcached mesa-utils
  minc-tools mosh mpich mrbayes mtd-utils mtr-tiny multipath-tools mummer mutt nano nauty ncbi-tools-bin
  ncbi-tools-x11 ncftp ncl-ncarg ncurses-bin neovim net-tools netpbm nfs-common nfs-kernel-server nftables
  nginx-core nginx-light ninja-build nmap nmon ntfs-3g nvme-cli ocfs2-tools open-iscsi openmpi-bin opensc
  openssh-server openssh-sftp-server openssl openvpn opus-tools original-awk parted pciutils php8.2-fpm phylip
  pipewire-bin plink1.9 plink2 polkitd poppler-utils postfix postgresql-client-15 procenv procps proj-bin psmisc
  pulseaudio-utils pvm python3-dbg qpdf quota redis-server redis-tools ripgrep rsync runc samba samba-common-bin
  samtools screen sdparm sed sextractor sg3-utils slsh smartmontools smbclient sox sqlite3 squashfs-tools sra-toolkit
  staden-io-lib-utils stress-ng strongswan-charon suckless-tools sudo swarp sysstat systemd systemd-container
  systemd-resolved tcl8.6 tcpdump texinfo tk8.6 tmux toybox traceroute tshark udev unbound usbutils util-linux
  util-linux-extra uwsgi-core uwsgi-plugin-python3 v4l-utils vim vim-tiny vorbis-tools vtk9 w3m wcstools webp
  weechat-curses wget2 wireguard-tools wireshark-common wmaker wmaker-utils x11-apps x11-utils x11-xserver-utils
  xfsprogs xscreensaver-data xscreensaver-data-extra xscreensaver-gl-extra
)

# mmdebstrap sets up apt for the right release; nothing is installed.
export DOWNLOADS=$out/downloads PACKAGES="${packages[*]}"
mkdir "$DOWNLOADS"
# shellcheck disable=SC2016  # for the hook's shell
hook='cd "$DOWNLOADS" && APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get download -qq -o APT::Sandbox::User=root $PACKAGES'
mmdebstrap --quiet --mode=root --variant=custom --format=null --customize-hook="$hook" bookworm

# Libraries and data are no matter.
for archive in "$DOWNLOADS"/*.deb; do
  dpkg-deb --fsys-tarfile "$archive" | tar -x -C "$out" --keep-directory-symlink --wildcards \
    './bin/*' './sbin/*' './usr/bin/*' './usr/sbin/*' './usr/games/*' './usr/libexec/*' './usr/lib/*' './usr/*/bin/*' \
    --exclude='*.so' --exclude='*.so.*' --exclude='*.a' --exclude='*.py' 2>/dev/null || true
done
rm -rf "$DOWNLOADS"
find "$out" -type f ! -perm /111 -delete
echo "$stamp" >"$out/complete"
