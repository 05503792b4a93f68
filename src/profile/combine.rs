//! Combines profiles: lists are joined, a limit keeps only what every profile allows, and the stricter of two single
//! values wins.

use std::rc::Rc;

use toml::Spanned;

use super::diagnostic::{ProfileError, SourceText, nearest};
use super::document::{Document, Value};
use super::keys::{Choice, Key, Kind};
use super::load::selector;
use super::values::{Principal, Scope};
use super::{Profile, Rule, Selector, Source, Sourced, names_in};
use crate::recognise::catalogue::Class;
use crate::root::InRoot;
use crate::root::pattern::PathPattern;
use crate::text::escape::escape;
use crate::text::list::{quoted, strings};

impl Profile {
    /// Checks and adds everything that one document says, and adds the removal of the names `listed`.
    pub(super) fn add(
        &mut self,
        source: SourceText<'_>,
        document: Document,
        listed: &[&str],
    ) -> Result<(), ProfileError> {
        let name: Rc<str> = match &document.name {
            Some(name) if name.get_ref().is_empty() || name.get_ref().chars().any(char::is_control) => {
                return Err(source.error(name.span(), "a profile's name is one line of text", None));
            }
            Some(name) => name.get_ref().as_str().into(),
            None => source.file.into(),
        };
        let from = Adding { source, profile: &name };
        from.listed(&mut self.remove, listed);
        for (key, value) in &document.entries {
            from.entry(self, key, value)?;
        }
        for (key, value) in &document.entries {
            if let (Kind::Confined(_, Some(others)), Value::Strings(paths)) = (&key.kind, value) {
                from.apart((others.of)(self).as_deref().unwrap_or_default(), paths)?;
            }
        }
        self.sources.push(Source { name: Rc::clone(&name), description: document.description });
        Ok(())
    }
}

#[derive(Clone, Copy)]
struct Adding<'a> {
    source: SourceText<'a>,
    profile: &'a Rc<str>,
}

impl Adding<'_> {
    fn sourced<T>(self, value: T) -> Sourced<T> {
        Sourced { value, profile: Rc::clone(self.profile) }
    }

    /// Adds the value of one key.
    fn entry(self, profile: &mut Profile, key: &Key, value: &Value) -> Result<(), ProfileError> {
        match (&key.kind, value) {
            (Kind::Names(field), Value::Strings(names)) => self.names((field.of_mut)(profile), names)?,
            (Kind::Globs(field), Value::Strings(paths)) => {
                for path in paths {
                    self.push((field.of_mut)(profile), Selector::Path(self.pattern(path)?));
                }
            }
            (Kind::Classes(field), Value::Strings(classes)) => self.classes((field.of_mut)(profile), classes)?,
            (Kind::Only(field), Value::Strings(programs)) => {
                for program in programs {
                    self.push((field.of_mut)(profile), self.selector(program)?);
                }
                if !programs.is_empty() {
                    self.push(&mut profile.remove, Selector::Others);
                }
            }
            (Kind::Patterns(field), Value::Strings(paths)) => {
                for path in paths {
                    self.push((field.of_mut)(profile), self.pattern(path)?);
                }
            }
            (Kind::Paths(field, _), Value::Strings(paths)) => self.paths((field.of_mut)(profile), paths)?,
            (Kind::Confined(field, _), Value::Strings(paths)) => {
                self.paths((field.of_mut)(profile).get_or_insert_default(), paths)?;
            }
            (Kind::Ports(field), Value::Numbers(ports)) => {
                let list = (field.of_mut)(profile).get_or_insert_default();
                for port in ports.iter().filter_map(|port| u16::try_from(*port).ok()) {
                    self.push(list, port);
                }
            }
            (Kind::Scopes(field), Value::Strings(scopes)) => {
                for scope in scopes {
                    self.push((field.of_mut)(profile), self.scope(scope)?);
                }
            }
            (Kind::Command(field), Value::Strings(words)) => self.command((field.of_mut)(profile), words)?,
            (Kind::Capabilities(field), Value::Strings(names)) => {
                self.limit((field.of_mut)(profile), self.capabilities(names)?);
            }
            (Kind::Groups(field), Value::Numbers(ids)) => self.limit((field.of_mut)(profile), ids.clone()),
            (Kind::Principal(field), Value::Principal(user)) => {
                self.principal((field.of_mut)(profile), user, key.name)?;
            }
            (Kind::Flag(field), Value::Flag(flag)) => self.stricter((field.of_mut)(profile), *flag),
            (Kind::Absent(field), Value::Flag(false)) => {
                (field.of_mut)(profile).get_or_insert(self.sourced(()));
            }
            (Kind::Filter(field), Value::String(mode)) => {
                if mode.get_ref() != "filter" {
                    let hint = Some("seccomp = \"filter\" is what RuntimeDefault and Localhost give".to_owned());
                    return Err(self.source.error(mode.span(), "unknown seccomp mode", hint));
                }
                (field.of_mut)(profile).get_or_insert(self.sourced(()));
            }
            (Kind::Choice(choice), Value::String(word)) => self.choice(profile, choice, word)?,
            // `Key::read` gives no other value for a kind. `Absent` asks for nothing if it is true.
            _ => {}
        }
        Ok(())
    }

    /// Adds `value` unless an earlier profile has the same one.
    fn push<T: PartialEq>(self, list: &mut Vec<Sourced<T>>, value: T) {
        if !list.iter().any(|known| known.value == value) {
            list.push(self.sourced(value));
        }
    }

    /// Adds names of the catalogue, which has each once, as [`Self::push`] does. A map finds the known ones: there are
    /// too many names to compare each with each.
    fn listed(self, list: &mut Vec<Rule>, names: &[&str]) {
        if names.is_empty() {
            return;
        }
        let known = names_in(list);
        let new = names.iter().filter(|name| !known.contains_key(name.as_bytes()));
        let new: Vec<Rule> = new.map(|name| self.sourced(Selector::Name((*name).to_owned()))).collect();
        list.extend(new);
    }

    fn names(self, list: &mut Vec<Rule>, names: &[Spanned<String>]) -> Result<(), ProfileError> {
        for name in names {
            let text = name.get_ref();
            match self.selector(name)? {
                Selector::Path(_) => {
                    let hint = Some(format!("write it under paths: paths = [{}]", quoted(text)));
                    return Err(self.source.error(name.span(), "a name cannot hold a `/`", hint));
                }
                name => self.push(list, name),
            }
        }
        Ok(())
    }

    fn selector(self, text: &Spanned<String>) -> Result<Selector, ProfileError> {
        selector(text.get_ref()).map_err(|reason| self.source.error(text.span(), reason, None))
    }

    fn classes(self, list: &mut Vec<Rule>, classes: &[Spanned<String>]) -> Result<(), ProfileError> {
        for class in classes {
            let Some(known) = Class::parse(class.get_ref()) else {
                let all = Class::ALL.map(Class::name);
                let hint = match nearest(class.get_ref(), &all) {
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("there are: {}", all.join(", ")),
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

    /// Fails if a path that may be written overlaps one that may be executed: the app must not run what it writes.
    fn apart(self, others: &[Sourced<String>], paths: &[Spanned<String>]) -> Result<(), ProfileError> {
        for path in paths {
            let text = path.get_ref().trim_end_matches('/').as_bytes();
            if let Some(other) = others.iter().find(|other| InRoot(text).overlaps(other.value.as_bytes())) {
                let message = format!(
                    "`{}` and {} (profile {}) would make something both writable and executable",
                    escape(path.get_ref().as_bytes()),
                    quoted(&other.value),
                    other.profile
                );
                let hint = "list narrower paths: what the app writes, it must not run";
                return Err(self.source.error(path.span(), message, Some(hint.to_owned())));
            }
        }
        Ok(())
    }

    fn choice(self, profile: &mut Profile, choice: &Choice, word: &Spanned<String>) -> Result<(), ProfileError> {
        let position = choice.words.iter().position(|known| known == word.get_ref());
        let position = position.ok_or_else(|| self.unknown(word, choice.unknown, choice.words))?;
        (choice.add)(profile, position, self.profile);
        Ok(())
    }

    fn scope(self, word: &Spanned<String>) -> Result<Scope, ProfileError> {
        let known = Scope::ALL.into_iter().find(|known| known.name() == word.get_ref());
        known.ok_or_else(|| self.unknown(word, "unknown scope", &Scope::ALL.map(Scope::name)))
    }

    /// The error for a word that is none of the known ones.
    fn unknown(self, word: &Spanned<String>, what: &str, known: &[&str]) -> ProfileError {
        let message = format!("{what} `{}`", escape(word.get_ref().as_bytes()));
        self.source.error(word.span(), message, Some(format!("known: \"{}\"", known.join("\", \""))))
    }

    /// Adds plain absolute paths, without patterns.
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

    /// Sets the flag; `true` is the stricter value.
    fn stricter(self, slot: &mut Option<Sourced<bool>>, value: bool) {
        if slot.as_ref().is_none_or(|known| value && !known.value) {
            *slot = Some(self.sourced(value));
        }
    }

    /// Keeps only what both the earlier profiles and this one allow.
    fn limit<T: PartialEq + Clone>(self, slot: &mut Option<Sourced<Vec<T>>>, allowed: Vec<T>) {
        match slot {
            Some(known) => known.value.retain(|value| allowed.contains(value)),
            None => *slot = Some(self.sourced(allowed)),
        }
    }

    /// Sets the user or group. A name or an id is stricter than `non-root`; two different ones contradict each other.
    fn principal(
        self,
        slot: &mut Option<Sourced<Principal>>,
        said: &Spanned<Principal>,
        key: &str,
    ) -> Result<(), ProfileError> {
        let value = said.get_ref();
        match slot {
            Some(known) if known.value == *value || *value == Principal::NonRoot => {}
            Some(known) if known.value != Principal::NonRoot => {
                let message = format!("{key} \"{value}\" contradicts \"{}\" of profile {}", known.value, known.profile);
                return Err(self.source.error(
                    said.span(),
                    message,
                    Some("let one of the two profiles decide".to_owned()),
                ));
            }
            _ => *slot = Some(self.sourced(value.clone())),
        }
        Ok(())
    }

    /// Sets the command. A container starts one command, so two different ones contradict each other.
    fn command(self, slot: &mut Option<Sourced<Vec<String>>>, words: &[Spanned<String>]) -> Result<(), ProfileError> {
        let span = words.first().map_or(0..0, Spanned::span);
        let words: Vec<String> = words.iter().map(|word| word.get_ref().clone()).collect();
        let hint = |text: &str| Some(text.to_owned());
        if words.first().is_none_or(String::is_empty) {
            let example = hint("its words one by one: app = [\"nginx\", \"-g\", \"daemon off;\"], or [\"none\"]");
            return Err(self.source.error(span, "app names no command", example));
        }
        match slot {
            Some(known) if known.value != words => {
                let message = format!("app contradicts {} of profile {}", strings(&known.value), known.profile);
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
        let all: Vec<String> = caps::all().into_iter().map(|known| known.to_string()).collect();
        let all: Vec<&str> = all.iter().map(String::as_str).collect();
        let mut capabilities = Vec::new();
        for name in names {
            let upper = name.get_ref().to_ascii_uppercase();
            let short = upper.strip_prefix("CAP_").unwrap_or(&upper);
            let full = format!("CAP_{short}");
            if !all.contains(&full.as_str()) {
                let hint = nearest(&full, &all).map_or_else(
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
