//! The first text of a new system, route or event type, made from what the council has already: it passes `check`, and says
//! at each place what the analyst has to decide. Nothing that exists is written over.

mod event;
mod fill;
mod literal;
mod route;
mod system;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

pub use route::NewRoute;
pub use system::{NewSystem, Side};

/// The word that marks what the analyst decides.
const DECIDE: &str = "decide";
/// A filter that lets nothing through, until what is marked is decided: no literal is ever taken for a value.
const CLOSED: &str =
    "# decide: take this line away once the mapping is right; until then nothing flows.\nwhen = \"false\"\n";

/// Files to be written, and what to do then.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Draft {
    /// Each file under the council's folder, with its text.
    pub files: Vec<(PathBuf, String)>,
    /// What the analyst does next.
    pub next: Vec<String>,
}

impl Draft {
    /// The files of a draft that exist already.
    pub fn in_the_way(&self, folder: &Path) -> Vec<PathBuf> {
        self.files.iter().map(|(file, _)| folder.join(file)).filter(|file| file.exists()).collect()
    }

    /// Writes every file into the council's folder; none of them may exist.
    ///
    /// # Errors
    /// The first file that exists or cannot be written.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        for (file, text) in &self.files {
            let file = folder.join(file);
            if let Some(parent) = file.parent() {
                fs::create_dir_all(parent)?;
            }
            fs::File::create_new(&file)?.write_all(text.as_bytes())?;
        }
        Ok(())
    }

    fn add(&mut self, file: impl Into<PathBuf>, text: impl Into<String>) {
        self.files.push((file.into(), text.into()));
    }
}

/// A text as TOML, JSON and VRL all write it.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// A name as a title: `street-works` is `Street works`.
fn titled(name: &str) -> String {
    let words = name.replace(['-', '.', '_'], " ");
    let mut letters = words.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}
