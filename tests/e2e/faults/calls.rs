//! System calls of x86_64 that lithify makes, and the errors with which each can fail.

use nix::errno::Errno;
use nix::libc::{self, c_long};

/// One system call.
pub struct Row {
    pub number: c_long,
    name: &'static str,
    errors: &'static str,
}

macro_rules! rows {
    ($($name:ident $errors:literal;)*) => {
        &[$(Row { number: libc::$name, name: stringify!($name), errors: $errors }),*]
    };
}

/// Those of EIO, ENOSPC, EINTR, EAGAIN, EPERM, EACCES, ENOSYS, ENOMEM, EMFILE and ESTALE that the call's man page allows, or
/// the filesystems and sandboxes of containers: a network's filesystem gives ESTALE and EIO wherever a name is looked up, an
/// older kernel ENOSYS, and seccomp EPERM. A call without an error always succeeds, and is only killed at.
const ROWS: &[Row] = rows! {
    SYS_read "EIO EINTR EAGAIN ESTALE";
    SYS_pread64 "EIO EINTR EAGAIN ESTALE";
    SYS_readv "EIO EINTR EAGAIN ESTALE";
    SYS_write "EIO ENOSPC EINTR EAGAIN EPERM";
    SYS_pwrite64 "EIO ENOSPC EINTR EPERM";
    SYS_writev "EIO ENOSPC EINTR EAGAIN EPERM";
    SYS_open "EIO ENOSPC EINTR EPERM EACCES ENOMEM EMFILE ESTALE";
    SYS_openat "EIO ENOSPC EINTR EPERM EACCES ENOMEM EMFILE ESTALE";
    SYS_openat2 "EIO EINTR EAGAIN EPERM EACCES ENOSYS ENOMEM EMFILE ESTALE";
    SYS_close "EIO ENOSPC EINTR";
    SYS_close_range "EPERM ENOSYS ENOMEM EMFILE";
    SYS_stat "EIO EACCES ENOMEM ESTALE";
    SYS_lstat "EIO EACCES ENOMEM ESTALE";
    SYS_fstat "EIO ENOMEM ESTALE";
    SYS_newfstatat "EIO EACCES ENOMEM ESTALE EINTR";
    SYS_statx "EIO EPERM EACCES ENOSYS ENOMEM ESTALE EINTR";
    SYS_statfs "EIO EPERM EACCES ENOSYS ENOMEM EINTR ESTALE";
    SYS_fstatfs "EIO EPERM ENOSYS ENOMEM EINTR ESTALE";
    SYS_access "EIO EACCES ENOMEM ESTALE";
    SYS_faccessat "EIO EACCES ENOMEM ESTALE";
    SYS_faccessat2 "EIO EACCES EPERM ENOSYS ENOMEM ESTALE";
    SYS_readlink "EIO EACCES ENOMEM ESTALE";
    SYS_readlinkat "EIO EACCES ENOMEM ESTALE";
    SYS_getdents64 "EIO EINTR ENOMEM ESTALE";
    SYS_lseek "EIO";
    SYS_getxattr "EIO EPERM EACCES ENOSYS ENOMEM ESTALE";
    SYS_fgetxattr "EIO EPERM EACCES ENOSYS ENOMEM ESTALE";
    SYS_lgetxattr "EIO EPERM EACCES ENOSYS ENOMEM ESTALE";
    SYS_flistxattr "EIO EPERM EACCES ENOSYS ENOMEM ESTALE";
    SYS_llistxattr "EIO EPERM EACCES ENOSYS ENOMEM ESTALE";
    SYS_listxattr "EIO EPERM EACCES ENOSYS ENOMEM ESTALE";
    SYS_fsetxattr "EIO ENOSPC EPERM EACCES ENOSYS ENOMEM ESTALE";
    SYS_setxattr "EIO ENOSPC EPERM EACCES ENOSYS ENOMEM ESTALE";
    SYS_lsetxattr "EIO ENOSPC EPERM EACCES ENOSYS ENOMEM ESTALE";
    SYS_unlinkat "EIO EPERM EACCES ENOMEM ESTALE EINTR";
    SYS_unlink "EIO EPERM EACCES ENOMEM ESTALE";
    SYS_rmdir "EIO EPERM EACCES ENOMEM ESTALE";
    SYS_mkdir "EIO ENOSPC EPERM EACCES ENOMEM ESTALE";
    SYS_mkdirat "EIO ENOSPC EPERM EACCES ENOMEM ESTALE";
    SYS_mknodat "EIO ENOSPC EPERM EACCES ENOMEM ESTALE";
    SYS_symlinkat "EIO ENOSPC EPERM EACCES ENOMEM ESTALE";
    SYS_linkat "EIO ENOSPC EPERM EACCES ENOMEM ESTALE";
    SYS_rename "EIO ENOSPC EPERM EACCES ENOMEM ESTALE";
    SYS_renameat "EIO ENOSPC EPERM EACCES ENOMEM ESTALE";
    SYS_renameat2 "EIO ENOSPC EPERM EACCES ENOSYS ENOMEM ESTALE";
    SYS_chmod "EIO EPERM EACCES ENOMEM ESTALE";
    SYS_fchmod "EIO EPERM ENOMEM ESTALE";
    SYS_fchmodat "EIO EPERM EACCES ENOMEM ESTALE";
    SYS_fchmodat2 "EIO EPERM EACCES ENOSYS ENOMEM ESTALE";
    SYS_fchown "EIO EPERM ENOMEM ESTALE";
    SYS_fchownat "EIO EPERM EACCES ENOMEM ESTALE";
    SYS_lchown "EIO EPERM EACCES ENOMEM ESTALE";
    SYS_utimensat "EIO EPERM EACCES ENOSYS ESTALE";
    SYS_ftruncate "EIO EINTR EPERM ENOSPC";
    SYS_fallocate "EIO EINTR ENOSPC EPERM ENOSYS";
    SYS_fsync "EIO ENOSPC EINTR";
    SYS_fdatasync "EIO ENOSPC EINTR";
    SYS_syncfs "EIO ENOSPC";
    SYS_sendfile "EIO EAGAIN ENOMEM EPERM ENOSYS";
    SYS_copy_file_range "EIO ENOMEM ENOSPC EPERM ENOSYS ESTALE";
    SYS_fadvise64 "EPERM ENOSYS";
    SYS_flock "EINTR EAGAIN ENOSYS EPERM";
    SYS_fcntl "EINTR EAGAIN EACCES EPERM EMFILE";
    SYS_dup "EMFILE ENOMEM";
    SYS_dup2 "EMFILE EINTR";
    SYS_dup3 "EMFILE EINTR";
    SYS_pipe2 "EMFILE ENOMEM";
    SYS_memfd_create "EMFILE ENOMEM EPERM ENOSYS";
    SYS_inotify_init1 "EMFILE ENOMEM ENOSYS";
    SYS_ioctl "EIO EPERM EINTR ENOSYS";
    SYS_chdir "EIO EACCES ENOMEM ESTALE";
    SYS_fchdir "EIO EACCES ESTALE";
    SYS_chroot "EIO EPERM EACCES ENOMEM";
    SYS_getcwd "EACCES ENOMEM";
    SYS_mount "EPERM EACCES ENOMEM ENOSYS EIO";
    SYS_umount2 "EPERM EAGAIN ENOMEM ENOSYS";
    SYS_pivot_root "EPERM ENOSYS";
    SYS_open_tree "EPERM ENOSYS EMFILE ENOMEM";
    SYS_fsopen "EPERM ENOSYS EMFILE ENOMEM";
    SYS_unshare "EPERM ENOSYS ENOSPC ENOMEM";
    SYS_setns "EPERM ENOSYS ENOMEM";
    SYS_init_module "EPERM ENOSYS";
    SYS_bpf "EPERM ENOSYS ENOMEM";
    SYS_keyctl "EPERM ENOSYS ENOMEM EACCES";
    SYS_add_key "EPERM ENOSYS ENOMEM EACCES";
    SYS_userfaultfd "EPERM ENOSYS ENOMEM";
    SYS_perf_event_open "EPERM ENOSYS EACCES EMFILE";
    SYS_io_uring_setup "EPERM ENOSYS ENOMEM EMFILE";
    SYS_landlock_create_ruleset "EPERM ENOSYS ENOMEM EMFILE";
    SYS_landlock_add_rule "EPERM ENOSYS ENOMEM";
    SYS_landlock_restrict_self "EPERM ENOSYS ENOMEM";
    SYS_seccomp "EPERM ENOSYS EACCES ENOMEM";
    SYS_ptrace "EPERM ENOSYS EIO";
    SYS_process_vm_readv "EPERM ENOSYS ENOMEM";
    SYS_kcmp "EPERM ENOSYS EACCES";
    SYS_prctl "EPERM ENOSYS EACCES";
    SYS_capget "EPERM ENOSYS";
    SYS_capset "EPERM ENOSYS";
    SYS_setuid "EPERM EAGAIN ENOMEM";
    SYS_setgid "EPERM";
    SYS_setresuid "EPERM EAGAIN ENOMEM";
    SYS_setresgid "EPERM";
    SYS_setgroups "EPERM ENOMEM";
    SYS_setfsuid "";
    SYS_setfsgid "";
    SYS_setrlimit "EPERM";
    SYS_prlimit64 "EPERM ENOSYS";
    SYS_setpgid "EPERM EACCES";
    SYS_setsid "EPERM";
    SYS_kill "EPERM";
    SYS_tkill "EPERM EAGAIN";
    SYS_tgkill "EPERM EAGAIN";
    SYS_rt_sigqueueinfo "EPERM EAGAIN";
    SYS_pidfd_open "EPERM ENOSYS EMFILE ENOMEM";
    SYS_pidfd_send_signal "EPERM ENOSYS";
    SYS_clone "EPERM EAGAIN ENOMEM ENOSPC";
    SYS_clone3 "EPERM EAGAIN ENOMEM ENOSYS";
    SYS_fork "EAGAIN ENOMEM ENOSYS";
    SYS_vfork "EAGAIN ENOMEM ENOSYS";
    SYS_wait4 "EINTR";
    SYS_waitid "EINTR";
    SYS_execve "EIO EPERM EACCES ENOMEM EMFILE EAGAIN";
    SYS_execveat "EIO EPERM EACCES ENOMEM EMFILE EAGAIN ENOSYS";
    SYS_socket "EMFILE ENOMEM EACCES EPERM";
    SYS_connect "EINTR EAGAIN EPERM EACCES";
    SYS_bind "EACCES ENOMEM";
    SYS_listen "EPERM";
    SYS_sendto "EINTR EAGAIN ENOMEM EACCES EPERM";
    SYS_recvfrom "EINTR EAGAIN ENOMEM";
    SYS_setsockopt "ENOMEM EPERM";
    SYS_getsockopt "ENOMEM";
    SYS_getsockname "ENOMEM";
    SYS_getpeername "ENOMEM";
    SYS_shutdown "ENOMEM";
    SYS_socketpair "EMFILE ENOMEM";
    SYS_sendmsg "EINTR EAGAIN ENOMEM";
    SYS_recvmsg "EINTR EAGAIN ENOMEM";
    SYS_poll "EINTR ENOMEM";
    SYS_ppoll "EINTR ENOMEM";
    SYS_pause "EINTR";
    SYS_restart_syscall "EINTR";
    SYS_nanosleep "EINTR";
    SYS_clock_nanosleep "EINTR";
    SYS_rt_sigtimedwait "EINTR EAGAIN";
    SYS_rt_sigsuspend "EINTR";
    SYS_rt_sigaction "";
    SYS_rt_sigprocmask "";
    SYS_rt_sigreturn "";
    SYS_sigaltstack "ENOMEM EPERM";
    SYS_signalfd4 "EMFILE ENOMEM";
    SYS_getrandom "EINTR ENOSYS EPERM";
    SYS_mmap "ENOMEM";
    SYS_mremap "ENOMEM";
    SYS_mprotect "ENOMEM EACCES";
    SYS_munmap "ENOMEM";
    SYS_madvise "ENOMEM EAGAIN";
    SYS_brk "";
    SYS_futex "";
    SYS_set_tid_address "";
    SYS_arch_prctl "";
    SYS_set_robust_list "ENOSYS";
    SYS_rseq "ENOSYS EPERM";
    SYS_sched_getaffinity "EPERM ENOSYS";
    SYS_sched_yield "";
    SYS_getpid "";
    SYS_getppid "";
    SYS_gettid "";
    SYS_getuid "";
    SYS_geteuid "";
    SYS_getgid "";
    SYS_getegid "";
    SYS_getgroups "";
    SYS_getpgrp "";
    SYS_getpgid "EPERM";
    SYS_getsid "EPERM";
    SYS_getresuid "";
    SYS_getresgid "";
    SYS_uname "";
    SYS_sysinfo "EPERM ENOSYS";
    SYS_getrlimit "";
    SYS_getpriority "";
    SYS_getrusage "";
    SYS_clock_gettime "ENOSYS EPERM";
    SYS_umask "";
    SYS_exit "";
    SYS_exit_group "";
};

/// The row of a system call. Fails if there is none: a new call of lithify's needs one.
pub fn row(number: c_long) -> &'static Row {
    let row = ROWS.iter().find(|row| row.number == number);
    row.unwrap_or_else(|| panic!("system call {number} has no row in tests/e2e/faults/calls.rs: say how it can fail"))
}

impl Row {
    pub fn name(&self) -> &'static str {
        self.name.trim_start_matches("SYS_")
    }

    pub fn errors(&self) -> impl Iterator<Item = Errno> {
        self.errors.split(' ').filter(|name| !name.is_empty()).map(|name| {
            let known = [
                Errno::EIO,
                Errno::ENOSPC,
                Errno::EINTR,
                Errno::EAGAIN,
                Errno::EPERM,
                Errno::EACCES,
                Errno::ENOSYS,
                Errno::ENOMEM,
                Errno::EMFILE,
                Errno::ESTALE,
            ];
            known.into_iter().find(|errno| format!("{errno:?}") == name).unwrap()
        })
    }
}
