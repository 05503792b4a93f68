//! Manifests as YAML: read with the place of everything, edited where it stands, and read again to compare.

mod change;
mod emit;
mod failure;
mod items;
mod json;
mod node;
mod read;
mod splice;
mod value;

pub use change::{Changes, Path};
pub use node::Node;
pub use read::{Document, read};
pub use splice::{Changed, Edit, apply};
pub use value::{Style, Value};
