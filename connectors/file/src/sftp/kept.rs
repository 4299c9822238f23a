//! What is remembered of files that stay on the server: those that were taken and may not be moved, and those that were
//! told and cannot be. A line for each in a small file, so that a look costs one listing and no download.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::away::write_whole;
use crate::failure::sync_folder;
use crate::folder::Stamp;

const FILE: &str = "kept.jsonl";

/// The files that are remembered, by name.
pub(super) struct Kept {
    folder: PathBuf,
    known: HashMap<String, Line>,
}

/// Size, and time of change in seconds, as the server gives them.
type Line = (u64, u64);

impl Kept {
    /// What an earlier run remembered in `folder`. A last line that a killed run tore is none.
    pub(super) fn load(folder: &Path) -> io::Result<Self> {
        let text = match fs::read_to_string(folder.join(FILE)) {
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            read => read?,
        };
        let lines = text.lines().filter_map(|line| serde_json::from_str::<(String, u64, u64)>(line).ok());
        let known = lines.map(|(name, size, changed)| (name, (size, changed))).collect();
        Ok(Self { folder: folder.to_owned(), known })
    }

    /// Whether the file is one of them, unchanged.
    pub(super) fn holds(&self, name: &str, stamp: Stamp) -> bool {
        self.known.get(name) == Some(&line(stamp))
    }

    /// Remembers the file, over a loss of power too.
    pub(super) fn add(&mut self, name: &str, stamp: Stamp) -> io::Result<()> {
        let (size, changed) = line(stamp);
        let is_new_file = self.known.is_empty();
        // The line feed comes first: what a killed run tore stays a line of its own.
        let text = format!("\n{}", serde_json::to_string(&(name, size, changed))?);
        let mut file = File::options().append(true).create(true).open(self.folder.join(FILE))?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        if is_new_file {
            sync_folder(&self.folder)?;
        }
        self.known.insert(name.to_owned(), (size, changed));
        Ok(())
    }

    /// Forgets files that are not among `names` any more.
    pub(super) fn forget_others(&mut self, names: &HashSet<String>) -> io::Result<()> {
        let before = self.known.len();
        self.known.retain(|name, _| names.contains(name));
        if self.known.len() == before {
            return Ok(());
        }
        let mut text = String::new();
        for (name, (size, changed)) in &self.known {
            text.push_str(&serde_json::to_string(&(name, size, changed))?);
            text.push('\n');
        }
        write_whole(&self.folder, FILE, text.as_bytes())
    }
}

fn line((size, changed): Stamp) -> Line {
    (size, changed.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default().as_secs())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn stamp(size: u64, changed: u64) -> Stamp {
        (size, SystemTime::UNIX_EPOCH + Duration::from_secs(changed))
    }

    #[test]
    fn what_is_remembered_survives_a_restart_until_the_file_changes_or_goes() {
        let folder = tempfile::tempdir().expect("a folder");
        let mut kept = Kept::load(folder.path()).expect("loaded");
        kept.add("a.csv", stamp(1, 5)).expect("added");
        kept.add("b\n.csv", stamp(2, 5)).expect("added");
        fs::OpenOptions::new()
            .append(true)
            .open(folder.path().join(FILE))
            .and_then(|mut file| file.write_all(b"\n[\"torn"))
            .expect("written");

        let mut kept = Kept::load(folder.path()).expect("loaded");
        assert!(kept.holds("a.csv", stamp(1, 5)) && kept.holds("b\n.csv", stamp(2, 5)));
        assert!(!kept.holds("a.csv", stamp(2, 5)) && !kept.holds("a.csv", stamp(1, 6)));
        kept.add("c.csv", stamp(3, 5)).expect("added behind the torn line");

        let mut kept = Kept::load(folder.path()).expect("loaded");
        assert!(kept.holds("c.csv", stamp(3, 5)));
        kept.forget_others(&HashSet::from(["c.csv".to_owned()])).expect("forgotten");
        let kept = Kept::load(folder.path()).expect("loaded");
        assert!(!kept.holds("a.csv", stamp(1, 5)) && kept.holds("c.csv", stamp(3, 5)));
    }
}
