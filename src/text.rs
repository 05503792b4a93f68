//! Text for people and machines: printable names, one order, times.

pub mod escape;
pub mod json_line;
pub mod list;
pub mod order;
pub mod seconds;
