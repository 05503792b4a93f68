//! Text for people and machines: printable names, one order, times.

pub mod escape;
pub(crate) mod json_line;
pub(crate) mod list;
pub(crate) mod order;
pub mod seconds;
pub mod size;
