//! The examples of an event type: what is valid must pass, what is invalid must not.

use std::path::{Path, PathBuf};

use crate::vocabulary::{EventType, FileProblem, read_json};

/// Checks `valid/` and `invalid/` of one type; each needs at least one example.
pub(crate) fn check(event_type: &EventType, problems: &mut Vec<FileProblem>) {
    for (folder, valid) in [("valid", true), ("invalid", false)] {
        let folder = event_type.folder.join(folder);
        let files = json_files(&folder);
        if files.is_empty() {
            problems.push(FileProblem::new(&folder, "at least one example is needed here"));
        }
        for file in files {
            problems.extend(example(event_type, &file, valid));
        }
    }
}

fn example(event_type: &EventType, file: &Path, valid: bool) -> Option<FileProblem> {
    let value = match read_json(file) {
        Ok(value) => value,
        Err(problem) => return valid.then_some(problem),
    };
    match (event_type.validator.validate(&value.into()), valid) {
        (Ok(()), true) | (Err(_), false) => None,
        (Ok(()), false) => Some(FileProblem::new(file, "the example of an invalid event is valid")),
        (Err(violations), true) => {
            let words: Vec<String> = violations.iter().map(ToString::to_string).collect();
            Some(FileProblem::new(file, words.join("; ")))
        }
    }
}

pub(crate) fn json_files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let mut files: Vec<PathBuf> = entries
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    files
}
