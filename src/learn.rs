//! What an app needs, by watching it.

mod app;
mod confined;
mod kept;
mod learned;
mod likely;
mod looker;
mod modules;
pub mod observed;
mod process;
mod recorder;
mod tracer;
mod writable;
pub mod written;

pub use app::App;
pub use confined::{Confined, Unconfined};
pub use kept::{Kept, Why};
pub use learned::Learned;
pub use likely::Likely;
pub use looker::{Looker, PERIOD};
pub use process::Process;
pub use recorder::Recorder;
pub use tracer::Tracer;
pub use writable::{Writable, Written};
