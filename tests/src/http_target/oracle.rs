//! The oracle: a file with one line for each request, written before it is answered.

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::orders::Does;

/// One request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Asked {
    /// When, in microseconds since the epoch.
    pub at: u64,
    /// The HTTP method; `GET` looks a key up.
    pub method: String,
    /// The idempotency key.
    pub key: String,
    /// What the message is about; empty for a look-up.
    pub subject: String,
    /// SHA-256 of the body, in hex.
    pub body: String,
    /// What was done instead of taking it and saying so.
    pub did: Option<Does>,
    /// Whether the message was taken.
    pub landed: bool,
    /// How often messages with this key have landed, this one included.
    pub times: u32,
}

/// The file, and how often each key is in it.
pub struct Oracle {
    file: File,
    landed: HashMap<String, u32>,
    count: u64,
}

impl Oracle {
    /// Opens the file, made if it is missing.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub fn open(path: &Path) -> io::Result<Self> {
        let file = File::options().create(true).append(true).read(true).open(path)?;
        let mut oracle = Self { file, landed: HashMap::new(), count: 0 };
        for line in fs::read_to_string(path)?.lines() {
            let asked: Asked = serde_json::from_str(line)?;
            if asked.landed {
                oracle.land(&asked.key);
            }
        }
        Ok(oracle)
    }

    /// Whether a message of this key has landed.
    pub fn has(&self, key: &str) -> bool {
        self.landed.contains_key(key)
    }

    /// Writes a request down; the number of the message among those that have landed.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn write(&mut self, mut asked: Asked) -> io::Result<u64> {
        if asked.landed {
            self.land(&asked.key);
        }
        asked.times = self.landed.get(&asked.key).copied().unwrap_or_default();
        let line = format!("{}\n", serde_json::to_string(&asked)?);
        self.file.write_all(line.as_bytes())?;
        Ok(self.count)
    }

    fn land(&mut self, key: &str) {
        self.count += 1;
        *self.landed.entry(key.to_owned()).or_default() += 1;
    }
}
