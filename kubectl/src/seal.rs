//! `kubectl lithify seal` states what the files of an image are: the same digest that `lithify seal` prints in a container
//! of it. The image is spooled, and the core's `seal` looks at the spool.

mod headers;

use std::ffi::OsString;
use std::path::Path;
use std::time::Duration;

use crate::cli::Seal;
use crate::failure::Failure;
use crate::image;
use crate::interrupt;
use headers::Headers;
use lithify::commands::{Spooled, seal_image};
use lithify::report::Exit;

/// Runs the subcommand.
pub(crate) fn run(options: &Seal) -> Result<Exit, Failure> {
    let image = image::read(&options.image, options.platform.as_ref(), options.limits, &remove_at_the_end)?;
    let built = image.spool.build(&image.tree)?;
    let words = ["lithify".into(), "seal".into(), "--root".into(), built.root.into_os_string()];
    let words: Vec<OsString> = words.into_iter().chain(options.further.iter().cloned()).collect();
    let name = if options.image == "-" { "standard input" } else { &options.image };
    let described = &mut Headers { tree: &image.tree };
    Ok(seal_image(words, Spooled { name: Path::new(name), described, capable: built.capable }))
}

/// Ctrl-C and SIGTERM remove what was spooled.
fn remove_at_the_end(directory: &Path) {
    let directory = directory.to_owned();
    interrupt::before_end(move || {
        // The other thread may be making files there.
        for _ in 0..50 {
            if std::fs::remove_dir_all(&directory).is_ok() {
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    });
}
