//! Copies of files of a server on this machine: in a folder that is the hub's alone, under no name, so that none outlives
//! whoever reads it, not even a hub that is killed.

use std::fs::{self, DirBuilder, File};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

/// Makes `folder` so that only the hub's own user can look into it.
pub(super) fn make_private(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// A file in `folder` that has no name any more.
pub(super) fn nameless(folder: &Path) -> io::Result<File> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    make_private(folder)?;
    let path = folder.join(format!("{}.copy", NUMBER.fetch_add(1, Ordering::Relaxed)));
    // A hub that was killed between the next two steps left one.
    match fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = File::options().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    fs::remove_file(&path)?;
    Ok(file)
}
