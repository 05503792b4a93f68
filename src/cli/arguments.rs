//! A subcommand with its fields. The macros look like clap's derive and mean the same, but produce rows of a table:
//! derived code takes 27 kB more.

use clap::ArgMatches;

use super::argument::Argument;

/// A subcommand: its rows, and how to read them.
pub(super) trait Arguments: Sized {
    const ABOUT: &'static str;
    const ROWS: &'static [Argument] = &[];
    const SUBCOMMANDS: &'static [Subcommand] = &[];

    /// Returns `None` if a required subcommand is missing. clap has already ruled that out.
    fn read(matches: &mut ArgMatches) -> Option<Self>;
}

/// A subcommand as data.
pub(super) struct Subcommand {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    pub(super) rows: &'static [Argument],
    pub(super) subcommands: &'static [Subcommand],
}

/// The arguments of one subcommand: a struct with a row for each field. The struct's comment is its help. A last field
/// after `..` holds subcommands of its own.
macro_rules! arguments {
    (
        $(#[doc = $about:literal])*
        $name:ident {
            $($(#[doc = $help:literal])* $field:ident: $type:ty = $row:expr,)*
            $(..$inner:ident: $commands:ty,)?
        }
    ) => {
        $(#[doc = $about])*
        // Each flag is a `bool`, however many there are.
        #[allow(clippy::struct_excessive_bools)]
        pub(crate) struct $name {
            $($(#[doc = $help])* pub(crate) $field: $type,)*
            $(pub(crate) $inner: $commands,)?
        }

        impl Arguments for $name {
            const ABOUT: &'static str = concat!($($about),*);
            const ROWS: &'static [Argument] =
                &[$($row.of::<$type>(concat!($($help),*)),)*];
            $(const SUBCOMMANDS: &'static [Subcommand] = <$commands>::SUBCOMMANDS;)?

            // There may be no rows.
            #[allow(unused_variables, unused_mut)]
            fn read(matches: &mut ArgMatches) -> Option<Self> {
                let mut rows = Self::ROWS.iter();
                let mut row = || rows.next().unwrap_or(&NONE);
                Some(Self {
                    $($field: Value::read(matches, row()),)*
                    $($inner: <$commands>::read(matches)?,)?
                })
            }
        }
    };
}

/// A choice of subcommands. Each has the name of its struct.
macro_rules! subcommands {
    ($(#[doc = $about:literal])* $name:ident { $($word:literal => $command:ident,)* }) => {
        $(#[doc = $about])*
        pub(crate) enum $name {
            $($command($command),)*
        }

        impl Arguments for $name {
            const ABOUT: &'static str = concat!($($about),*);
            const SUBCOMMANDS: &'static [Subcommand] = &[$(
                Subcommand {
                    name: $word,
                    about: $command::ABOUT,
                    rows: $command::ROWS,
                    subcommands: $command::SUBCOMMANDS,
                },
            )*];

            fn read(matches: &mut ArgMatches) -> Option<Self> {
                let (name, mut inner) = matches.remove_subcommand()?;
                match name.as_str() {
                    $($word => $command::read(&mut inner).map(Self::$command),)*
                    _ => None,
                }
            }
        }
    };
}

pub(super) use {arguments, subcommands};
