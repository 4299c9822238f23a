//! The verdict of a check, kept by content: a configuration that was proved once is not proved again at each start.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use crate::Council;

/// Where verdicts are kept, below the data folder.
const FOLDER: &str = "verdicts";

impl Council {
    /// SHA-256 over every file of the council's text and of its vocabulary, and over the program's version.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn fingerprint(&self, version: &str) -> std::io::Result<String> {
        let mut digest = Sha256::new();
        digest.update(version);
        for (file, content) in self.contents()? {
            digest.update(file.as_os_str().as_encoded_bytes());
            digest.update(content);
        }
        Ok(digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
    }

    /// Every file of the council's text and of its vocabulary, with the SHA-256 of its content.
    ///
    /// # Errors
    /// When a file cannot be read.
    pub fn contents(&self) -> std::io::Result<BTreeMap<PathBuf, [u8; 32]>> {
        let digested = |file: PathBuf| {
            let content = Sha256::digest(std::fs::read(&file)?).into();
            Ok((file, content))
        };
        self.files()?.into_iter().map(digested).collect()
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
            collect(folder, &self.data, &mut files)?;
        }
        files.sort();
        files.dedup();
        Ok(files)
    }

    /// Whether this fingerprint was proved before.
    pub fn is_proved(&self, fingerprint: &str) -> bool {
        self.data.join(FOLDER).join(fingerprint).is_file()
    }

    /// Notes that this fingerprint was proved; older verdicts go.
    ///
    /// # Errors
    /// When the data folder cannot be written.
    pub fn note_proved(&self, fingerprint: &str) -> std::io::Result<()> {
        let folder = self.data.join(FOLDER);
        if folder.is_dir() {
            std::fs::remove_dir_all(&folder)?;
        }
        std::fs::create_dir_all(&folder)?;
        std::fs::write(folder.join(fingerprint), b"")
    }
}

/// Every file below `folder`, but for `data` and hidden ones.
fn collect(folder: &Path, data: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        let hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if hidden || path == data || path.ends_with("samples") {
            continue;
        }
        if path.is_dir() { collect(&path, data, files)? } else { files.push(path) }
    }
    Ok(())
}
