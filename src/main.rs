//! The `lithify` binary. All logic is in the library.

#![no_main]

lithify::start!(lithify::commands::main);
