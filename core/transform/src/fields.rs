//! Which fields a program reads, and whether they are there: one that is not VRL would read as null.

use std::collections::BTreeSet;

use vrl::compiler::Program;
use vrl::path::{OwnedSegment, OwnedValuePath, PathPrefix};
use vrl::value::Kind;

use crate::literals::is_far;

/// The fields of the data that a program reads, as dotted paths, `[]` for any item of a list; all of it is the empty path. What
/// it reads of a variable, or of the items of a list, is not followed: then the whole is read.
pub(crate) fn reads(program: &Program) -> BTreeSet<String> {
    let of_data = program.info().target_queries.iter().filter(|path| path.prefix == PathPrefix::Event);
    of_data.map(|path| dotted(&path.path)).collect()
}

fn dotted(path: &OwnedValuePath) -> String {
    let mut dotted = String::new();
    for segment in &path.segments {
        match segment {
            OwnedSegment::Field(name) => {
                if !dotted.is_empty() {
                    dotted.push('.');
                }
                dotted.push_str(name);
            }
            OwnedSegment::Index(_) => dotted.push_str("[]"),
        }
    }
    dotted
}

/// What `.` and `%` hold.
pub(crate) struct Fields {
    pub(crate) data: Kind,
    pub(crate) meta: Kind,
}

/// A field that is not there: its name, and the name of one that is, if one is near.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Missing {
    pub(crate) name: String,
    pub(crate) near: Option<String>,
}

impl Fields {
    /// The first segment of `path` that is certain to lead nowhere.
    pub(crate) fn missing(&self, prefix: PathPrefix, path: &OwnedValuePath) -> Option<Missing> {
        let root = if prefix == PathPrefix::Metadata { &self.meta } else { &self.data };
        missing_at(root, path)
    }
}

/// The first segment of `path` that is certain to lead nowhere from what is of `kind`, where there is anything.
pub(crate) fn missing_at(kind: &Kind, path: &OwnedValuePath) -> Option<Missing> {
    let mut kind = kind.clone();
    if kind.is_undefined() || is_far(path) {
        return None;
    }
    for segment in &path.segments {
        let below = kind.at_path(&OwnedValuePath { segments: vec![segment.clone()] });
        if below.is_undefined() {
            return Some(missing(&kind, segment));
        }
        kind = below;
    }
    None
}

pub(crate) fn missing(kind: &Kind, segment: &OwnedSegment) -> Missing {
    let name = match segment {
        OwnedSegment::Field(name) => name.to_string(),
        OwnedSegment::Index(at) => format!("[{at}]"),
    };
    // Of what is certain to be absent the name may be known all the same.
    let known = kind.as_object().into_iter().flat_map(|fields| fields.known().keys());
    let known = known.filter(|field| field.as_str() != name);
    let nearest = known.map(|field| (distance(field.as_str(), &name), field.as_str())).min();
    let near =
        nearest.filter(|(far, _)| *far <= 1 + name.chars().count() / 4).map(|(_, near)| near.to_owned());
    Missing { name, near }
}

/// How many characters have to be put in, taken out or changed (Levenshtein).
fn distance(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, c) in one.chars().enumerate() {
        let mut corner = std::mem::replace(&mut row[0], line + 1);
        for (at, d) in other.iter().enumerate() {
            let changed = corner + usize::from(c != *d);
            corner = row[at + 1];
            row[at + 1] = changed.min(corner + 1).min(row[at] + 1);
        }
    }
    row[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_distance_counts_single_changes() {
        for (one, other, expected) in
            [("uprn", "uprn", 0), ("uprn", "usrn", 1), ("nmae", "name", 2), ("", "abc", 3), ("abc", "", 3)]
        {
            assert_eq!(distance(one, other), expected, "{one} {other}");
        }
    }
}
