//! `/proc/PID/status` (`proc_pid_status(5)`): who a process is and what it may do.

/// The five capability sets of capabilities(7), as bit masks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CapabilitySets {
    /// `CapInh`.
    pub inheritable: u64,
    /// `CapPrm`.
    pub permitted: u64,
    /// `CapEff`.
    pub effective: u64,
    /// `CapBnd`.
    pub bounding: u64,
    /// `CapAmb`.
    pub ambient: u64,
}

impl CapabilitySets {
    /// Each set, with its name.
    pub fn named(&self) -> [(&'static str, u64); 5] {
        [
            ("inheritable", self.inheritable),
            ("permitted", self.permitted),
            ("effective", self.effective),
            ("bounding", self.bounding),
            ("ambient", self.ambient),
        ]
    }
}

/// The bit mask of these capabilities. Their names have no `CAP_`.
pub fn capability_mask(names: &[String]) -> u64 {
    let wanted = |text: String| names.iter().any(|name| text.get(4..) == Some(name.as_str()));
    caps::all().iter().filter(|known| wanted(known.to_string())).fold(0, |mask, known| mask | known.bitmask())
}

/// The names of these capabilities, without `CAP_`, in the order of their numbers.
pub fn capability_names(mask: u64) -> Vec<String> {
    let all = caps::all();
    (0..64)
        .map(|bit| 1 << bit)
        .filter(|bit| mask & bit != 0)
        .map(|bit| match all.iter().find(|known| known.bitmask() == bit) {
            Some(known) => known.to_string().trim_start_matches("CAP_").to_owned(),
            None => format!("number {}", bit.trailing_zeros()),
        })
        .collect()
}

/// The content of the file; `None` for a field that this kernel does not write.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// Real, effective, saved and filesystem user id.
    pub uid: Option<[u32; 4]>,
    /// Real, effective, saved and filesystem group id.
    pub gid: Option<[u32; 4]>,
    /// Supplementary groups.
    pub groups: Option<Vec<u32>>,
    /// Capability sets; `None` unless all five are there.
    pub capabilities: Option<CapabilitySets>,
    /// `NoNewPrivs` (Linux 4.10).
    pub no_new_privs: Option<bool>,
    /// `Seccomp`: 0 off, 1 strict, 2 filter.
    pub seccomp: Option<u32>,
    /// `TracerPid`: who traces it, or 0.
    pub tracer: Option<u32>,
}

impl Status {
    /// Reads the fields. A malformed field counts as missing, and so later as unverified.
    pub fn parse(text: &str) -> Self {
        let field =
            |name: &str| text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')).map(str::trim);
        let mask = |name: &str| field(name).and_then(|value| u64::from_str_radix(value, 16).ok());
        let capabilities = || {
            Some(CapabilitySets {
                inheritable: mask("CapInh")?,
                permitted: mask("CapPrm")?,
                effective: mask("CapEff")?,
                bounding: mask("CapBnd")?,
                ambient: mask("CapAmb")?,
            })
        };
        Self {
            uid: field("Uid").and_then(four),
            gid: field("Gid").and_then(four),
            groups: field("Groups").and_then(numbers),
            capabilities: capabilities(),
            no_new_privs: field("NoNewPrivs").and_then(|value| match value {
                "0" => Some(false),
                "1" => Some(true),
                _ => None,
            }),
            seccomp: field("Seccomp").and_then(|value| value.parse().ok()),
            tracer: field("TracerPid").and_then(|value| value.parse().ok()),
        }
    }
}

fn numbers(text: &str) -> Option<Vec<u32>> {
    text.split_ascii_whitespace().map(|word| word.parse().ok()).collect()
}

fn four(text: &str) -> Option<[u32; 4]> {
    numbers(text)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_restricted_container() {
        let text = "Name:\tcat\nUid:\t65532\t65532\t65532\t65532\nGid:\t65532\t65532\t65532\t65532\nGroups:\t65532 \nCapInh:\t0000000000000000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\nCapBnd:\t0000000000000400\nCapAmb:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t1\n";
        let status = Status::parse(text);
        assert_eq!(status.uid, Some([65532; 4]));
        assert_eq!(status.groups, Some(vec![65532]));
        assert_eq!(status.capabilities.unwrap().bounding, 1 << 10);
        assert_eq!((status.no_new_privs, status.seccomp), (Some(true), Some(2)));
    }

    #[test]
    fn capability_masks_and_names() {
        let names = ["CHOWN".to_owned(), "NET_BIND_SERVICE".to_owned()];
        assert_eq!(capability_mask(&names), 1 << 10 | 1);
        assert_eq!(capability_names(1 << 10 | 1), names);
        assert_eq!((capability_mask(&[]), capability_names(1 << 63)), (0, vec!["number 63".to_owned()]));
    }

    #[test]
    fn no_groups_is_an_empty_list_and_nothing_is_guessed() {
        assert_eq!(Status::parse("Groups:\t \n").groups, Some(vec![]));
        assert_eq!(Status::parse(""), Status::default());
        assert_eq!(Status::parse("Uid:\t0\t0\t0\nCapBnd:\tzz\nSeccomp_filters:\t1\n"), Status::default());
    }

    proptest! {
        #[test]
        fn never_panics(text: String) {
            Status::parse(&text);
        }
    }
}
