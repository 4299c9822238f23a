//! A file read from its start, with the SHA-256 and the number of the bytes that went by.

use std::fs::File;
use std::io::{self, Read, Seek};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use sha2::{Digest, Sha256};

/// What went by so far.
#[derive(Default)]
pub(crate) struct Tally {
    sha: Mutex<Sha256>,
    bytes: AtomicU64,
}

impl Tally {
    /// How many bytes went by.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// SHA-256 of what went by, in hex.
    pub(crate) fn hex(&self) -> String {
        let sha = self.sha.lock().unwrap_or_else(PoisonError::into_inner).clone();
        sha.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// A file on its way through a [`Tally`].
struct Counted {
    file: Arc<File>,
    tally: Arc<Tally>,
}

impl Read for Counted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = (&*self.file).read(buffer)?;
        self.tally.sha.lock().unwrap_or_else(PoisonError::into_inner).update(&buffer[..count]);
        self.tally.bytes.fetch_add(u64::try_from(count).unwrap_or_default(), Ordering::Relaxed);
        Ok(count)
    }
}

/// Rewinds `file` and reads it from its start; the tally grows as it is read.
pub(crate) fn counted(file: &Arc<File>) -> io::Result<(Box<dyn Read + Send>, Arc<Tally>)> {
    (&**file).rewind()?;
    let tally = Arc::new(Tally::default());
    let counted = Counted { file: Arc::clone(file), tally: Arc::clone(&tally) };
    Ok((Box::new(counted), tally))
}

/// SHA-256 of the whole of `file`, in hex.
pub(crate) fn hash(file: &Arc<File>) -> io::Result<String> {
    let (mut reader, tally) = counted(file)?;
    io::copy(&mut reader, &mut io::sink())?;
    Ok(tally.hex())
}
