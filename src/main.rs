//! The `lithify` binary. All logic is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    lithify::commands::main(std::env::args_os())
}
