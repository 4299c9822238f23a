//! How large the types of a program may grow: VRL copies every type that it knows for every expression that it compiles, so that a
//! type that doubles with each line would keep it busy for ever.
//!
//! A source is compiled on one thread, so that the count is kept beside the thread.

use std::cell::RefCell;

use postroom_event::MAX_DEPTH;
use vrl::diagnostic::Span;
use vrl::value::Kind;

use crate::problem::{Problem, Source};
use crate::{MAX_TYPE_DEPTH, MAX_TYPE_PARTS, MAX_TYPE_WORK};

#[derive(Debug, Default)]
struct Size {
    /// What stands in a closure is compiled twice, and in one inside another four times.
    expressions: usize,
    /// Parts of types that were read: whatever a program knows comes of what it reads.
    parts: usize,
    broken: Option<(Limit, Span)>,
}

#[derive(Debug, Clone, Copy)]
enum Limit {
    Parts,
    Work,
    Depth,
}

thread_local! {
    static SIZE: RefCell<Size> = RefCell::default();
}

/// Begins a source.
pub(crate) fn begin() {
    SIZE.take();
}

/// Counts an expression inside so many closures.
pub(crate) fn expression(closures: usize) {
    SIZE.with_borrow_mut(|size| size.expressions += 1 << closures.min(16));
}

/// Counts the type of a variable that is read; whether it is within the limits.
pub(crate) fn read(kind: &Kind, at: Span) -> bool {
    let mut left = MAX_TYPE_PARTS;
    let limit = count(kind, MAX_TYPE_DEPTH, &mut left).err();
    SIZE.with_borrow_mut(|size| {
        size.parts += MAX_TYPE_PARTS - left;
        let works = size.parts.saturating_mul(size.expressions) > MAX_TYPE_WORK;
        size.broken = limit.or(works.then_some(Limit::Work)).map(|limit| (limit, at));
        size.broken.is_none()
    })
}

/// What is nested deeper than so many levels.
pub(crate) fn too_deep(source: Source<'_>, at: Span, levels: usize) -> Problem {
    source.at(at, "nested-too-deep", format!("this is nested deeper than {levels} levels"))
}

/// Whether the type of a result is nested too deep for JSON; what it holds besides is as large as it has to be.
pub(crate) fn is_too_deep(kind: &Kind) -> bool {
    let mut unlimited = usize::MAX;
    count(kind, MAX_DEPTH, &mut unlimited).is_err()
}

/// What was found too large.
pub(crate) fn broken(source: Source<'_>) -> Option<Problem> {
    let (limit, at) = SIZE.with_borrow(|size| size.broken)?;
    let (code, words) = match limit {
        Limit::Parts => {
            ("type-too-large", format!("this has more than {MAX_TYPE_PARTS} fields and items that are known"))
        }
        Limit::Work => ("type-too-large", "up to here too much is known of too many variables".to_owned()),
        Limit::Depth => return Some(too_deep(source, at, MAX_TYPE_DEPTH)),
    };
    let hint = "let a line not take twice what the line before it has made".to_owned();
    Some(Problem { hint: Some(hint), ..source.at(at, code, words) })
}

/// Takes the parts of the type from what is left, so many levels deep.
fn count(kind: &Kind, levels: usize, left: &mut usize) -> Result<(), Limit> {
    *left = left.checked_sub(1).ok_or(Limit::Parts)?;
    let is_leaf = !kind.contains_array() && !kind.contains_object();
    let below = match levels.checked_sub(1) {
        _ if is_leaf => return Ok(()),
        levels => levels.ok_or(Limit::Depth)?,
    };
    if let Some(fields) = kind.as_object() {
        fields.known().values().try_for_each(|field| count(field, below, left))?;
        if fields.is_unknown_exact() {
            count(&fields.unknown_kind(), below, left)?;
        }
    }
    if let Some(items) = kind.as_array() {
        items.known().values().try_for_each(|item| count(item, below, left))?;
        if items.is_unknown_exact() {
            count(&items.unknown_kind(), below, left)?;
        }
    }
    Ok(())
}
