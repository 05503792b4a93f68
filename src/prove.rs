//! Attempts that must fail: what an intruder would try, tried in this container by this process, each in a child of its own
//! that is gone afterwards. Nothing remains of an attempt, whether it succeeds or not.

mod asked;
mod attempt;
mod child;
mod list;
mod make;
mod outside;
mod program;

use std::time::Duration;

pub use attempt::{Attempt, By, End, Tried, Why};
pub use list::Listed;
pub use outside::Outside;

/// How long all attempts may take, with the search for what to try.
const TIME: Duration = Duration::from_secs(10);
