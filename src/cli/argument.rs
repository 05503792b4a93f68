//! One row of the command line: the name of a flag, and what its value must be. The functions have the names of clap's.

/// One flag or, if `long` is empty, one positional value.
#[derive(Clone, Copy)]
pub(super) struct Argument {
    pub(super) long: &'static str,
    pub(super) short: Option<char>,
    /// The environment variable that stands in for it; empty if there is none.
    pub(super) env: &'static str,
    /// The name of its value in the help. If `long` is empty, it is also the name of the argument.
    pub(super) value_name: &'static str,
    /// The value if none is given; empty if there is no default.
    pub(super) default_value: &'static str,
    /// Whether every subcommand takes it as well.
    pub(super) global: bool,
    /// Whether the variable holds one value on each line, instead of values between commas.
    pub(super) lines: bool,
    pub(super) help: &'static str,
    pub(super) kind: Kind,
    pub(super) required: bool,
}

/// What a value must be. [`Value::KIND`] of the field's type names it.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// It takes no value.
    Flag,
    Text,
    Path,
    Seconds,
    /// A number of bytes.
    Size,
    /// One of these values, each with its help.
    Choice(&'static [(&'static str, &'static str)]),
    /// It can be repeated.
    Texts,
    /// It can be repeated.
    Paths,
    /// Everything after `--`.
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

/// Stands in for a missing row. No field lacks its row.
pub(super) static NONE: Argument = long("");

/// A positional value.
pub(super) const fn place(value_name: &'static str) -> Argument {
    Argument { value_name, required: true, ..long("") }
}

impl Argument {
    /// Lets a positional value be left out.
    pub(super) const fn optional(self) -> Self {
        Self { required: false, ..self }
    }

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

    /// Lets the variable hold one value on each line, because a command may contain commas.
    pub(super) const fn lines(self) -> Self {
        Self { lines: true, ..self }
    }

    /// Sets the help of a row that several subcommands share. Other rows use the comment of their field.
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
