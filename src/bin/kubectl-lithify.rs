//! The `kubectl lithify` plugin. All logic is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    lithify::kubectl::main(std::env::args_os())
}
