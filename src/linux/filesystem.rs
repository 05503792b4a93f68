//! Which filesystem a file is on, and which filesystems no search for programs enters.

use std::os::fd::BorrowedFd;

use nix::errno::Errno;
use nix::sys::statfs::{
    BPF_FS_MAGIC, CGROUP_SUPER_MAGIC, CGROUP2_SUPER_MAGIC, DEBUGFS_MAGIC, DEVPTS_SUPER_MAGIC, FUSE_SUPER_MAGIC, FsType,
    NFS_SUPER_MAGIC, PROC_SUPER_MAGIC, SECURITYFS_MAGIC, SELINUX_MAGIC, SMB_SUPER_MAGIC, SYSFS_MAGIC, TRACEFS_MAGIC,
    fstatfs,
};

/// The type of the filesystem that `file` is on. Fails as `fstatfs(2)` does.
pub fn of(file: BorrowedFd<'_>) -> Result<FsType, Errno> {
    fstatfs(file).map(|filesystem| filesystem.filesystem_type())
}

/// Whether no search for programs enters this filesystem: kernel interfaces hold no programs; network filesystems can
/// hang a probe, and nothing is removed from them anyway. The numbers are CIFS, SMB2, Ceph, AFS, autofs and 9P
/// (linux/magic.h), for which nix has no names.
pub fn is_left_out(filesystem: FsType) -> bool {
    const KERNEL: [FsType; 11] = [
        PROC_SUPER_MAGIC,
        SYSFS_MAGIC,
        CGROUP_SUPER_MAGIC,
        CGROUP2_SUPER_MAGIC,
        DEVPTS_SUPER_MAGIC,
        DEBUGFS_MAGIC,
        TRACEFS_MAGIC,
        SECURITYFS_MAGIC,
        BPF_FS_MAGIC,
        SELINUX_MAGIC,
        FUSE_SUPER_MAGIC,
    ];
    KERNEL.contains(&filesystem)
        || [NFS_SUPER_MAGIC, SMB_SUPER_MAGIC].contains(&filesystem)
        || [0xff53_4d42u64, 0xfe53_4d42, 0x00c3_6400, 0x5346_414f, 0x0187, 0x0102_1997].contains(&magic(filesystem))
}

/// The magic number. Its C type differs between architectures.
#[allow(clippy::cast_sign_loss, clippy::cast_lossless, clippy::unnecessary_cast, clippy::cast_possible_truncation)]
fn magic(filesystem: FsType) -> u64 {
    filesystem.0 as u64 & 0xffff_ffff
}

/// Filesystems of the kernel, in which nobody makes files.
const KERNEL: &str = "proc sysfs cgroup cgroup2 devpts mqueue securityfs debugfs tracefs bpf pstore configfs efivarfs \
                      selinuxfs fusectl binfmt_misc";

/// Further filesystems that have no device of their own and need no server.
const LOCAL: &str =
    "overlay tmpfs devtmpfs ramfs rootfs hugetlbfs nsfs rpc_pipefs btrfs zfs bcachefs aufs shiftfs squashfs erofs";

/// Whether this type of filesystem (mountinfo) is one of the kernel, in which nobody makes files.
pub fn is_kernels(filesystem: &[u8]) -> bool {
    KERNEL.split(' ').any(|known| known.as_bytes() == filesystem)
}

/// Whether somebody must answer each call on a filesystem of this type and `major:minor`: another machine, or a process
/// (FUSE). Whatever is not known to need nobody may need somebody.
pub fn has_server(filesystem: &[u8], device: &[u8]) -> bool {
    let is_known = is_kernels(filesystem) || LOCAL.split(' ').any(|known| known.as_bytes() == filesystem);
    !is_known && (device.starts_with(b"0:") || filesystem.starts_with(b"fuse"))
}
