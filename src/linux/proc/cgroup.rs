//! `/proc/PID/cgroup` (`cgroups(7)`): the control groups of a process.

/// The group of a process in one hierarchy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// The controllers of the hierarchy, as in the file; `None` for that of version 2.
    pub controllers: Option<String>,
    /// The path of the group below the root of the reader's control group namespace.
    pub path: Vec<u8>,
}

impl Group {
    /// The group that `controller` acts on: of version 1 if a hierarchy has it, else of version 2.
    pub fn of<'g>(groups: &'g [Self], controller: &str) -> Option<&'g Self> {
        let has =
            |group: &&Self| group.controllers.as_ref().is_some_and(|all| all.split(',').any(|one| one == controller));
        groups.iter().find(has).or_else(|| groups.iter().find(|group| group.controllers.is_none()))
    }
}

/// The groups of the file. A line that is not in the format counts as missing.
pub fn groups(text: &[u8]) -> Vec<Group> {
    let lines = text.split(|&byte| byte == b'\n').filter_map(|line| {
        let mut fields = line.splitn(3, |&byte| byte == b':');
        let hierarchy = fields.next()?;
        let controllers = String::from_utf8(fields.next()?.to_vec()).ok()?;
        let path = fields.next()?.to_vec();
        Some(Group { controllers: (hierarchy != b"0").then_some(controllers), path })
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_versions() {
        let found = groups(b"11:memory:/docker/x\n4:cpu,cpuacct:/\n1:name=systemd:/s\n0::/a:b\nx\n");
        let path = |controller| Group::of(&found, controller).unwrap().path.clone();
        assert_eq!(
            (path("memory"), path("cpu"), path("pids")),
            (b"/docker/x".to_vec(), b"/".to_vec(), b"/a:b".to_vec())
        );
        assert_eq!(Group::of(&groups(b""), "cpu"), None);
    }
}
