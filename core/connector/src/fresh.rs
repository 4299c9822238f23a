//! What is made from files (secrets, certificates), made again when one of them has changed. Knows not what is made, nor of what.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::SettingsError;

/// How often the files are looked at, at most.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How long what was made before is used while nothing can be made of the files: a certificate and its key are replaced
/// one after the other.
const MENDED_WITHIN: Duration = Duration::from_secs(60);

type Make<T> = Box<dyn Fn() -> Result<T, SettingsError> + Send + Sync>;

/// A value and the files that it was made of.
pub struct Fresh<T> {
    files: Vec<PathBuf>,
    make: Make<T>,
    made: Mutex<Made<T>>,
}

struct Made<T> {
    value: Arc<T>,
    stamps: Vec<Option<Stamp>>,
    looked: Instant,
    /// Since when nothing can be made of the files.
    broken: Option<Instant>,
}

/// What changes with a file: its place on the disk, its size and its time of change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    inode: u64,
    bytes: u64,
    seconds: i64,
    nanoseconds: i64,
}

impl<T> Fresh<T> {
    /// Makes the value of `files` for the first time; `make` may block.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new(
        files: Vec<PathBuf>,
        make: impl Fn() -> Result<T, SettingsError> + Send + Sync + 'static,
    ) -> Result<Self, SettingsError> {
        // The stamps come first: a change in between is seen at the next look.
        let stamps = stamps(&files);
        let value = Arc::new(make()?);
        let made = Mutex::new(Made { value, stamps, looked: Instant::now(), broken: None });
        Ok(Self { files, make: Box::new(make), made })
    }

    /// The value, as new as the files were some seconds ago.
    ///
    /// # Errors
    /// When nothing could be made of the files for a minute.
    pub fn current(&self) -> Result<Arc<T>, SettingsError> {
        self.at(Instant::now())
    }

    fn at(&self, now: Instant) -> Result<Arc<T>, SettingsError> {
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if self.files.is_empty() || now.saturating_duration_since(made.looked) < LOOK_EVERY {
            return Ok(Arc::clone(&made.value));
        }
        let stamps = stamps(&self.files);
        if stamps == made.stamps && made.broken.is_none() {
            made.looked = now;
            return Ok(Arc::clone(&made.value));
        }
        match (self.make)() {
            Ok(value) => *made = Made { value: Arc::new(value), stamps, looked: now, broken: None },
            Err(error) => {
                let since = *made.broken.get_or_insert(now);
                if now.saturating_duration_since(since) >= MENDED_WITHIN {
                    // Looked at again by whoever comes next.
                    return Err(error);
                }
                made.looked = now;
            }
        }
        Ok(Arc::clone(&made.value))
    }
}

fn stamps(files: &[PathBuf]) -> Vec<Option<Stamp>> {
    files.iter().map(|path| stamp(path)).collect()
}

fn stamp(path: &Path) -> Option<Stamp> {
    let file = fs::metadata(path).ok()?;
    Some(Stamp {
        inode: file.ino(),
        bytes: file.size(),
        seconds: file.mtime(),
        nanoseconds: file.mtime_nsec(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A text that is read from `file`, anew when that has changed.
    fn fresh(file: &Path) -> Fresh<String> {
        let path = file.to_owned();
        let read = move || fs::read_to_string(&path).map_err(|_| SettingsError::new("bearer", "is gone"));
        Fresh::new(vec![file.to_owned()], read).expect("a value")
    }

    #[test]
    fn a_file_that_has_changed_is_read_again_and_not_before_its_next_look() {
        let data = tempfile::tempdir().expect("a folder");
        let file = data.path().join("token");
        fs::write(&file, "first").expect("a file");
        let (fresh, began) = (fresh(&file), Instant::now());
        fs::write(&file, "the second").expect("a file");
        assert_eq!(*fresh.at(began).expect("a value"), "first");
        let later = began + LOOK_EVERY;
        assert_eq!(*fresh.at(later).expect("a value"), "the second");
        assert!(Arc::ptr_eq(
            &fresh.at(later).expect("a value"),
            &fresh.at(later + LOOK_EVERY).expect("a value")
        ));
    }

    #[test]
    fn what_cannot_be_read_any_more_is_used_for_a_while_and_then_told() {
        let data = tempfile::tempdir().expect("a folder");
        let file = data.path().join("token");
        fs::write(&file, "first").expect("a file");
        let (fresh, began) = (fresh(&file), Instant::now());
        fs::remove_file(&file).expect("a file");
        let gone = began + LOOK_EVERY;
        assert_eq!(*fresh.at(gone).expect("a value"), "first");
        assert_eq!(*fresh.at(gone + MENDED_WITHIN / 2).expect("a value"), "first");
        for _ in 0..2 {
            assert_eq!(fresh.at(gone + MENDED_WITHIN).expect_err("an error").key, "bearer");
        }
        fs::write(&file, "mended").expect("a file");
        assert_eq!(*fresh.at(gone + MENDED_WITHIN).expect("a value"), "mended");
    }
}
