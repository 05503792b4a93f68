//! The `kubectl lithify` plugin. All logic is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    kubectl_lithify::main(std::env::args_os())
}
