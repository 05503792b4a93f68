//! Which shared libraries programs need, found where the dynamic loader would find them (ld.so(8)). This module only
//! reads.

pub mod cache;
mod closure;
mod search;

pub use closure::{Chain, Closure, Load, Missing, Needed, closure};
