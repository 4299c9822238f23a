//! What is written in a source and is too much: patterns that take long to compile, items that lie far in a list, years without
//! a four-digit number.

use chrono::{DateTime, Utc};
use regex::{Error, RegexBuilder};
use vrl::diagnostic::Span;
use vrl::parser::ast::Literal;
use vrl::path::{OwnedSegment, OwnedValuePath};

use crate::problem::{Problem, Source};
use crate::{MAX_INDEX, MAX_PATTERN_BYTES, MAX_PATTERNS, functions};

/// The literals of a source so far.
#[derive(Debug, Default)]
pub(crate) struct Literals {
    patterns: usize,
}

impl Literals {
    /// Whether there are more than are compiled.
    pub(crate) fn too_many(&self) -> bool {
        self.patterns > MAX_PATTERNS
    }

    /// What is wrong with one more.
    pub(crate) fn wrong(&mut self, source: Source<'_>, at: Span, literal: &Literal) -> Option<Problem> {
        let pattern = match literal {
            Literal::Regex(pattern) => pattern,
            Literal::Timestamp(text) => {
                let far = text.parse::<DateTime<Utc>>().is_ok_and(|instant| !functions::is_told(&instant));
                let words = "a year is one of 0001 to 9999";
                return far.then(|| source.at(at, "invalid-timestamp", words));
            }
            _ => return None,
        };
        self.patterns += 1;
        if self.patterns == MAX_PATTERNS + 1 {
            return Some(source.at(at, "too-many-patterns", format!("more than {MAX_PATTERNS} patterns")));
        }
        // What else is wrong with it, VRL tells.
        let large = || {
            matches!(
                RegexBuilder::new(pattern).size_limit(MAX_PATTERN_BYTES).build(),
                Err(Error::CompiledTooBig(_))
            )
        };
        let words = format!("the pattern takes more than {MAX_PATTERN_BYTES} bytes once it is compiled");
        (!self.too_many() && large()).then(|| source.at(at, "pattern-too-large", words))
    }
}

/// Whether an index of the path lies too far.
pub(crate) fn is_far(path: &OwnedValuePath) -> bool {
    let far = |segment: &OwnedSegment| matches!(segment, OwnedSegment::Index(index) if index.unsigned_abs() > MAX_INDEX);
    path.segments.iter().any(far)
}

/// An index that lies too far: what is assigned there would fill the list up to it.
pub(crate) fn far(source: Source<'_>, at: Span, path: &OwnedValuePath) -> Option<Problem> {
    let words = || format!("an index is at most {MAX_INDEX}, from either end of a list");
    is_far(path).then(|| source.at(at, "index-too-large", words()))
}
