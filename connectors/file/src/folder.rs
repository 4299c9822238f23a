//! Which file of a folder comes next: what may be taken, in which order, and whether it is complete.

use std::collections::HashMap;
use std::fs;
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tokio::time::Instant;

use crate::settings::{Complete, Order, SourceSettings, UNFINISHED};

/// Size and time of change: what tells one writing of a file from the next without reading it.
pub(crate) type Stamp = (u64, SystemTime);

/// A file in the folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) path: PathBuf,
    pub(crate) name: String,
    pub(crate) stamp: Stamp,
}

/// Whether files of that name are never taken: hidden, or still being written.
pub(crate) fn is_passed_over(name: &str) -> bool {
    let lower = name.to_lowercase();
    name.starts_with('.') || UNFINISHED.iter().any(|ending| lower.ends_with(ending))
}

/// Size and time of change of the file at `path`.
pub(crate) fn stamp(path: &Path) -> io::Result<Stamp> {
    let metadata = fs::symlink_metadata(path)?;
    Ok((metadata.len(), metadata.modified()?))
}

/// The files of `folder` that may ever be taken: no folders or links, nothing hidden, nothing that is being written.
pub(crate) fn list(folder: &Path) -> io::Result<Vec<Seen>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if is_passed_over(&name) || !entry.file_type()?.is_file() {
            continue;
        }
        let path = entry.path();
        match stamp(&path) {
            Ok(stamp) => files.push(Seen { path, name, stamp }),
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(files)
}

/// Removes markers whose file is gone: it was put away, and the hub stopped before its marker was.
pub(crate) fn remove_lone_markers(folder: &Path, complete: &Complete) -> io::Result<()> {
    let Complete::Marker(ending) = complete else { return Ok(()) };
    for marker in list(folder)? {
        let Some(name) = marker.name.strip_suffix(ending.as_str()) else { continue };
        if !marker.path.with_file_name(name).try_exists()? {
            fs::remove_file(&marker.path)?;
        }
    }
    Ok(())
}

/// Since when each file has been as it is.
#[derive(Default)]
pub(crate) struct Settling(HashMap<PathBuf, (Stamp, Instant)>);

impl Settling {
    /// Notes how the files are now.
    pub(crate) fn observe(&mut self, files: &[Seen], now: Instant) {
        let before = std::mem::take(&mut self.0);
        for file in files {
            let since = match before.get(&file.path) {
                Some((stamp, since)) if *stamp == file.stamp => *since,
                _ => now,
            };
            self.0.insert(file.path.clone(), (file.stamp, since));
        }
    }

    /// Since when `file` has been as it is.
    fn since(&self, file: &Seen, now: Instant) -> Instant {
        self.0.get(&file.path).map_or(now, |(_, since)| *since)
    }
}

/// What to do about the files of a folder.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Take this one.
    Take(Seen),
    /// The next one is not complete before then; nothing overtakes it.
    Wait(Instant),
    /// There is none.
    None,
}

/// The next of `files`.
pub(crate) fn next(
    mut files: Vec<Seen>,
    settings: &SourceSettings,
    settling: &Settling,
    now: Instant,
) -> Next {
    if let Complete::Marker(ending) = &settings.complete {
        let marked: Vec<String> = files
            .iter()
            .filter_map(|file| file.name.strip_suffix(ending.as_str()).map(str::to_owned))
            .collect();
        files.retain(|file| !file.name.ends_with(ending.as_str()) && marked.contains(&file.name));
    }
    let Some(first) = files.into_iter().min_by_key(|file| rank(file, &settings.order)) else {
        return Next::None;
    };
    match settings.complete {
        Complete::Marker(_) => Next::Take(first),
        Complete::Settled(settle) => match settling.since(&first, now) + settle {
            at if at > now => Next::Wait(at),
            _ => Next::Take(first),
        },
    }
}

fn rank(file: &Seen, order: &Order) -> (usize, Duration, String) {
    let (place, changed) = match order {
        Order::Name => (0, Duration::ZERO),
        Order::Modified => (0, file.stamp.1.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()),
        Order::List(patterns) => {
            let fits = patterns.iter().position(|pattern| pattern.fits(&file.name));
            (fits.unwrap_or(patterns.len()), Duration::ZERO)
        }
    };
    (place, changed, file.name.clone())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pattern::Pattern;
    use crate::settings::Place;

    fn seen(name: &str, size: u64, age: u64) -> Seen {
        let changed = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000 - age);
        Seen { path: Path::new("/in").join(name), name: name.to_owned(), stamp: (size, changed) }
    }

    fn settings(order: Order, complete: Complete) -> SourceSettings {
        SourceSettings { place: Place::Folder("/in".into()), order, complete, files: Vec::new() }
    }

    fn check(order: Order, files: &[Seen], expected: &[&str]) {
        let settings = settings(order, Complete::Settled(Duration::ZERO));
        let mut left = files.to_vec();
        let mut taken = Vec::new();
        while let Next::Take(file) = next(left.clone(), &settings, &Settling::default(), Instant::now()) {
            left.retain(|other| other.name != file.name);
            taken.push(file.name);
        }
        assert_eq!(taken, expected);
    }

    #[test]
    fn files_are_taken_in_the_order_of_the_settings() {
        let files = [
            seen("update.csv", 1, 3),
            seen("delete.csv", 1, 2),
            seen("other", 1, 9),
            seen("INSERT.csv", 1, 1),
        ];
        check(Order::Name, &files, &["INSERT.csv", "delete.csv", "other", "update.csv"]);
        check(Order::Modified, &files, &["other", "update.csv", "delete.csv", "INSERT.csv"]);
        let list = ["*insert*", "*update*", "*delete*"].map(Pattern::new).to_vec();
        check(Order::List(list), &files, &["INSERT.csv", "update.csv", "delete.csv", "other"]);
    }

    #[test]
    fn a_file_is_complete_once_it_has_kept_its_size_and_time_and_nothing_overtakes_it() {
        let settle = Duration::from_secs(2);
        let settings = settings(Order::Name, Complete::Settled(settle));
        let mut settling = Settling::default();
        let start = Instant::now();
        let mut look = |files: &[Seen], after: u64| {
            let now = start + Duration::from_secs(after);
            settling.observe(files, now);
            next(files.to_vec(), &settings, &settling, now)
        };
        let (growing, grown, later) = (seen("a", 1, 5), seen("a", 2, 5), seen("b", 1, 5));
        assert_eq!(look(&[growing, later.clone()], 0), Next::Wait(start + settle));
        assert_eq!(look(&[grown.clone(), later.clone()], 1), Next::Wait(start + Duration::from_secs(3)));
        assert_eq!(look(&[grown.clone(), later.clone()], 3), Next::Take(grown));
        assert_eq!(look(std::slice::from_ref(&later), 3), Next::Take(later));
        assert_eq!(look(&[], 4), Next::None);
    }

    #[test]
    fn a_file_with_a_marker_is_complete_and_its_marker_is_never_taken() {
        let settings = settings(Order::Name, Complete::Marker(".done".to_owned()));
        let now = Instant::now();
        let files = [seen("a.csv", 1, 1), seen("b.csv", 1, 1), seen("b.csv.done", 0, 1)];
        assert_eq!(next(files.to_vec(), &settings, &Settling::default(), now), Next::Take(files[1].clone()));
        assert_eq!(next(files[..1].to_vec(), &settings, &Settling::default(), now), Next::None);
    }
}
