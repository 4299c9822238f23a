//! The steps of writing one handover, and the evidence that makes each of them repeatable.
//!
//! All of it happens in the hidden folder `.postroom` inside the target folder, on the same file system:
//! 1. `ID.tmp` is written and synced, and renamed to `ID.ready`;
//! 2. `ID.id`, the evidence with the final name, is written and synced;
//! 3. `ID.ready` is renamed to its final name.
//!
//! No evidence: nothing was delivered, begin anew. Evidence and `ID.ready`: only step 3 is missing. Evidence alone:
//! delivered, whether or not the file is still there.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::away::write_whole;
use crate::failure::sync_folder;

/// The hidden folder inside the target folder.
const STAGING: &str = ".postroom";
/// How long evidence is kept: longer than any retry of a handover.
pub(crate) const EVIDENCE_AGE: Duration = Duration::from_secs(60 * 86_400);
/// Piece in which two files are compared, in bytes.
const COMPARED_BYTES: usize = 64 * 1024;

/// The hidden folder of a target folder.
pub(crate) fn staging(folder: &Path) -> PathBuf {
    folder.join(STAGING)
}

/// The steps of one handover.
pub(crate) struct Steps<'a> {
    folder: &'a Path,
    staging: PathBuf,
    id: &'a str,
}

impl<'a> Steps<'a> {
    /// Steps of handover `id` into `folder`; `id` must be fit for a file name.
    pub(crate) fn new(folder: &'a Path, id: &'a str) -> Self {
        Self { folder, staging: staging(folder), id }
    }

    fn path(&self, ending: &str) -> PathBuf {
        self.staging.join(format!("{}.{ending}", self.id))
    }

    /// The final name, where there is evidence.
    pub(crate) fn evidence(&self) -> io::Result<Option<String>> {
        match fs::read(self.path("id")) {
            Ok(bytes) => {
                let written: Value = serde_json::from_slice(&bytes)?;
                let name = written["file"].as_str().ok_or(ErrorKind::InvalidData)?;
                Ok(Some(name.to_owned()))
            }
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Step 1: the whole content, ready to be moved.
    pub(crate) fn stage<E: From<io::Error>>(
        &self,
        write: impl FnOnce(&mut dyn Write) -> Result<(), E>,
    ) -> Result<(), E> {
        let unfinished = self.path("tmp");
        let staged = (|| {
            let mut out = BufWriter::new(File::create(&unfinished)?);
            write(&mut out)?;
            out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
            fs::rename(&unfinished, self.path("ready"))?;
            Ok(sync_folder(&self.staging)?)
        })();
        if staged.is_err() {
            // What is half written is of no use, and may be what filled the disk.
            let _ = fs::remove_file(&unfinished);
        }
        staged
    }

    /// Step 2: from here on the handover counts as delivered once `ID.ready` is gone.
    pub(crate) fn witness(&self, name: &str) -> io::Result<()> {
        write_whole(&self.staging, &format!("{}.id", self.id), json!({ "file": name }).to_string().as_bytes())
    }

    /// The whole content, where it was not moved to its final name yet.
    pub(crate) fn ready(&self) -> io::Result<Option<File>> {
        match File::open(self.path("ready")) {
            Ok(file) => Ok(Some(file)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Step 3 where the final name is on another machine and has the content: the evidence alone is left.
    pub(crate) fn appeared(&self) -> io::Result<()> {
        match fs::remove_file(self.path("ready")) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => sync_folder(&self.staging),
        }
    }

    /// Step 3: moves the content to its final name, where it was not moved before. False where another file has that
    /// name.
    pub(crate) fn appear(&self, name: &str) -> io::Result<bool> {
        let (ready, target) = (self.path("ready"), self.folder.join(name));
        if !ready.try_exists()? {
            return Ok(true);
        }
        if !target.try_exists()? {
            fs::rename(&ready, &target)?;
        } else if same_content(&ready, &target)? {
            fs::remove_file(&ready)?;
        } else {
            return Ok(false);
        }
        sync_folder(self.folder)?;
        sync_folder(&self.staging)?;
        Ok(true)
    }
}

fn same_content(one: &Path, other: &Path) -> io::Result<bool> {
    let (one, other) = (File::open(one)?, File::open(other)?);
    if one.metadata()?.len() != other.metadata()?.len() {
        return Ok(false);
    }
    let (mut one, mut other) = (BufReader::new(one), BufReader::new(other));
    let (mut left, mut right) = (vec![0; COMPARED_BYTES], vec![0; COMPARED_BYTES]);
    loop {
        let count = one.read(&mut left)?;
        if count == 0 {
            return Ok(true);
        }
        other.read_exact(&mut right[..count])?;
        if left[..count] != right[..count] {
            return Ok(false);
        }
    }
}

/// Removes evidence, and leavings of handovers without evidence, that are older than [`EVIDENCE_AGE`] at `now`.
pub(crate) fn prune(folder: &Path, now: SystemTime) -> io::Result<()> {
    for entry in fs::read_dir(staging(folder))? {
        let path = entry?.path();
        let age = now.duration_since(fs::metadata(&path)?.modified()?).unwrap_or_default();
        let is = |ending: &str| path.extension().is_some_and(|found| found == ending);
        let unfinished = (is("id") && path.with_extension("ready").try_exists()?)
            || (is("ready") && path.with_extension("id").try_exists()?);
        if age > EVIDENCE_AGE && !unfinished {
            fs::remove_file(&path)?;
        }
    }
    Ok(())
}
