//! The smallest programs: what the trees of these tests hold, and what waits until it is traced.

use nix::libc::c_long;

/// Where programs are mapped, and where their code begins.
const ADDRESS: u64 = 0x40_0000;
const HEADERS: u64 = 64 + 56;

/// Mounts the `/proc` of its process namespace, reads a byte from standard input, then becomes what its arguments name; 127
/// if it cannot.
///
/// ```text
/// call 1f; .asciz "/proc"; 1: pop %rsi; lea 1(%rsi),%rdi; mov %rdi,%rdx
/// mov $14,%r10d; xor %r8d,%r8d; mov $165,%eax; syscall                            # mount("proc", "/proc", "proc", 14, 0)
/// xor %eax,%eax; xor %edi,%edi; lea -16(%rsp),%rsi; mov $1,%edx; syscall          # read(0, …, 1)
/// mov (%rsp),%rcx; mov 16(%rsp),%rdi; lea 16(%rsp),%rsi; lea 16(%rsp,%rcx,8),%rdx
/// mov $59,%eax; syscall                                                           # execve(argv[1], argv + 1, envp)
/// mov $127,%edi; mov $60,%eax; syscall                                            # exit(127)
/// ```
pub const HOLD: &[u8] = &[
    0xe8, 6, 0, 0, 0, 0x2f, 0x70, 0x72, 0x6f, 0x63, 0, 0x5e, 0x48, 0x8d, 0x7e, 1, 0x48, 0x89, 0xfa, 0x41, 0xba, 0xe, 0,
    0, 0, 0x45, 0x31, 0xc0, 0xb8, 0xa5, 0, 0, 0, 0xf, 5, 0x31, 0xc0, 0x31, 0xff, 0x48, 0x8d, 0x74, 0x24, 0xf0, 0xba, 1,
    0, 0, 0, 0x0f, 5, 0x48, 0x8b, 0x0c, 0x24, 0x48, 0x8b, 0x7c, 0x24, 0x10, 0x48, 0x8d, 0x74, 0x24, 0x10, 0x48, 0x8d,
    0x54, 0xcc, 0x10, 0xb8, 59, 0, 0, 0, 0x0f, 5, 0xbf, 127, 0, 0, 0, 0xb8, 60, 0, 0, 0, 0x0f, 5,
];

/// Waits for ever: `mov $34,%eax; syscall; jmp`, which is pause(2).
pub const PAUSE: &[u8] = &[0xb8, 34, 0, 0, 0, 0x0f, 5, 0xeb, 0xf7];

/// What [`SEVEN`] exits with, which lithify never does.
pub const CODE: i32 = 7;

/// Exits with `CODE`: `mov $7,%edi; mov $60,%eax; syscall`.
pub const SEVEN: &[u8] = &[0xbf, 7, 0, 0, 0, 0xb8, 60, 0, 0, 0, 0x0f, 5];

/// Waits until something is written to its standard error, a regular file, for three seconds at most; then exits with `CODE`.
///
/// ```text
/// mov $300,%ebx; sub $160,%rsp
/// 1: mov $5,%eax; mov $2,%edi; mov %rsp,%rsi; syscall; cmpq $0,48(%rsp); jne 2f                # fstat(2, …), st_size
/// push $10000000; push $0; mov $35,%eax; mov %rsp,%rdi; xor %esi,%esi; syscall; add $16,%rsp   # nanosleep
/// dec %ebx; jnz 1b
/// 2: mov $7,%edi; mov $60,%eax; syscall                                                        # exit(7)
/// ```
pub const UNTIL_TOLD: &[u8] = &[
    0xbb, 0x2c, 1, 0, 0, 0x48, 0x81, 0xec, 0xa0, 0, 0, 0, 0xb8, 5, 0, 0, 0, 0xbf, 2, 0, 0, 0, 0x48, 0x89, 0xe6, 0xf, 5,
    0x48, 0x83, 0x7c, 0x24, 0x30, 0, 0x75, 0x1b, 0x68, 0x80, 0x96, 0x98, 0, 0x6a, 0, 0xb8, 0x23, 0, 0, 0, 0x48, 0x89,
    0xe7, 0x31, 0xf6, 0xf, 5, 0x48, 0x83, 0xc4, 0x10, 0xff, 0xcb, 0x75, 0xce, 0xbf, 7, 0, 0, 0, 0xb8, 0x3c, 0, 0, 0,
    0xf, 5,
];

/// Exits with 0: `xor %edi,%edi; mov $60,%eax; syscall`.
pub const ZERO: &[u8] = &[0x31, 0xff, 0xb8, 60, 0, 0, 0, 0x0f, 5];

/// A static ELF program (elf(5)) of this code, with some bytes after it that make it another file.
pub fn program(code: &[u8], also: &[u8]) -> Vec<u8> {
    let (address, headers) = (ADDRESS, HEADERS);
    let length = headers + code.len() as u64;
    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x02\0\x3e\0\x01\0\0\0".to_vec();
    for word in [address + headers, 64, 0] {
        file.extend(word.to_le_bytes());
    }
    file.extend(0_u32.to_le_bytes());
    for half in [64_u16, 56, 1, 0, 0, 0] {
        file.extend(half.to_le_bytes());
    }
    // PT_LOAD, PF_R and PF_X.
    for word in [1_u32, 5] {
        file.extend(word.to_le_bytes());
    }
    for word in [0, address, address, length, length, 0x1000] {
        file.extend(word.to_le_bytes());
    }
    file.extend(code);
    file.extend(also);
    file
}

/// The same as [`HOLD`], which also asks the kernel for a filter of system calls (seccomp(2), as root).
///
/// ```text
/// call …; mount("proc", "/proc", "proc", 14, 0)
/// xor %eax,%eax; xor %edi,%edi; lea -16(%rsp),%rsi; mov $1,%edx; syscall          # read(0, …, 1)
/// mov $157,%eax; mov $22,%edi; mov $2,%esi; lea 0f(%rip),%rdx; syscall            # prctl(PR_SET_SECCOMP, 2, …)
/// test %eax,%eax; jnz 1f
/// mov (%rsp),%rcx; mov 16(%rsp),%rdi; lea 16(%rsp),%rsi; lea 16(%rsp,%rcx,8),%rdx
/// mov $59,%eax; syscall                                                           # execve(argv[1], argv + 1, envp)
/// 1: mov $127,%edi; mov $60,%eax; syscall
/// 0:
/// ```
const FILTER: &[u8] = &[
    0xe8, 6, 0, 0, 0, 0x2f, 0x70, 0x72, 0x6f, 0x63, 0, 0x5e, 0x48, 0x8d, 0x7e, 1, 0x48, 0x89, 0xfa, 0x41, 0xba, 0xe, 0,
    0, 0, 0x45, 0x31, 0xc0, 0xb8, 0xa5, 0, 0, 0, 0xf, 5, 0x31, 0xc0, 0x31, 0xff, 0x48, 0x8d, 0x74, 0x24, 0xf0, 0xba, 1,
    0, 0, 0, 0x0f, 5, 0xb8, 157, 0, 0, 0, 0xbf, 22, 0, 0, 0, 0xbe, 2, 0, 0, 0, 0x48, 0x8d, 0x15, 0x2c, 0, 0, 0, 0x0f,
    5, 0x85, 0xc0, 0x75, 0x1a, 0x48, 0x8b, 0x0c, 0x24, 0x48, 0x8b, 0x7c, 0x24, 0x10, 0x48, 0x8d, 0x74, 0x24, 0x10,
    0x48, 0x8d, 0x54, 0xcc, 0x10, 0xb8, 59, 0, 0, 0, 0x0f, 5, 0xbf, 127, 0, 0, 0, 0xb8, 60, 0, 0, 0, 0x0f, 5,
];

/// What the first instructions of [`FILTER`] take, which mount and read.
const READY: usize = 35 + 16;

/// A program that starts its arguments with these system calls refused, each with its error number.
pub fn denying(refused: &[(c_long, i32)]) -> Vec<u8> {
    let refused: Vec<_> = refused.iter().map(|(call, errno)| (*call, 0x0005_0000 | errno.unsigned_abs())).collect();
    filtering(FILTER.get(READY..).unwrap(), &refused)
}

/// The same as [`HOLD`], and whoever traces it is told of each call of this number (`SECCOMP_RET_TRACE`), and of no other.
pub fn hold_for(number: c_long) -> Vec<u8> {
    filtering(FILTER, &[(number, 0x7ff0_0000)])
}

/// What the kernel answers for these calls.
fn filtering(code: &[u8], answers: &[(c_long, u32)]) -> Vec<u8> {
    // Instructions of a filter (linux/filter.h): load the call's number; if it is one of these, return its answer.
    let mut filter = vec![(0x20_u16, 0_u8, 0_u8, 0_u32)];
    for (number, answer) in answers {
        filter.push((0x15, 0, 1, u32::try_from(*number).unwrap()));
        filter.push((0x06, 0, 0, *answer));
    }
    filter.push((0x06, 0, 0, 0x7fff_0000));
    // struct sock_fprog stands right after the code, and the filter after that.
    let place = ADDRESS + HEADERS + code.len() as u64;
    let mut code = code.to_vec();
    code.extend((filter.len() as u64).to_le_bytes());
    code.extend((place + 16).to_le_bytes());
    for (operation, then, otherwise, value) in filter {
        code.extend(operation.to_le_bytes());
        code.extend([then, otherwise]);
        code.extend(value.to_le_bytes());
    }
    program(&code, b"")
}
