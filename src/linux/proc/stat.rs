//! `/proc/PID/stat` and `statm` (`proc_pid_stat(5)`, `proc_pid_statm(5)`): name, parent, start and size of a process.

/// What `stat` says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stat {
    pub(super) comm: Vec<u8>,
    pub(super) parent: u32,
    pub(super) start: u64,
    pub(super) life: Life,
}

/// Whether a process still runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Life {
    Whole,
    /// Its first thread has ended, so that it looks like a zombie, but other threads still run.
    Headless,
    /// A zombie.
    Over,
}

/// Reads fields 2, 3, 4, 20 and 22. The command name is in parentheses and may hold any byte, even `)`.
pub(super) fn parse(text: &[u8]) -> Option<Stat> {
    let open = text.iter().position(|&byte| byte == b'(')?;
    let close = text.iter().rposition(|&byte| byte == b')')?;
    let comm = text.get(open + 1..close)?.to_vec();
    let rest = std::str::from_utf8(text.get(close + 1..)?).ok()?;
    let mut fields = rest.split_ascii_whitespace();
    let (state, parent) = (fields.next()?, fields.next()?.parse().ok()?);
    let threads: u32 = fields.nth(15)?.parse().ok()?;
    let start = fields.nth(1)?.parse().ok()?;
    let life = match state {
        "Z" | "X" if threads <= 1 => Life::Over,
        "Z" | "X" => Life::Headless,
        _ => Life::Whole,
    };
    Some(Stat { comm, parent, start, life })
}

/// The fourth field of statm: pages from the first to the last byte of the program's code. `None` for 0, which says
/// nothing.
pub(super) fn parse_code(statm: &[u8]) -> Option<u64> {
    let field = statm.split(|&byte| byte == b' ').nth(3)?;
    std::str::from_utf8(field).ok()?.parse().ok().filter(|&pages| pages != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_hostile_command_name() {
        let text = b"7 (a) S 1 (b)) S 42 7 7 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 4711 1 2 3";
        let comm = b"a) S 1 (b)".to_vec();
        assert_eq!(parse(text), Some(Stat { comm, parent: 42, start: 4711, life: Life::Whole }));
        let text = b"7 (a) Z 42 7 7 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 2 0 4711 1 2 3";
        assert_eq!(parse(text).unwrap().life, Life::Headless);
        let text = b"7 (a) Z 42 7 7 0 -1 4194560 0 0 0 0 0 0 0 0 20 0 1 0 4711 1 2 3";
        assert_eq!(parse(text).unwrap().life, Life::Over);
        assert_eq!(parse(b"7 (a) S 42 7 7"), None);
        assert_eq!(parse(b"7 (sh"), None);
    }

    #[test]
    fn code() {
        assert_eq!((parse_code(b"9 8 7 0 0 5 0\n"), parse_code(b"9 8 7 6 0 5 0\n")), (None, Some(6)));
    }

    proptest! {
        #[test]
        fn never_panics(text: Vec<u8>) {
            parse(&text);
            parse_code(&text);
        }
    }
}
