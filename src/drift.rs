//! Drift: what has changed since the container's first process started. Only reads. It needs no baseline: the kernel notes
//! when each file was last changed, and no program can set that time.

mod changes;
mod closed;
mod executables;
mod processes;
mod since;
mod volumes;
mod writes;

pub use changes::{Change, Event};
pub use closed::take_closed;
pub use executables::{Drifted, Sign, executables};
pub use processes::{Anomaly, processes};
pub use since::Since;
pub use volumes::Volume;
pub use writes::Writes;
