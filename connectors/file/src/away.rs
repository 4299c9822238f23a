//! Putting a file away: into `done/`, or into `refused/` with the reason beside it. Nothing is ever overwritten, and the
//! process may die between any two steps: the file is then found again, and the next time ends what this one began.

use std::fs;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use chrono::{SecondsFormat, Utc};
use postroom_connector::{ConnectorError, Failure, RefusedBatch};
use serde_json::{Value, json};

use crate::failure::{failed, sync_folder};
use crate::folder::{Stamp, stamp};

/// A file in the folder, as it was when it was opened.
#[derive(Debug, Clone)]
pub(crate) struct Away {
    pub(crate) path: PathBuf,
    /// The marker beside it, where there is one.
    pub(crate) marker: Option<PathBuf>,
    pub(crate) stamp: Stamp,
}

impl Away {
    /// Moves the file into `done/`. A file that is gone already was put away by somebody.
    pub(crate) fn done(&self) -> Result<(), ConnectorError> {
        let folder = self.subfolder("done")?;
        let free = |name: &str| Ok(!folder.join(name).try_exists()?);
        let target = self.first_free(free).map_err(failed("looking into the folder done"))?;
        self.rename(&folder.join(target))
    }

    /// Moves the file into `refused/`, after its reason was written there.
    pub(crate) fn refused(&self, refused: &RefusedBatch) -> Result<(), ConnectorError> {
        let folder = self.subfolder("refused")?;
        let free = |name: &str| {
            let half_done = || reason_is_of(&folder.join(why(name)), &refused.id);
            Ok(!folder.join(name).try_exists()? && half_done()?)
        };
        let target = self.first_free(free).map_err(failed("looking into the folder refused"))?;
        write_reason(&folder, &target, refused).map_err(failed("writing why the file is refused"))?;
        self.rename(&folder.join(target))
    }

    fn subfolder(&self, name: &str) -> Result<PathBuf, ConnectorError> {
        let folder = self.path.with_file_name(name);
        fs::create_dir_all(&folder).map_err(failed("making the folder to put the file into"))?;
        Ok(folder)
    }

    /// The file's name, or with a number before its ending, that is free.
    fn first_free(&self, free: impl Fn(&str) -> io::Result<bool>) -> io::Result<String> {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let mut number = 1_u64;
        while !free(&numbered(&name, number))? {
            number += 1;
        }
        Ok(numbered(&name, number))
    }

    /// Moves the file, unless it is no longer the one that was read; then removes its marker.
    fn rename(&self, target: &Path) -> Result<(), ConnectorError> {
        match stamp(&self.path) {
            Ok(now) if now == self.stamp => {}
            Ok(_) => return Err(changed()),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(failed("putting the file away")(error)),
        }
        self.move_to(target).map_err(failed("putting the file away"))
    }

    fn move_to(&self, target: &Path) -> io::Result<()> {
        fs::rename(&self.path, target)?;
        for folder in [target.parent(), self.path.parent()].into_iter().flatten() {
            sync_folder(folder)?;
        }
        match self.marker.as_ref().map(fs::remove_file) {
            Some(Err(error)) if error.kind() != ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// `name`, or from the second on with the number before its ending.
pub(crate) fn numbered(name: &str, number: u64) -> String {
    if number < 2 {
        return name.to_owned();
    }
    let stem = Path::new(name).file_stem().unwrap_or_default().to_string_lossy();
    let ending = name.strip_prefix(&*stem).unwrap_or_default();
    format!("{stem}.{number}{ending}")
}

/// The error when a file is not what it was when it was checked.
pub(crate) fn changed() -> ConnectorError {
    let words = "the file changed while it was read; it will be read again from its start";
    ConnectorError::new(Failure::Transient, words, "changed while read")
}

/// The name of the reason beside the refused file `name`.
pub(crate) fn why(name: &str) -> String {
    format!("{name}.why.json")
}

/// Whether nothing stands at `path`, or the reason for the same content, written before the process died.
fn reason_is_of(path: &Path, id: &str) -> io::Result<bool> {
    match fs::read(path) {
        Ok(bytes) => Ok(is_of(&bytes, id)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(true),
        Err(error) => Err(error),
    }
}

/// Whether a reason was written for the content of that hash.
pub(crate) fn is_of(reason: &[u8], id: &str) -> bool {
    let written: Option<Value> = serde_json::from_slice(reason).ok();
    written.is_some_and(|reason| reason["sha256"] == id)
}

fn write_reason(folder: &Path, name: &str, refused: &RefusedBatch) -> io::Result<()> {
    write_whole(folder, &why(name), reason(refused).as_bytes())
}

/// Why a file was refused, as it stands beside it.
pub(crate) fn reason(refused: &RefusedBatch) -> String {
    let reason = json!({
        "file": refused.label,
        "sha256": refused.id,
        "rule": refused.fault.rule,
        "line": refused.fault.line,
        "number": refused.fault.number,
        "place": refused.fault.place,
        "words": refused.fault.words,
        "at": Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true),
    });
    format!("{reason:#}\n")
}

/// Writes a small file so that it is there whole or not at all, and survives a loss of power.
pub(crate) fn write_whole(folder: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let unfinished = folder.join(format!(".{name}.tmp"));
    let mut file = fs::File::create(&unfinished)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&unfinished, folder.join(name))?;
    sync_folder(folder)
}
