//! What a manifest states of one file, and the line that states it.

use super::encode;

/// A SHA-256 (FIPS 180-4).
pub type Sha256 = [u8; 32];

/// The type of a file, in the words of `mtree(5)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileType {
    /// A block device.
    Block,
    /// A character device.
    Char,
    /// A directory.
    Dir,
    /// A fifo.
    Fifo,
    /// A regular file.
    File,
    /// A symbolic link.
    Link,
    /// A socket.
    Socket,
}

impl FileType {
    /// All of them.
    pub const ALL: [Self; 7] = [Self::Block, Self::Char, Self::Dir, Self::Fifo, Self::File, Self::Link, Self::Socket];

    /// The word in a manifest.
    pub fn name(self) -> &'static str {
        match self {
            Self::Block => "block",
            Self::Char => "char",
            Self::Dir => "dir",
            Self::Fifo => "fifo",
            Self::File => "file",
            Self::Link => "link",
            Self::Socket => "socket",
        }
    }

    /// The type that `st_mode` says (`inode(7)`); `None` for one that Linux does not have.
    pub fn of_mode(mode: u32) -> Option<Self> {
        Some(match mode & nix::libc::S_IFMT {
            nix::libc::S_IFBLK => Self::Block,
            nix::libc::S_IFCHR => Self::Char,
            nix::libc::S_IFDIR => Self::Dir,
            nix::libc::S_IFIFO => Self::Fifo,
            nix::libc::S_IFREG => Self::File,
            nix::libc::S_IFLNK => Self::Link,
            nix::libc::S_IFSOCK => Self::Socket,
            _ => return None,
        })
    }
}

/// What a manifest states of one file. No times, inode numbers and link counts: the same content gives the same digest
/// on every filesystem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Its type.
    pub kind: FileType,
    /// The lowest twelve bits of `st_mode`; 0 for a link.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Length of a regular file in bytes; 0 for other types.
    pub size: u64,
    /// Major and minor number of a device.
    pub device: (u32, u32),
    /// The text of a link; empty for other types.
    pub link: Vec<u8>,
    /// The SHA-256 of a regular file's content; `None` for other types.
    pub sha256: Option<Sha256>,
    /// The value of `security.capability` (capabilities(7)); empty if the file has none.
    pub capability: Vec<u8>,
}

impl Facts {
    /// Appends the entry line for the file at the absolute path `path` inside the root, with its newline.
    pub fn write(&self, path: &[u8], line: &mut Vec<u8>) {
        line.push(b'.');
        encode::name(line, path);
        line.extend_from_slice(b" type=");
        line.extend_from_slice(self.kind.name().as_bytes());
        if self.kind != FileType::Link {
            line.extend_from_slice(b" mode=0");
            encode::octal(line, self.mode, 3);
        }
        for (key, value) in [(&b" uid="[..], u64::from(self.uid)), (b" gid=", u64::from(self.gid))] {
            line.extend_from_slice(key);
            encode::decimal(line, value);
        }
        match self.kind {
            FileType::File => {
                line.extend_from_slice(b" size=");
                encode::decimal(line, self.size);
            }
            FileType::Block | FileType::Char => {
                line.extend_from_slice(b" device=native,");
                encode::decimal(line, self.device.0.into());
                line.push(b',');
                encode::decimal(line, self.device.1.into());
            }
            FileType::Link => {
                line.extend_from_slice(b" link=");
                encode::name(line, &self.link);
            }
            FileType::Dir | FileType::Fifo | FileType::Socket => {}
        }
        if let Some(sha256) = &self.sha256 {
            line.extend_from_slice(b" sha256digest=");
            encode::hex(line, sha256);
        }
        if !self.capability.is_empty() {
            line.extend_from_slice(b" xattr.security.capability=");
            encode::base64(line, &self.capability);
        }
        line.push(b'\n');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(kind: FileType) -> Facts {
        Facts {
            kind,
            mode: 0,
            uid: 0,
            gid: 0,
            size: 0,
            device: (0, 0),
            link: Vec::new(),
            sha256: None,
            capability: Vec::new(),
        }
    }

    fn line(path: &str, facts: &Facts) -> String {
        let mut line = Vec::new();
        facts.write(path.as_bytes(), &mut line);
        String::from_utf8(line).unwrap()
    }

    #[test]
    fn each_type_has_the_keys_that_apply() {
        let file = Facts { mode: 0o755, uid: 10, size: 1_179_072, sha256: Some([0xa5; 32]), ..facts(FileType::File) };
        let digest = "a5".repeat(32);
        let text = format!("./usr/sbin/nginx type=file mode=0755 uid=10 gid=0 size=1179072 sha256digest={digest}\n");
        assert_eq!(line("/usr/sbin/nginx", &file), text);
        let strong = Facts { mode: 0o4755, capability: b"\x01\0\0\x02".to_vec(), ..file };
        assert!(line("/x", &strong).starts_with("./x type=file mode=04755 uid="), "{}", line("/x", &strong));
        assert!(line("/x", &strong).ends_with(" xattr.security.capability=AQAAAg==\n"), "{}", line("/x", &strong));
        let link = Facts { link: b"a b".to_vec(), gid: 7, ..facts(FileType::Link) };
        assert_eq!(line("/l", &link), "./l type=link uid=0 gid=7 link=a\\040b\n");
        let device = Facts { device: (1, 3), mode: 0o666, ..facts(FileType::Char) };
        assert_eq!(line("/null", &device), "./null type=char mode=0666 uid=0 gid=0 device=native,1,3\n");
        assert_eq!(
            line("/d", &Facts { mode: 0o1777, ..facts(FileType::Dir) }),
            "./d type=dir mode=01777 uid=0 gid=0\n"
        );
        assert_eq!(line("/f", &facts(FileType::Fifo)), "./f type=fifo mode=0000 uid=0 gid=0\n");
    }
}
