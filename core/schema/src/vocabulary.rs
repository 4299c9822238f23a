//! The vocabulary: every event type, from folders `<type.vN>/schema.json`.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use postroom_event::read_value;
use serde_json::Value;

use crate::{MAX_FILE_BYTES, Validator, examples, read_file, rules};

/// Every event type that is known.
#[derive(Debug, Default)]
pub struct Vocabulary {
    folders: Vec<PathBuf>,
    types: BTreeMap<String, EventType>,
}

/// One event type.
#[derive(Debug)]
pub struct EventType {
    /// Its name with its version, e.g. `property.created.v1`.
    pub name: String,
    /// Its folder.
    pub folder: PathBuf,
    /// Its schema as it is written.
    pub schema: Value,
    /// Its schema, compiled.
    pub validator: Validator,
}

/// A problem of a file of the vocabulary.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}:{line}: {words}", file.display())]
pub struct FileProblem {
    /// The file or folder.
    pub file: PathBuf,
    /// The line, from 1; 0 for the whole.
    pub line: usize,
    /// What is wrong.
    pub words: String,
}

impl FileProblem {
    pub(crate) fn new(file: &Path, words: impl Into<String>) -> Self {
        Self { file: file.to_owned(), line: 0, words: words.into() }
    }
}

impl Vocabulary {
    /// Reads the types of all `folders`; what is wrong is told and left out.
    pub fn load(folders: &[PathBuf]) -> (Self, Vec<FileProblem>) {
        let mut vocabulary = Self { folders: folders.to_vec(), types: BTreeMap::new() };
        let mut problems = Vec::new();
        for folder in folders {
            match types_in(folder) {
                Ok(found) => found.iter().for_each(|path| vocabulary.add(path, &mut problems)),
                Err(error) => problems.push(FileProblem::new(folder, format!("reading the folder: {error}"))),
            }
        }
        (vocabulary, problems)
    }

    fn add(&mut self, folder: &Path, problems: &mut Vec<FileProblem>) {
        let name = folder.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if !is_type_name(&name) {
            let words = format!(
                "`{name}` is not the name of an event type: words with full stops, then `.v` and a number"
            );
            problems.push(FileProblem::new(folder, words));
            return;
        }
        if let Some(other) = self.types.get(&name) {
            let words = format!("`{name}` is defined in {} already", other.folder.display());
            problems.push(FileProblem::new(folder, words));
            return;
        }
        match EventType::read(&name, folder) {
            Ok(event_type) => drop(self.types.insert(name, event_type)),
            Err(problem) => problems.push(problem),
        }
    }

    /// The type of that name.
    pub fn get(&self, name: &str) -> Option<&EventType> {
        self.types.get(name)
    }

    /// All types, by name.
    pub fn types(&self) -> impl Iterator<Item = &EventType> {
        self.types.values()
    }

    /// The names of all types, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.types.keys().map(String::as_str)
    }

    /// The folders that were read.
    pub fn folders(&self) -> &[PathBuf] {
        &self.folders
    }

    /// Checks what `run` does not need: each schema is closed, described and classed; valid examples are valid, invalid
    /// ones are not.
    pub fn check_examples(&self) -> Vec<FileProblem> {
        let mut problems = Vec::new();
        for event_type in self.types.values() {
            let file = event_type.folder.join("schema.json");
            for (pointer, words) in rules::shortcomings(&event_type.schema) {
                problems.push(FileProblem::new(&file, format!("{pointer}: {words}")));
            }
            examples::check(event_type, &mut problems);
        }
        problems
    }
}

impl EventType {
    /// The valid examples that can be read, by name; they are fictitious.
    pub fn valid_examples(&self) -> Vec<(String, Value)> {
        self.examples("valid")
    }

    /// The invalid examples that can be read, by name.
    pub fn invalid_examples(&self) -> Vec<(String, Value)> {
        self.examples("invalid")
    }

    fn examples(&self, folder: &str) -> Vec<(String, Value)> {
        let example = |file: PathBuf| {
            let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            Some((name, read_json(&file).ok()?))
        };
        examples::json_files(&self.folder.join(folder)).into_iter().filter_map(example).collect()
    }

    fn read(name: &str, folder: &Path) -> Result<Self, FileProblem> {
        let file = folder.join("schema.json");
        let schema = read_json(&file)?;
        let validator =
            Validator::compile(&schema).map_err(|problem| FileProblem::new(&file, problem.to_string()))?;
        Ok(Self { name: name.to_owned(), folder: folder.to_owned(), schema, validator })
    }
}

/// Reads a JSON file strictly.
pub(crate) fn read_json(file: &Path) -> Result<Value, FileProblem> {
    let bytes = read_file(file, MAX_FILE_BYTES)
        .map_err(|error| FileProblem::new(file, format!("reading it: {error}")))?;
    read_value(&bytes).map_err(|refusal| FileProblem::new(file, refusal.to_string()))
}

/// The folders of types below `folder`, in order.
fn types_in(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.push(path);
        }
    }
    found.sort();
    Ok(found)
}

/// Whether `name` is words with full stops, then `.v` and a number.
pub fn is_type_name(name: &str) -> bool {
    let Some((words, version)) = name.rsplit_once(".v") else { return false };
    let word = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_lowercase());
    words.split('.').all(word) && !version.is_empty() && version.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::is_type_name;

    #[test]
    fn a_type_name_ends_in_its_version() {
        assert!(is_type_name("property.created.v1") && is_type_name("a.b.c.v12"));
        for wrong in
            ["property.created", "property..created.v1", "Property.created.v1", "v1", ".v1", "a.v", "a.v1x"]
        {
            assert!(!is_type_name(wrong), "{wrong}");
        }
    }
}
