//! The programs that an intruder looks for, by name: class, what each lends itself to, names.
//!
//! The functions of a name are facts of `GTFOBins` (<https://gtfobins.org>, commit 7382261 of 2026-04-20), one letter
//! each as in [`super::FUNCTIONS`]; classes and all other names are ours.

use super::Class::{
    Compiler, ContainerClient, Debugger, Downloader, Editor, FileTool, Interpreter, Launcher, MultiCall, Network,
    PackageManager, Privilege, Shell,
};

/// One class and one set of functions a row; names separated by spaces.
#[rustfmt::skip]
pub(super) const ROWS: [(super::Class, &str, &str); 126] = [
    (Shell, "scvrwud", "zsh"),
    (Shell, "svrwudl", "bash ksh"),
    (
        Shell,
        "scrw",
        "bash-static bsd-csh es fish_key_reader git-shell hush ksh93 lksh loksh mksh mksh-static nu \
         oksh osh pdksh rbash rksh rksh93 rmksh rshell rzsh scsh sh shcomp93 static-sh xonsh ysh \
         zsh-static zsh5",
    ),
    (Shell, "srw", "elvish jshell"),
    (Shell, "sw", "ash csh dash pwsh tcsh"),
    (Shell, "s", "fish posh rc sash slsh yash"),
    (MultiCall, "svrwu", "busybox"),
    (MultiCall, "scrw", "bb bbsuid coreutils dropbearmulti sbase-box toybox ubase-box"),
    (MultiCall, "", "kmod lvm mtools xtables-legacy-multi xtables-nft-multi"),
    (Interpreter, "scvrwudl", "bundle bundler"),
    (Interpreter, "scvrwud", "php"),
    (Interpreter, "svbrwud", "lua lualatex luatex node"),
    (Interpreter, "svrwudl", "facter gem gimp irb msfconsole pdb pry python rake ruby"),
    (Interpreter, "svbrw", "gawk nawk"),
    (Interpreter, "svrud", "cowsay cowthink cpan perl"),
    (Interpreter, "svrwd", "jjs jrunscript julia"),
    (
        Interpreter,
        "scrw",
        "Rscript bun csi dbm deno ecl elixir erl groovy iex irb2 jruby js js24 js78 kotlin luajit \
         mono nodejs original-awk php-cgi psql pypy pypy3 python2 python3 racket rhino runghc sbcl \
         scala scheme view-perl yq",
    ),
    (Interpreter, "scr", "m4"),
    (Interpreter, "srw", "awk csvtool mawk octave puppet sed sqlite3"),
    (Interpreter, "svl", "tclsh wish"),
    (Interpreter, "sl", "mysql"),
    (Interpreter, "sr", "dotnet expect pic"),
    (Interpreter, "r", "bc jq"),
    (
        Interpreter,
        "s",
        "R asterisk clisp dc easyrsa ghc ghci ginsh gnuplot guile java perlbug runscript",
    ),
    (PackageManager, "scvbrwud", "rpm"),
    (PackageManager, "scvrwudl", "yum"),
    (PackageManager, "svbrwud", "rpmdb rpmquery rpmverify"),
    (PackageManager, "svrwudl", "easy_install pip pipx poetry"),
    (PackageManager, "svrud", "needrestart"),
    (PackageManager, "scrw", "apt apt-get aptitude cargo dpkg"),
    (PackageManager, "c", "dnf pkg snap"),
    (PackageManager, "s", "aoss cabal composer npm opkg uv yarn zypper"),
    (
        PackageManager,
        "",
        "apk apt-cache apt-cdrom apt-config apt-key apt-mark brew conda corepack dnf-3 dnf5 dpkg-deb \
         dpkg-divert dpkg-query dpkg-split dpkg-statoverride dpkg-trigger dselect emerge eopkg \
         flatpak gdebi guix ipkg luarocks makepkg mamba microdnf nix npx pacman pip3 pkgin pnpm \
         rpm2cpio rpmkeys swupd tdnf unattended-upgrade xbps-install yaourt yay",
    ),
    (Downloader, "rwudl", "curl"),
    (Downloader, "srwud", "wget"),
    (Downloader, "scrw", "aws gcloud git"),
    (Downloader, "crd", "aria2c"),
    (Downloader, "rwd", "lwp-download"),
    (Downloader, "sud", "ftp scp sftp smbclient"),
    (Downloader, "ud", "tftp"),
    (
        Downloader,
        "d",
        "GET HEAD POST atftp axel az bzr cvs elinks fetch gdown http httpie https lynx mosh rclone \
         s3cmd ssl_client svn wget-ssl wget2 youtube-dl",
    ),
    (Downloader, "r", "links lwp-request w3m"),
    (Downloader, "s", "hg lftp ncftp psftp rsync yt-dlp"),
    (Network, "scvrwud", "bee"),
    (Network, "svbrwud", "nmap socat tshark wireshark"),
    (Network, "vrwudl", "openssl"),
    (Network, "scrw", "systemd-resolve"),
    (Network, "scud", "sshfs"),
    (Network, "srud", "ssh"),
    (Network, "vbud", "nc"),
    (Network, "scu", "restic"),
    (Network, "vud", "code"),
    (Network, "cw", "tcpdump"),
    (Network, "rw", "ssh-copy-id"),
    (Network, "sr", "ip openvpn"),
    (Network, "su", "hping3"),
    (Network, "sv", "telnet"),
    (Network, "ud", "ab finger whois"),
    (Network, "vb", "socket"),
    (Network, "c", "dnsmasq"),
    (Network, "l", "ssh-keygen"),
    (Network, "r", "arp dig fping mtr nft ss ssh-keyscan"),
    (
        Network,
        "s",
        "borg check_by_ssh check_ssl_cert dhclient distcc iftop mosh-server rtorrent ssh-agent \
         sshpass sshuttle tmate torify torsocks wg-quick",
    ),
    (Network, "u", "cancel lp rlogin tailscale"),
    (
        Network,
        "",
        "arping autossh chisel cloudflared croc dbclient drill dropbear dumpcap ethtool frpc host \
         ifconfig ip6tables iptables iw ldapsearch mitmproxy mongo mosquitto_pub nc.openbsd \
         nc.traditional ncat netcat nethogs netstat ngrok nslookup ping ping6 proxychains redis-cli \
         resolvectl route rpcclient socat1 ssh-add sshd stunnel stunnel4 tracepath traceroute wg",
    ),
    (Compiler, "svbrw", "go"),
    (Compiler, "scrw", "rustc"),
    (Compiler, "srw", "c89 c99 cc g++ gcc make"),
    (Compiler, "sc", "rustup"),
    (Compiler, "sr", "cmake"),
    (Compiler, "r", "as nasm"),
    (Compiler, "s", "autoconf autoheader autoreconf cobc jtag"),
    (
        Compiler,
        "",
        "c++ clang clang++ cpp crystal dmd gfortran gmake gofmt gold javac ld ld.bfd ld.gold ld.lld \
         ldc2 lld meson nim ninja pcc scons tcc yasm zig",
    ),
    (Debugger, "svrwudl", "gdb knife volatility"),
    (Debugger, "scrw", "crash"),
    (Debugger, "srw", "ltrace"),
    (Debugger, "sw", "strace"),
    (Debugger, "r", "gcore nm readelf"),
    (Debugger, "s", "bpftrace perf scanmem valgrind"),
    (
        Debugger,
        "",
        "bpftool edb gdbserver lldb lldb-server memdump objdump prtstat r2 radare2 rr stap systemtap \
         trace-cmd",
    ),
    (Privilege, "scrw", "crontab"),
    (Privilege, "srw", "vigr vipw"),
    (Privilege, "sc", "at systemd-run"),
    (Privilege, "p", "mount passwd setcap"),
    (
        Privilege,
        "s",
        "arch-nspawn capsh chroot debugfs doas firejail genie ksu nsenter pexec pkexec sg su sudo \
         unshare",
    ),
    (
        Privilege,
        "",
        "bubblewrap bwrap capabilities chage chfn chpasswd chsh dbus-daemon-launch-helper expiry \
         fusermount fusermount3 getcap gpasswd groupadd insmod kmod-insmod machinectl modprobe \
         newgidmap newgrp newuidmap polkit-agent-helper-1 rmmod runcon runuser setpriv ssh-keysign \
         sudoedit umount unix_chkpwd useradd userdel usermod utempter",
    ),
    (Editor, "svbrwudl", "nvim rview rvim view vim vimdiff"),
    (Editor, "scrw", "less man"),
    (Editor, "srw", "ed emacs ex nano pico red vi"),
    (
        Editor,
        "rw",
        "byobu dtach ee elvis emacs-gtk emacs-lucid emacs-nox emacsclient info jed jmacs jpico jstar \
         lesskey lesspipe lf mc mcedit mg micro most ne neomutt nnn nvi pager picocom pinfo rjoe \
         rnano view3 vifm vim.basic vim.nox vim.tiny zellij zile",
    ),
    (Editor, "sr", "more pg tmux"),
    (Editor, "sw", "screen"),
    (Editor, "r", "alpine dialog mutt whiptail"),
    (Editor, "s", "joe minicom ncdu ranger"),
    (Launcher, "svbrwud", "pandoc"),
    (Launcher, "svrwudl", "byebug dstat sqlmap"),
    (Launcher, "svrwud", "exiftool"),
    (Launcher, "srwud", "tar"),
    (Launcher, "svrud", "latexmk"),
    (
        Launcher,
        "scrw",
        "apport-cli batcat busctl dmesg eb journalctl opencode run-mailcap systemctl timedatectl \
         zless",
    ),
    (Launcher, "scr", "fastfetch"),
    (Launcher, "srw", "bashbug cpio find latex logrotate pdflatex split xelatex"),
    (Launcher, "cr", "sysctl"),
    (Launcher, "rw", "csplit sort"),
    (Launcher, "sc", "fzf nohup"),
    (Launcher, "sr", "bconsole msgfilter neofetch nroff xargs zip"),
    (Launcher, "sw", "gtester rlwrap script"),
    (Launcher, "c", "acr fail2ban-client openvt procmail rsyslogd zic"),
    (Launcher, "r", "last"),
    (
        Launcher,
        "s",
        "aa-exec agetty certbot choom chrt codex cpulimit dmsetup dvips enscript env flock forge grc \
         ionice ispell ld.so loginctl logsave mail multitime nice pdftex pidstat plymouth run-parts \
         scrot service setarch setlock softlimit start-stop-daemon stdbuf task taskset tasksh tdbtool \
         tex time timeout top watch xdg-user-dir xdotool xetex zathura",
    ),
    (
        Launcher,
        "",
        "entr hostnamectl i386 linux32 linux64 ltrace-run parallel scriptreplay setsid which \
         x-terminal-emulator x86_64",
    ),
    (ContainerClient, "svrwudl", "vagrant"),
    (ContainerClient, "srw", "docker"),
    (ContainerClient, "cw", "virsh"),
    (ContainerClient, "su", "kubectl"),
    (ContainerClient, "r", "terraform"),
    (ContainerClient, "s", "ansible-playbook ansible-test cdist ctr lxd podman"),
    (
        ContainerClient,
        "",
        "ansible buildah containerd crictl crun dockerd helm incus kubeadm kubelet lxc lxc-attach \
         nerdctl oc runc skopeo virt-customize",
    ),
    (FileTool, "rwp", "cp"),
    (FileTool, "rw", "arj check_log dd dos2unix dosbox iconv mypy rustdoc shuf tsc xxd"),
    (FileTool, "wp", "mv"),
    (FileTool, "l", "ffmpeg ldconfig"),
    (FileTool, "p", "chattr chmod chown getent install ln setfacl unsquashfs unzip"),
    (
        FileTool,
        "r",
        "7z ar ascii-xfr ascii85 aspell atobm base32 base58 base64 basenc basez \
         bbot bridge bzip2 cat check_cups check_memory check_raid check_statusfile clamscan cmp \
         column comm cupsfilter cut date diff efax egrep eqn espeak expand fgrep file fmt fold \
         genisoimage grep gzip hd head hexdump highlight join ksshell lastb look mosquitto msgattrib \
         msgcat msgconv msgmerge msguniq nl ntpdate od paste pax pr ptx pygmentize pyright qpdf \
         redcarpet rev rustfmt soelim strings tac tail tbl tic troff ul unexpand uniq urlget uuencode \
         wall wc xmodmap xmore xpad xz yelp zcat zgrep zsoelim",
    ),
    (
        FileTool,
        "w",
        "dmidecode hashcat iptables-save shred tee update-alternatives varnishncsa",
    ),
    (
        FileTool,
        "",
        "7za 7zr b2sum bunzip2 chgrp cksum df diff3 dir du echo fallocate findmnt fuser groups gunzip \
         hostname htop id kill killall link locale losetup ls lsblk lsof lz4 lzma md5sum mkdir mkfifo \
         mknod mktemp patch pgrep pkill printenv printf ps readlink realpath rm rmdir sdiff setfattr \
         sha1sum sha256sum sha512sum stat test touch tr truncate uname unlink unxz unzstd users \
         uudecode vdir w who whoami zstd",
    ),
];
