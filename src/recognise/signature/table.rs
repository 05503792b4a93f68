//! The signatures: which strings make which program.

/// One signature.
pub(super) struct Signature {
    /// The name in the catalogue of the program that it stands for.
    pub program: &'static str,
    /// Strings that must all occur, veiled. Each has at least [`WINDOW`](super::WINDOW) bytes: a shorter name includes
    /// the NUL before or after it.
    pub strings: &'static [&'static [u8]],
}

const fn all(program: &'static str, strings: &'static [&'static [u8]]) -> Signature {
    Signature { program, strings }
}

/// The strings are kept with their high bits flipped, because lithify itself must not hold what it looks for.
const fn veil<const N: usize>(mut bytes: [u8; N]) -> [u8; N] {
    let mut at = 0;
    while at < N {
        // A constant function knows no iterators; `at` is below the array's length.
        #[allow(clippy::indexing_slicing)]
        {
            bytes[at] ^= 0x80;
        }
        at += 1;
    }
    bytes
}

macro_rules! veiled {
    ($string:expr) => {{
        const VEILED: &[u8] = &veil(*$string);
        VEILED
    }};
}

/// One of a hundred programs, each a file of its own. Its name says which one, if the file still has that name.
pub const FAMILY: &str = "coreutils-tool";

/// The first signature that holds decides, so the particular ones come before the general one of the Bourne family.
pub(super) const SIGNATURES: &[Signature] = &[
    all("busybox", &[veiled!(b"BusyBox v"), veiled!(b"multi-call binary")]),
    all("toybox", &[veiled!(b"Toybox %s multicall binary")]),
    all("coreutils", &[veiled!(b"--coreutils-prog=")]),
    all("coreutils", &[veiled!(b"(multi-call binary)"), veiled!(b"[function [arguments...]]")]),
    all("dropbearmulti", &[veiled!(b"Dropbear SSH multi-purpose")]),
    all("bash", &[veiled!(b"GNU bash, version")]),
    all("zsh", &[veiled!(b"ZSH_VERSION"), veiled!(b"ZSH_EVAL_CONTEXT")]),
    all("ksh", &[veiled!(b"KSH_VERSION"), veiled!(b"Version AJM")]),
    all("mksh", &[veiled!(b"MIRBSD KSH")]),
    all("lksh", &[veiled!(b"LEGACY KSH")]),
    all("posh", &[veiled!(b"POSH_VERSION")]),
    all("yash", &[veiled!(b"Yet another shell")]),
    all("sash", &[veiled!(b"Stand-alone shell")]),
    all("csh", &[veiled!(b"\0onintr\0"), veiled!(b"Undefined variable")]),
    all("rc", &[veiled!(b"whatis -p"), veiled!(b"usage: flag f")]),
    // The rc of Plan 9 itself.
    all("rc", &[veiled!(b"`if not' does not follow `if(...)'")]),
    all("elvish", &[veiled!(b"src.elv.sh")]),
    // fish 3 keeps its strings as UTF-32, fish 4 as UTF-8.
    all("fish", &[veiled!(b"f\0\0\0i\0\0\0s\0\0\0h\0\0\0_\0\0\0p\0\0\0r\0\0\0o\0\0\0m\0\0\0p\0\0\0t\0\0\0")]),
    all("fish", &[veiled!(b"fish_user_paths"), veiled!(b"fish_prompt"), veiled!(b"fish_greeting")]),
    all("sh", &[veiled!(b"\0OPTIND\0"), veiled!(b"\0getopts\0"), veiled!(b"\0OPTARG\0"), veiled!(b"\0CDPATH\0")]),
    all("sh", &[veiled!(b"Illegal number: %s"), veiled!(b"Syntax error: ")]),
    all("python", &[veiled!(b"PYTHONSTARTUP"), veiled!(b"PYTHONHASHSEED")]),
    // If libpython is shared, the program itself is little more than this call. The same applies to node and libnode.
    all("python", &[veiled!(b"Py_BytesMain\0")]),
    all("perl", &[veiled!(b"PERL5LIB"), veiled!(b"PERL5OPT")]),
    all("lua", &[veiled!(b"LUA_INIT"), veiled!(b"LUA_PATH")]),
    all("php", &[veiled!(b"PHP_INI_SCAN_DIR")]),
    // These are all calls of ruby's own main. A program that embeds Ruby calls fewer.
    all("ruby", &[veiled!(b"ruby_sysinit\0"), veiled!(b"ruby_options\0"), veiled!(b"ruby_run_node\0")]),
    all("deno", &[veiled!(b"DENO_AUTH_TOKENS")]),
    all("bun", &[veiled!(b"BUN_CONFIG_REGISTRY")]),
    all("node", &[veiled!(b"_ZN4node5StartEiPPc\0")]),
    all("node", &[veiled!(b"NODE_OPTIONS"), veiled!(b"NODE_REPL_HISTORY")]),
    all("tclsh", &[veiled!(b"tcl_rcFileName")]),
    all("gawk", &[veiled!(b"AWKPATH\0"), veiled!(b"AWKLIBPATH")]),
    all("mawk", &[veiled!(b"Usage: mawk")]),
    all("curl", &[veiled!(b"curl_easy_init"), veiled!(b".curlrc\0")]),
    all("wget", &[veiled!(b"SYSTEM_WGETRC")]),
    all("socat", &[veiled!(b"socat by Gerhard Rieger")]),
    all("nc", &[veiled!(b"usage: nc [-")]),
    all("nc", &[veiled!(b"connect to somewhere:")]),
    // lighttpd knows ncat's environment as well.
    all("ncat", &[veiled!(b"NCAT_REMOTE_ADDR"), veiled!(b"NCAT_PROTO")]),
    all("ssh", &[veiled!(b"usage: ssh [-")]),
    all("dbclient", &[veiled!(b"Dropbear SSH client")]),
    all("gdb", &[veiled!(b"GDBHISTFILE")]),
    all("strace", &[veiled!(b"Usage: strace [")]),
    all("original-awk", &[veiled!(b"out of memory in awksprintf")]),
    all("slsh", &[veiled!(b"SLSH_LIB_DIR")]),
    all("sqlite3", &[veiled!(b"SQLITE_HISTORY")]),
    all("nvim", &[veiled!(b"VIMRUNTIME"), veiled!(b"NVIM_LOG_FILE")]),
    all("vim", &[veiled!(b"VIMRUNTIME"), veiled!(b"VIMINIT\0")]),
    all("emacs", &[veiled!(b"EMACSLOADPATH")]),
    all("less", &[veiled!(b"LESSKEYIN")]),
    all("tmux", &[veiled!(b"TMUX_TMPDIR")]),
    all("screen", &[veiled!(b"SCREENDIR"), veiled!(b"SCREENRC")]),
    all("git", &[veiled!(b"git [-v | --version]")]),
    all("rsync", &[veiled!(b"RSYNC_RSH")]),
    all("lftp", &[veiled!(b"LFTP_HOME")]),
    all("wget2", &[veiled!(b"GNU Wget2")]),
    all("nmap", &[veiled!(b"NMAPDIR\0"), veiled!(b"NMAP_PRIVILEGED")]),
    all("telnet", &[veiled!(b".telnetrc")]),
    all("sudo", &[veiled!(b"SUDO_ASKPASS")]),
    all("make", &[veiled!(b"MAKELEVEL"), veiled!(b"MAKEFLAGS")]),
    all("perf", &[veiled!(b"PERF_EXEC_PATH")]),
    all("expect", &[veiled!(b"exp_interpret_cmdfilename\0")]),
    all("jq", &[veiled!(b"JQ_COLORS\0")]),
    all("swipl", &[veiled!(b"PL_toplevel\0")]),
    all("execlineb", &[veiled!(b"EXECLINE_STRICT")]),
    all("foreground", &[veiled!(b"libexecline.so")]),
    all("sed", &[veiled!(b"GNU sed home page")]),
    all("openssl", &[veiled!(b"Invalid command '%s'; type \"help\"")]),
    all("find", &[veiled!(b"categorising predicate")]),
    all("xargs", &[veiled!(b"COMMAND [INITIAL-ARGS]")]),
    all("env", &[veiled!(b"GNU coreutils\0"), veiled!(b"split-string\0")]),
    all("chroot", &[veiled!(b"GNU coreutils\0"), veiled!(b"--userspec=")]),
    all(FAMILY, &[veiled!(b"GNU coreutils\0")]),
];
