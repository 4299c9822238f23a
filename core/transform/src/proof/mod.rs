//! Whether what a mapping makes fits a JSON Schema: what can be shown before any data comes, and what is left to validation.
//!
//! Each keyword of the schema is either compared with the type of the result, or with what its text says, or it is
//! named as left: what is neither a misfit nor left holds for every result.

mod branches;
mod events;
mod fields;
mod kinds;
mod leaves;
mod walk;
mod words;

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use vrl::diagnostic::Span;
use vrl::value::Kind;

use crate::functions::Calculated;
use crate::outline::Outline;
use crate::problem::{Problem, Source};

pub(crate) use kinds::{holds, words};
pub use leaves::keywords;
use walk::Walk;

/// A place where the result may not fit what the target takes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Misfit {
    /// The field of the result, dotted from `.`; `[]` is any item of a list, `*` any other field.
    pub path: String,
    /// How often it happens.
    pub happens: Happens,
    /// What is wrong, where in the source, and a hint: `missing`, `may-be-missing`, `may-be-null`, `wrong-type`,
    /// `unknown-field`, `open-object` or `not-in-enum`.
    pub problem: Problem,
}

/// How often a result does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happens {
    /// Whatever the data is, or whenever the field is set: the mapping is wrong.
    Always,
    /// With some data, for all that types tell.
    Sometimes,
}

/// A rule that only validation can tell to be kept.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Left {
    /// The field of the result, as in [`Misfit::path`]; of [`BEYOND`] what is calculated.
    pub path: String,
    /// The keyword of the schema, e.g. `pattern`.
    pub rule: String,
}

/// The rule that what is calculated stays within 64 bits: what does not ends the run.
pub const BEYOND: &str = "64 bits";
/// Most characters that are told of what is calculated.
const MAX_TOLD: usize = 60;

/// How what a mapping makes and what is taken fit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fit {
    /// Where they may not, in the order of the source; each once.
    pub misfits: Vec<Misfit>,
    /// What validation has to tell, by path; each once.
    pub left: Vec<Left>,
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}]", self.problem.words, self.problem.code)
    }
}

/// A program's result: its type, and what its text says of it.
pub(crate) struct Made<'a> {
    pub(crate) source: Source<'a>,
    pub(crate) kind: &'a Kind,
    pub(crate) outline: &'a Outline,
    pub(crate) calculated: &'a Calculated,
}

impl Made<'_> {
    /// How it fits the schema `target`.
    pub(crate) fn fit(&self, target: &Value) -> Fit {
        let look = self.outline.look();
        let mut walk = Walk::new(target, "the target", &look);
        let at = walk.top();
        walk.whole(self.kind, &at);
        walk.compare(self.kind, target, &at);
        self.told(walk.found, walk.left)
    }

    /// How it fits the events that a source makes, whose data keep the schema `data`.
    pub(crate) fn fit_events(&self, data: &Value) -> Fit {
        let (found, left) = events::compare(self, data);
        self.told(found, left)
    }

    /// What is calculated and may go beyond 64 bits, for all that its bounds tell.
    pub(crate) fn beyond(&self) -> Vec<Left> {
        let bounded = self.outline.look().bounded();
        let may_go = self.calculated.0.iter().filter(|place| !bounded.contains(place));
        let told = may_go.map(|(start, end)| {
            let words: Vec<&str> = self.source.text(Span::new(*start, *end)).split_whitespace().collect();
            Left { path: words.join(" ").chars().take(MAX_TOLD).collect(), rule: BEYOND.to_owned() }
        });
        told.collect()
    }

    fn told(&self, found: Vec<Found>, mut left: Vec<Left>) -> Fit {
        left.extend(self.beyond());
        let mut misfits: Vec<Misfit> = found.into_iter().map(|found| self.placed(found)).collect();
        misfits.sort_by_key(|misfit| (misfit.problem.line, misfit.problem.column));
        left.sort();
        left.dedup();
        Fit { misfits, left }
    }

    fn placed(&self, found: Found) -> Misfit {
        let Found { path, code, happens, words, hint, span } = found;
        let problem = Problem { hint, ..self.source.at(span, code, words) };
        Misfit { path, happens, problem }
    }
}

/// A misfit before its place is told.
#[derive(Debug, Clone)]
struct Found {
    path: String,
    code: &'static str,
    happens: Happens,
    words: String,
    hint: Option<String>,
    span: Span,
}
