//! Combining profiles: lists join, a limit keeps only what every profile allows, the stricter scalar wins.

use std::collections::HashSet;
use std::rc::Rc;
use std::str::FromStr;

use toml::Spanned;

use super::diagnostic::{ProfileError, SourceText, nearest};
use super::document::{self, ConfineMode, Document, Libraries, Method, Principal};
use super::load::selector;
use super::{Confine, Profile, Rule, Selector, Source, Sourced};
use crate::recognise::catalogue::Class;
use crate::root::InRoot;
use crate::root::pattern::PathPattern;
use crate::text::escape::escape;

impl Profile {
    /// Adds what one document says, all of it checked, and the removal of `listed` names.
    pub(super) fn add(
        &mut self,
        source: SourceText<'_>,
        document: Document,
        listed: impl Iterator<Item = &'static str>,
    ) -> Result<(), ProfileError> {
        let name: Rc<str> = match &document.name {
            Some(name) if name.get_ref().is_empty() || name.get_ref().chars().any(char::is_control) => {
                return Err(source.error(name.span(), "a profile's name is one line of text", None));
            }
            Some(name) => name.get_ref().as_str().into(),
            None => source.file.into(),
        };
        let from = Adding { source, profile: &name };
        let remove = document.remove;
        from.listed(&mut self.remove, &listed.collect::<Vec<_>>());
        from.rules(&mut self.remove, &remove.names, &remove.paths)?;
        from.classes(&mut self.remove, &remove.classes)?;
        from.paths(&mut self.search, &remove.search)?;
        from.paths(&mut self.mounts, &remove.mounts)?;
        from.patterns(&mut self.force, &remove.force)?;
        if let Some(method) = &remove.method {
            let strictest = self.method.as_ref().map_or(Method::Disable, |method| method.value);
            let method = from.method(method)?;
            if self.method.is_none() || method > strictest {
                self.method = Some(from.sourced(method));
            }
        }
        from.rules(&mut self.keep, &document.keep.names, &document.keep.paths)?;
        for entry in &document.keep.only {
            let selector = selector(entry.get_ref()).map_err(|reason| source.error(entry.span(), reason, None))?;
            from.push(&mut self.only, selector);
        }
        from.app(&mut self.app, document.keep.app)?;
        if let Some(libraries) = &document.keep.libraries {
            let libraries = from.libraries(libraries)?;
            if self.libraries.as_ref().is_none_or(|known| libraries > known.value) {
                self.libraries = Some(from.sourced(libraries));
            }
        }
        if !document.keep.only.is_empty() {
            from.push(&mut self.remove, Selector::Others);
        }

        from.stricter_bool(&mut self.strip.setid, document.strip.setid);
        from.stricter_bool(&mut self.strip.file_capabilities, document.strip.file_capabilities);
        from.stricter_bool(&mut self.strip.world_writable, document.strip.world_writable);
        from.stricter_bool(&mut self.strip.login_shells, document.strip.login_shells);

        let verify = &mut self.verify;
        let mounts = document.verify.mounts;
        from.paths(&mut verify.read_only, &mounts.read_only)?;
        from.paths(&mut verify.writable, &mounts.writable)?;
        from.paths(&mut verify.writable_if_present, &mounts.writable_if_present)?;
        from.paths(&mut verify.noexec, &mounts.noexec)?;

        let process = document.verify.process;
        from.principal(&mut verify.user, process.user, "user")?;
        from.principal(&mut verify.group, process.group, "group")?;
        if let Some(groups) = process.groups {
            from.limit(&mut verify.groups, groups);
        }
        from.stricter_bool(&mut verify.no_new_privs, process.no_new_privs);
        if let Some(capabilities) = process.capabilities {
            from.limit(&mut verify.capabilities, from.capabilities(&capabilities)?);
        }
        if let Some(seccomp) = &process.seccomp {
            if seccomp.get_ref() != "filter" {
                let hint = Some("seccomp = \"filter\" is what RuntimeDefault and Localhost give".to_owned());
                return Err(source.error(seccomp.span(), "unknown seccomp mode", hint));
            }
            verify.seccomp.get_or_insert(from.sourced(()));
        }

        from.patterns(&mut verify.absent, &document.verify.files.absent)?;
        from.patterns(&mut verify.present, &document.verify.files.present)?;

        let exposure = document.verify.exposure;
        for (slot, value) in [
            (&mut verify.no_runtime_socket, exposure.runtime_socket),
            (&mut verify.no_service_account_token, exposure.service_account_token),
            (&mut verify.no_host_pid, exposure.host_pid),
        ] {
            if value == Some(false) {
                slot.get_or_insert(from.sourced(()));
            }
        }
        from.confine(&mut self.confine, document.confine)?;
        self.sources.push(Source { name: Rc::clone(&name), description: document.description });
        Ok(())
    }
}

/// One document being added.
#[derive(Clone, Copy)]
struct Adding<'a> {
    source: SourceText<'a>,
    profile: &'a Rc<str>,
}

impl Adding<'_> {
    fn sourced<T>(self, value: T) -> Sourced<T> {
        Sourced { value, profile: Rc::clone(self.profile) }
    }

    /// Adds `value` unless an earlier profile said the same.
    fn push<T: PartialEq>(self, list: &mut Vec<Sourced<T>>, value: T) {
        if !list.iter().any(|known| known.value == value) {
            list.push(self.sourced(value));
        }
    }

    /// Adds names of the catalogue as [`Self::push`] does, of which there are too many to compare each with each.
    fn listed(self, list: &mut Vec<Rule>, names: &[&str]) {
        let mut known = HashSet::new();
        for rule in list.iter().filter(|_| !names.is_empty()) {
            if let Selector::Name(name) = &rule.value {
                known.insert(name.as_bytes().to_vec());
            }
        }
        for name in names {
            if known.insert(name.as_bytes().to_vec()) {
                list.push(self.sourced(Selector::Name((*name).to_owned())));
            }
        }
    }

    fn rules(
        self,
        list: &mut Vec<Rule>,
        names: &[Spanned<String>],
        paths: &[Spanned<String>],
    ) -> Result<(), ProfileError> {
        for name in names {
            let text = name.get_ref();
            match selector(text) {
                Ok(Selector::Path(_)) => {
                    let hint = Some(format!("write it under paths: paths = [{text:?}]"));
                    return Err(self.source.error(name.span(), "a name cannot hold a `/`", hint));
                }
                Ok(value) => self.push(list, value),
                Err(reason) => return Err(self.source.error(name.span(), reason, None)),
            }
        }
        for path in paths {
            self.push(list, Selector::Path(self.pattern(path)?));
        }
        Ok(())
    }

    fn classes(self, list: &mut Vec<Rule>, classes: &[Spanned<String>]) -> Result<(), ProfileError> {
        for class in classes {
            let Some(known) = Class::parse(class.get_ref()) else {
                let all = || Class::ALL.iter().map(|class| class.name());
                let hint = match nearest(class.get_ref(), all()) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("there are: {}", all().collect::<Vec<_>>().join(", ")),
                };
                let message = format!("unknown class `{}`", escape(class.get_ref().as_bytes()));
                return Err(self.source.error(class.span(), message, Some(hint)));
            };
            self.push(list, Selector::Class(known));
        }
        Ok(())
    }

    fn pattern(self, path: &Spanned<String>) -> Result<PathPattern, ProfileError> {
        PathPattern::parse(path.get_ref()).map_err(|error| {
            let hint = matches!(error, crate::root::pattern::PatternError::Relative(_))
                .then(|| format!("paths are absolute inside the root: \"/{}\"", path.get_ref()));
            self.source.error(path.span(), error.to_string(), hint)
        })
    }

    fn patterns(self, list: &mut Vec<Sourced<PathPattern>>, paths: &[Spanned<String>]) -> Result<(), ProfileError> {
        for path in paths {
            self.push(list, self.pattern(path)?);
        }
        Ok(())
    }

    /// Lists join; what may be written must not be executable.
    fn confine(self, confine: &mut Confine, said: document::Confine) -> Result<(), ProfileError> {
        if let Some(paths) = &said.write {
            self.paths(confine.write.get_or_insert_default(), paths)?;
        }
        if let Some(paths) = &said.execute {
            self.paths(confine.execute.get_or_insert_default(), paths)?;
        }
        for (mine, others) in [(&said.write, &confine.execute), (&said.execute, &confine.write)] {
            for path in mine.iter().flatten() {
                let text = path.get_ref().trim_end_matches('/').as_bytes();
                let overlaps = |other: &&Sourced<String>| InRoot(text).overlaps(other.value.as_bytes());
                if let Some(other) = others.iter().flatten().find(overlaps) {
                    let message = format!(
                        "`{}` and {:?} (profile {}) would make something both writable and executable",
                        escape(path.get_ref().as_bytes()),
                        other.value,
                        other.profile
                    );
                    let hint = "list narrower paths: what the app writes, it must not run";
                    return Err(self.source.error(path.span(), message, Some(hint.to_owned())));
                }
            }
        }
        if let Some(text) = said.mode {
            let mode = match text.get_ref().as_str() {
                "require" => ConfineMode::Require,
                "best-effort" => ConfineMode::BestEffort,
                other => {
                    let hint = "known: \"require\", \"best-effort\"".to_owned();
                    let message = format!("unknown mode `{}`", escape(other.as_bytes()));
                    return Err(self.source.error(text.span(), message, Some(hint)));
                }
            };
            if confine.mode.as_ref().is_none_or(|known| mode > known.value) {
                confine.mode = Some(self.sourced(mode));
            }
        }
        Ok(())
    }

    /// Plain absolute paths, without patterns.
    fn paths(self, list: &mut Vec<Sourced<String>>, paths: &[Spanned<String>]) -> Result<(), ProfileError> {
        for path in paths {
            let text = path.get_ref();
            let fail = |message: &str, hint| {
                Err(self.source.error(path.span(), format!("`{}` {message}", escape(text.as_bytes())), hint))
            };
            if !text.starts_with('/') {
                return fail("is not an absolute path", Some(format!("write \"/{text}\"")));
            }
            if text.contains('\0') || text.split('/').any(|part| part == "." || part == "..") {
                return fail("holds a `.` or `..` component or a NUL byte", None);
            }
            let mut normal: String =
                text.split('/').filter(|part| !part.is_empty()).fold(String::new(), |all, part| all + "/" + part);
            if normal.is_empty() {
                normal.push('/');
            }
            self.push(list, normal);
        }
        Ok(())
    }

    fn method(self, method: &Spanned<String>) -> Result<Method, ProfileError> {
        let known = [Method::Delete, Method::Disable, Method::Tombstone];
        let text = method.get_ref();
        known.into_iter().find(|known| known.name() == text).ok_or_else(|| {
            let hint = "known: \"delete\", \"disable\", \"tombstone\"".to_owned();
            self.source.error(method.span(), format!("unknown method `{}`", escape(text.as_bytes())), Some(hint))
        })
    }

    fn libraries(self, libraries: &Spanned<String>) -> Result<Libraries, ProfileError> {
        match libraries.get_ref().as_str() {
            "all" => Ok(Libraries::All),
            "closure" => Ok(Libraries::Closure),
            other => {
                let message = format!("unknown value of libraries: `{}`", escape(other.as_bytes()));
                let hint = Some("known: \"all\", \"closure\"".to_owned());
                Err(self.source.error(libraries.span(), message, hint))
            }
        }
    }

    /// `true` is the stricter of the two.
    fn stricter_bool(self, slot: &mut Option<Sourced<bool>>, value: Option<bool>) {
        if let Some(value) = value {
            if slot.as_ref().is_none_or(|known| value && !known.value) {
                *slot = Some(self.sourced(value));
            }
        }
    }

    /// Keeps what both the earlier profiles and this one allow.
    fn limit<T: PartialEq + Clone>(self, slot: &mut Option<Sourced<Vec<T>>>, allowed: Vec<T>) {
        match slot {
            Some(known) => known.value.retain(|value| allowed.contains(value)),
            None => *slot = Some(self.sourced(allowed)),
        }
    }

    /// A name or an id is stricter than `non-root`; two different ones contradict each other.
    fn principal(
        self,
        slot: &mut Option<Sourced<Principal>>,
        value: Option<Spanned<Principal>>,
        key: &str,
    ) -> Result<(), ProfileError> {
        let Some(value) = value else { return Ok(()) };
        let (span, value) = (value.span(), value.into_inner());
        match slot {
            Some(known) if known.value == value || value == Principal::NonRoot => {}
            Some(known) if known.value != Principal::NonRoot => {
                let message = format!("{key} \"{value}\" contradicts \"{}\" of profile {}", known.value, known.profile);
                return Err(self.source.error(span, message, Some("let one of the two profiles decide".to_owned())));
            }
            _ => *slot = Some(self.sourced(value)),
        }
        Ok(())
    }

    /// A container starts one command.
    fn app(
        self,
        slot: &mut Option<Sourced<Vec<String>>>,
        words: Option<Vec<Spanned<String>>>,
    ) -> Result<(), ProfileError> {
        let Some(words) = words else { return Ok(()) };
        let span = words.first().map_or(0..0, Spanned::span);
        let words: Vec<String> = words.into_iter().map(Spanned::into_inner).collect();
        let hint = |text: &str| Some(text.to_owned());
        if words.first().is_none_or(String::is_empty) {
            let example = hint("its words one by one: app = [\"nginx\", \"-g\", \"daemon off;\"], or [\"none\"]");
            return Err(self.source.error(span, "app names no command", example));
        }
        match slot {
            Some(known) if known.value != words => {
                let message = format!("app contradicts {:?} of profile {}", known.value, known.profile);
                Err(self.source.error(span, message, hint("let one of the two profiles decide")))
            }
            Some(_) => Ok(()),
            None => {
                *slot = Some(self.sourced(words));
                Ok(())
            }
        }
    }

    fn capabilities(self, names: &[Spanned<String>]) -> Result<Vec<String>, ProfileError> {
        let mut capabilities = Vec::new();
        for name in names {
            let upper = name.get_ref().to_ascii_uppercase();
            let short = upper.strip_prefix("CAP_").unwrap_or(&upper);
            if caps::Capability::from_str(&format!("CAP_{short}")).is_err() {
                let all: Vec<String> = caps::all().into_iter().map(|known| known.to_string()).collect();
                let near = nearest(&format!("CAP_{short}"), all.iter().map(String::as_str));
                let hint = near.map_or_else(
                    || "see capabilities(7)".to_owned(),
                    |near| format!("did you mean `{}`?", near.trim_start_matches("CAP_")),
                );
                let message = format!("unknown capability `{}`", escape(name.get_ref().as_bytes()));
                return Err(self.source.error(name.span(), message, Some(hint)));
            }
            capabilities.push(short.to_owned());
        }
        Ok(capabilities)
    }
}
