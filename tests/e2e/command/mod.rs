//! What holds for every subcommand: input, output, exit codes, the binary itself; and the small subcommands.

mod bad_input;
mod binary;
mod examples;
mod fault;
mod install;
mod only;
pub mod output;
mod output_lost;
mod probe;
pub mod shown;
