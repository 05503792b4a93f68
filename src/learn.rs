//! What an app needs, by watching it.

mod app;
mod confined;
mod kept;
mod learned;
mod likely;
mod modules;
pub mod observed;
mod process;
mod writable;

pub use app::App;
pub use confined::{Confined, Unconfined};
pub use kept::{Kept, Why};
pub use learned::Learned;
pub use likely::Likely;
pub use process::Process;
pub use writable::{Writable, Written};
