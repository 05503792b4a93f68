//! One row of the command line: what a flag is called, and what its value must be. The functions are called as clap's.

/// One flag or, where `long` is empty, one value by its place.
#[derive(Clone, Copy)]
pub(super) struct Argument {
    pub(super) long: &'static str,
    pub(super) short: Option<char>,
    /// The environment variable that stands in for it; empty for none.
    pub(super) env: &'static str,
    /// What its value is called in the help; its name where there is no `long`.
    pub(super) value_name: &'static str,
    /// Used where it is not given; empty for none.
    pub(super) default_value: &'static str,
    /// Also taken by every subcommand.
    pub(super) global: bool,
    /// The variable holds one value on each line, and not between commas.
    pub(super) lines: bool,
    pub(super) help: &'static str,
    pub(super) kind: Kind,
    pub(super) required: bool,
}

/// What a value must be; [`Value::KIND`] of the field's type.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// There is none.
    Flag,
    Text,
    Path,
    Seconds,
    /// One of these, with what each means.
    Choice(&'static [(&'static str, &'static str)]),
    /// Can be repeated.
    Texts,
    /// Can be repeated.
    Paths,
    /// All that follows `--`.
    Rest,
}

/// A flag.
pub(super) const fn long(long: &'static str) -> Argument {
    Argument {
        long,
        short: None,
        env: "",
        value_name: "",
        default_value: "",
        global: false,
        lines: false,
        help: "",
        kind: Kind::Flag,
        required: false,
    }
}

/// What a field without a row would have; there is none.
pub(super) static NONE: Argument = long("");

/// A value by its place.
pub(super) const fn place(value_name: &'static str) -> Argument {
    Argument { value_name, required: true, ..long("") }
}

impl Argument {
    pub(super) const fn short(self, short: char) -> Self {
        Self { short: Some(short), ..self }
    }

    pub(super) const fn env(self, env: &'static str) -> Self {
        Self { env, ..self }
    }

    pub(super) const fn value_name(self, value_name: &'static str) -> Self {
        Self { value_name, ..self }
    }

    pub(super) const fn default_value(self, default_value: &'static str) -> Self {
        Self { default_value, ..self }
    }

    pub(super) const fn global(self) -> Self {
        Self { global: true, ..self }
    }

    /// The variable holds one value on each line, because commas may stand in a command.
    pub(super) const fn lines(self) -> Self {
        Self { lines: true, ..self }
    }

    /// For a row that several subcommands share; others have the comment of their field.
    pub(super) const fn help(self, help: &'static str) -> Self {
        Self { help, ..self }
    }

    pub(super) const fn is_positional(&self) -> bool {
        self.long.is_empty()
    }

    /// The name by which clap knows it.
    pub(super) const fn id(&self) -> &'static str {
        if self.is_positional() { self.value_name } else { self.long }
    }
}
