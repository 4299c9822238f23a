//! The verdicts of checks, kept by content: what was proved once is not proved again.
//!
//! Of the whole text, so that a hub starts at once; of each mapping, filter and set of golden cases, so that after a change
//! only what depends on it is proved again.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use postroom_transform::Left;
use sha2::{Digest, Sha256};

use crate::{Council, Lookup, Route, SourceSystem};

/// Where verdicts are kept, below the data folder.
const FOLDER: &str = "verdicts";
/// The number of the rules by which is proved: raised with each change of them, so that no verdict outlives its rule.
const RULES: u32 = 4;
/// The fingerprint of the whole text that was proved last.
const WHOLE: &str = "whole";
/// What was proved of its parts.
const PARTS: &str = "parts.json";

/// What was proved of the parts of a council's text, by fingerprint, with what is left to validation.
#[derive(Debug, Default)]
pub struct Verdicts {
    version: String,
    before: BTreeMap<String, Vec<Left>>,
    now: Mutex<BTreeMap<String, Vec<Left>>>,
}

impl Verdicts {
    /// What a program of `version` proved with this data folder before; nothing where that cannot be read.
    pub fn read(data: &Path, version: &str) -> Self {
        let kept = std::fs::read(data.join(FOLDER).join(PARTS)).unwrap_or_default();
        let before = serde_json::from_slice(&kept).unwrap_or_default();
        Self { version: version.to_owned(), before, now: Mutex::default() }
    }

    /// What is left to validation of what was proved before.
    pub fn known(&self, fingerprint: &str) -> Option<Vec<Left>> {
        let left = self.before.get(fingerprint)?.clone();
        self.keep(fingerprint, left.clone());
        Some(left)
    }

    /// Notes that it is proved.
    pub fn keep(&self, fingerprint: &str, left: Vec<Left>) {
        let mut now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        now.insert(fingerprint.to_owned(), left);
    }

    /// Keeps what was asked for or proved now, and nothing else.
    ///
    /// # Errors
    /// When the data folder cannot be written.
    pub fn write(&self, data: &Path) -> std::io::Result<()> {
        let now = self.now.lock().unwrap_or_else(PoisonError::into_inner);
        if *now == self.before {
            return Ok(());
        }
        let folder = data.join(FOLDER);
        std::fs::create_dir_all(&folder)?;
        let half = folder.join(format!(".{PARTS}.{}", std::process::id()));
        std::fs::write(&half, serde_json::to_vec(&*now)?)?;
        std::fs::rename(half, folder.join(PARTS))
    }

    /// The fingerprint of what `tell` hands over, for this version of the program.
    pub(crate) fn fingerprint(&self, tell: impl FnOnce(&mut Told)) -> String {
        let mut told = Told(Sha256::new());
        (RULES, &self.version).hash(&mut told);
        tell(&mut told);
        told.hex()
    }
}

/// The files of a text, each with the SHA-256 of its content.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Contents(pub BTreeMap<PathBuf, [u8; 32]>);

impl Contents {
    /// SHA-256 over all of it, and over the program's version.
    pub fn fingerprint(&self, version: &str) -> String {
        let mut told = Told(Sha256::new());
        (RULES, version, self).hash(&mut told);
        told.hex()
    }
}

/// SHA-256 over what is hashed.
pub(crate) struct Told(Sha256);

impl Told {
    fn hex(self) -> String {
        self.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Hasher for Told {
    fn finish(&self) -> u64 {
        0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }
}

impl Council {
    /// The files of the council's text and of its vocabulary as they are now.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn contents(&self) -> std::io::Result<Contents> {
        let digested = |file: PathBuf| {
            let content = Sha256::digest(std::fs::read(&file)?).into();
            Ok((file, content))
        };
        self.files()?.into_iter().map(digested).collect::<std::io::Result<_>>().map(Contents)
    }

    /// A number that is another once a file was added, changed or removed, by size and time alone: cheap to ask for often.
    ///
    /// # Errors
    /// When a file cannot be looked at.
    pub fn stamp(&self) -> std::io::Result<u64> {
        let mut stamp = DefaultHasher::new();
        for file in self.files()? {
            let about = std::fs::metadata(&file)?;
            (file, about.len(), about.modified()?).hash(&mut stamp);
        }
        Ok(stamp.finish())
    }

    /// Every file of the council's text and of its vocabulary, in order.
    fn files(&self) -> std::io::Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for folder in self.vocabulary.folders().iter().map(PathBuf::as_path).chain([self.folder.as_path()]) {
            collect(folder, &self.left_out(), &mut files)?;
        }
        files.sort();
        files.dedup();
        Ok(files)
    }

    /// What lies in the council's folder and is none of its text: the data, and the samples that the example has.
    fn left_out(&self) -> [PathBuf; 2] {
        [self.data.clone(), self.folder.join("samples")]
    }

    /// Whether this fingerprint was proved before.
    pub fn is_proved(&self, fingerprint: &str) -> bool {
        let kept = std::fs::read_to_string(self.data.join(FOLDER).join(WHOLE));
        kept.is_ok_and(|kept| kept == fingerprint)
    }

    /// Notes that this fingerprint was proved; an older one goes.
    ///
    /// # Errors
    /// When the data folder cannot be written.
    pub fn note_proved(&self, fingerprint: &str) -> std::io::Result<()> {
        let folder = self.data.join(FOLDER);
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(WHOLE), fingerprint)
    }

    /// The fingerprint of all that the golden cases of a route depend on; none where it cannot be read.
    pub fn route_cases(&self, route: &Route, verdicts: &Verdicts) -> Option<String> {
        let mut read = Ok(());
        let fingerprint = verdicts.fingerprint(|told| {
            "route".hash(told);
            read = tell_files(&route.folder, &self.left_out(), told);
            self.tell_type(&route.from, told);
            for step in self.versions.steps() {
                let so_far = std::mem::replace(&mut read, Ok(()));
                read = so_far.and_then(|()| tell_file(step.program.file(), told));
            }
            route.accepts.schema().to_string().hash(told);
            let owned = self.sources().map(|(system, side)| (&system.name, &side.owns));
            owned.collect::<Vec<_>>().hash(told);
            read = std::mem::replace(&mut read, Ok(())).and_then(|()| self.tell_lists(&route.lookups, told));
        });
        read.ok().map(|()| fingerprint)
    }

    /// The same of the golden cases of a source.
    pub fn source_cases(&self, system: &str, side: &SourceSystem, verdicts: &Verdicts) -> Option<String> {
        let mut read = Ok(());
        let fingerprint = verdicts.fingerprint(|told| {
            "source".hash(told);
            read = tell_files(&self.folder.join("systems").join(system), &self.left_out(), told);
            for map in &side.maps {
                self.tell_type(&map.event_type, told);
                let so_far = std::mem::replace(&mut read, Ok(()));
                read = so_far.and_then(|()| self.tell_lists(&map.lookups, told));
            }
        });
        read.ok().map(|()| fingerprint)
    }

    fn tell_type(&self, event_type: &str, told: &mut Told) {
        event_type.hash(told);
        self.vocabulary.get(event_type).map(|event| event.schema.to_string()).hash(told);
    }

    /// The lists, where anything is looked up at all.
    fn tell_lists(&self, lookups: &[Lookup], told: &mut Told) -> std::io::Result<()> {
        let lists = self.folder.join("lists");
        if lookups.is_empty() || !lists.is_dir() {
            return Ok(());
        }
        tell_files(&lists, &self.left_out(), told)
    }
}

/// Tells every file below a folder: its path, its length and its content.
fn tell_files(folder: &Path, left_out: &[PathBuf], told: &mut Told) -> std::io::Result<()> {
    let mut files = Vec::new();
    collect(folder, left_out, &mut files)?;
    files.sort();
    files.iter().try_for_each(|file| tell_file(file, told))
}

fn tell_file(file: &Path, told: &mut Told) -> std::io::Result<()> {
    (file, std::fs::read(file)?).hash(told);
    Ok(())
}

/// Every file below `folder`, but for what is left out and hidden ones.
fn collect(folder: &Path, left_out: &[PathBuf], files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if hidden || left_out.contains(&path) {
            continue;
        }
        if path.is_dir() {
            collect(&path, left_out, files)?;
        } else if path.is_file() {
            files.push(path);
        }
    }
    Ok(())
}
