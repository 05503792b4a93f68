//! What an app needs, by watching it.

mod app;
mod confined;
mod event;
mod gain;
mod helpers;
mod image;
mod kept;
mod learned;
mod likely;
mod look;
mod modules;
pub mod observed;
mod process;
mod scripts;
mod seen;
mod summary;
mod trace;
mod writable;

pub use app::App;
pub use confined::{Confined, Unconfined};
pub use event::Event;
pub use kept::{Kept, Why};
pub use learned::Learned;
pub use likely::Likely;
pub use look::{Look, PAUSE};
pub use process::Process;
pub use seen::Seen;
pub use trace::{Leaving, Trace};
pub use writable::{Writable, Written};
