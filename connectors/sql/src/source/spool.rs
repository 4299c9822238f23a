//! The rows of a whole table on this machine, until they are taken: in a folder that is the hub's alone, in a file that has no name,
//! so that it does not outlive whoever reads it, not even a hub that is killed. It knows no database and no record.

use std::fs::{self, DirBuilder};
use std::io::{self, ErrorKind, SeekFrom};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use postroom_connector::{ConnectorError, Failure};
use serde_json::Value;
use sha2::{Digest, Sha256};
use tokio::fs::File;
use tokio::io::{AsyncBufReadExt, AsyncSeekExt, AsyncWriteExt, BufReader, BufWriter};
use tokio::task::spawn_blocking;

use crate::cell::{Cell, hex};

/// Bytes that go to the file, and come from it, at once.
const BUFFER_BYTES: usize = 256 * 1024;

/// How much one table may be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Limits {
    /// Most rows.
    pub(super) rows: u64,
    /// Most bytes of one row, as it is written.
    pub(super) row_bytes: usize,
    /// Most bytes of all rows, as they are written.
    pub(super) bytes: u64,
}

/// A file that is being written: a line of JSON for each row.
pub(super) struct Spool {
    file: BufWriter<File>,
    sha: Sha256,
    limits: Limits,
    rows: u64,
    bytes: u64,
}

/// A file that was written to its end, and is read.
pub(super) struct Spooled {
    lines: BufReader<File>,
    /// The line that is being read; kept here so that a caller may stop waiting and come back.
    line: Vec<u8>,
    /// SHA-256 of the head and of all rows, in hex.
    pub(super) id: String,
    pub(super) rows: u64,
}

impl Spool {
    /// A new file in `folder`; `head` is part of the id, and not kept.
    pub(super) async fn open(folder: PathBuf, head: &str, limits: Limits) -> Result<Self, ConnectorError> {
        let opened = spawn_blocking(move || nameless(&folder)).await.map_err(|_| {
            ConnectorError::new(Failure::Transient, "opening a file in the data folder was interrupted", "")
        })?;
        let file = opened.map_err(failed("opening a file in the data folder"))?;
        let mut sha = Sha256::new();
        sha.update(head.len().to_be_bytes());
        sha.update(head);
        let file = BufWriter::with_capacity(BUFFER_BYTES, File::from_std(file));
        Ok(Self { file, sha, limits, rows: 0, bytes: 0 })
    }

    /// Adds a row.
    pub(super) async fn put(&mut self, row: &[Cell]) -> Result<(), ConnectorError> {
        let mut line = Value::Array(row.iter().map(Cell::kept).collect()).to_string();
        line.push('\n');
        self.rows += 1;
        self.bytes += line.len() as u64;
        let Limits { rows, row_bytes, bytes } = self.limits;
        if line.len() > row_bytes {
            return Err(too_much(&format!("a row is more than {row_bytes} bytes: name fewer `columns`")));
        }
        if self.rows > rows {
            return Err(too_much(&format!("the table of `whole.table` has more than {rows} rows")));
        }
        if self.bytes > bytes {
            return Err(too_much(&format!("the rows are more than {bytes} bytes: name fewer `columns`")));
        }
        self.sha.update(&line);
        self.file.write_all(line.as_bytes()).await.map_err(failed("writing the rows to the data folder"))
    }

    /// The file from its begin.
    pub(super) async fn end(mut self) -> Result<Spooled, ConnectorError> {
        self.file.flush().await.map_err(failed("writing the rows to the data folder"))?;
        let mut file = self.file.into_inner();
        file.seek(SeekFrom::Start(0)).await.map_err(failed(READING))?;
        let lines = BufReader::with_capacity(BUFFER_BYTES, file);
        Ok(Spooled { lines, line: Vec::new(), id: hex(&self.sha.finalize()), rows: self.rows })
    }
}

impl Spooled {
    /// The next row, and how many bytes it takes; none at the end.
    pub(super) async fn next(&mut self) -> Result<Option<(Vec<Cell>, usize)>, ConnectorError> {
        // What was read before somebody stopped waiting is in the line already.
        self.lines.read_until(b'\n', &mut self.line).await.map_err(failed(READING))?;
        if self.line.is_empty() {
            return Ok(None);
        }
        let row = serde_json::from_slice::<Vec<Value>>(&self.line).ok();
        let row = row.and_then(|values| values.into_iter().map(Cell::of_kept).collect::<Option<Vec<_>>>());
        let bytes = self.line.len();
        self.line.clear();
        row.map(|row| Some((row, bytes))).ok_or_else(|| {
            ConnectorError::new(
                Failure::Transient,
                "the rows in the data folder are not as they were written",
                "",
            )
        })
    }
}

const READING: &str = "reading the rows in the data folder";

fn too_much(words: &str) -> ConnectorError {
    ConnectorError::new(Failure::Permanent, words, "")
}

/// An error of the file while doing what `words` say: a folder that is absent or closed to us may be mended, a full disk emptied.
fn failed(words: &'static str) -> impl Fn(io::Error) -> ConnectorError {
    move |error| {
        let failure = match error.kind() {
            ErrorKind::NotFound | ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem => {
                Failure::Down
            }
            _ => Failure::Transient,
        };
        ConnectorError::new(failure, words, error)
    }
}

/// A file in `folder` that has no name any more.
fn nameless(folder: &Path) -> io::Result<fs::File> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let path = folder.join(format!("{}.rows", NUMBER.fetch_add(1, Ordering::Relaxed)));
    // A hub that was killed between the next two steps left one.
    match fs::remove_file(&path) {
        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let file = fs::File::options().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
    fs::remove_file(&path)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { rows: 2, row_bytes: 25, bytes: 35 };

    fn row(text: &str) -> Vec<Cell> {
        vec![Cell::Text(text.to_owned())]
    }

    async fn spool(head: &str) -> (tempfile::TempDir, Spool) {
        let folder = tempfile::tempdir().expect("a folder");
        let spool = Spool::open(folder.path().join("a/b"), head, LIMITS).await.expect("a file");
        (folder, spool)
    }

    #[tokio::test]
    async fn rows_come_back_as_they_were_and_their_file_has_no_name() {
        let (folder, mut spool) = spool("head").await;
        spool.put(&row("a\nb")).await.expect("written");
        spool.put(&[Cell::Null, Cell::Float(0.1)]).await.expect("written");
        assert_eq!(fs::read_dir(folder.path().join("a/b")).expect("a folder").count(), 0);
        let mut spooled = spool.end().await.expect("a file");
        assert_eq!(spooled.rows, 2);
        let mut rows = Vec::new();
        while let Some((row, bytes)) = spooled.next().await.expect("a row") {
            assert!(bytes > 0);
            rows.push(row);
        }
        assert_eq!(rows, [row("a\nb"), vec![Cell::Null, Cell::Float(0.1)]]);
    }

    #[tokio::test]
    async fn the_id_is_that_of_head_and_content() {
        let mut ids = Vec::new();
        for (head, text) in [("head", "a"), ("head", "a"), ("head", "b"), ("heads", "a")] {
            let (_folder, mut spool) = spool(head).await;
            spool.put(&row(text)).await.expect("written");
            ids.push(spool.end().await.expect("a file").id);
        }
        assert_eq!(ids[0], ids[1]);
        assert!(ids[0] != ids[2] && ids[0] != ids[3]);
    }

    #[tokio::test]
    async fn what_is_over_a_limit_is_refused_by_that_limit_and_without_a_value() {
        for (rows, words) in [
            (vec!["Canary-7f3a-and-so-much-more"], "25 bytes"),
            (vec!["a", "b", "c"], "2 rows"),
            (vec!["sixteen-letters!", "sixteen-letters!"], "35 bytes"),
        ] {
            let (_folder, mut spool) = spool("").await;
            let (last, fitting) = rows.split_last().expect("a row");
            for text in fitting {
                spool.put(&row(text)).await.expect(words);
            }
            let error = spool.put(&row(last)).await.expect_err(words);
            assert_eq!(error.failure, Failure::Permanent);
            assert!(error.words.contains(words) && !format!("{error:?}").contains("Canary"), "{error:?}");
        }
    }
}
