//! Which fields a program reads that its data does not have: VRL would read them as null.
//!
//! It follows `.` and `%`, variables that are assigned once to a part of them, and the items that closures are given.

use std::collections::{BTreeSet, HashMap};

use vrl::compiler::Program;
use vrl::parser::ast::{Container, Expr, FunctionCall, Literal, Opcode, QueryTarget};
use vrl::path::{OwnedSegment, OwnedValuePath, PathPrefix};
use vrl::value::Kind;
use vrl::value::kind::Collection;

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

/// What is known of the data and of the variables so far.
pub(crate) struct Fields {
    data: Kind,
    meta: Kind,
    /// One map for the program and one for each closure around the place: `None` where nothing is known.
    variables: Vec<HashMap<String, Option<Kind>>>,
}

/// A field that is not there: its name, and the name of one that is, if one is near.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Missing {
    pub(crate) name: String,
    pub(crate) near: Option<String>,
}

impl Fields {
    pub(crate) fn new(data: Kind, meta: Kind) -> Self {
        Self { data, meta, variables: vec![HashMap::new()] }
    }

    /// The first segment of `path` that is certain to lead nowhere.
    pub(crate) fn missing(&self, target: &QueryTarget, path: &OwnedValuePath) -> Option<Missing> {
        let mut kind = self.root(target).filter(|_| !is_far(path))?;
        for segment in &path.segments {
            let below = kind.at_path(&OwnedValuePath { segments: vec![segment.clone()] });
            if below.is_undefined() {
                return Some(missing(&kind, segment));
            }
            kind = below;
        }
        None
    }

    fn root(&self, target: &QueryTarget) -> Option<Kind> {
        match target {
            QueryTarget::External(PathPrefix::Event) => Some(self.data.clone()),
            QueryTarget::External(PathPrefix::Metadata) => Some(self.meta.clone()),
            QueryTarget::Internal(name) => self.variable(name),
            QueryTarget::FunctionCall(call) => self.of_call(call),
            QueryTarget::Container(Container::Group(group)) => self.of(&group.inner().0),
            QueryTarget::Container(_) => None,
        }
    }

    fn variable(&self, name: &str) -> Option<Kind> {
        self.variables.iter().rev().find_map(|scope| scope.get(name)).cloned().flatten()
    }

    /// What the expression holds, where it is a part of the data and nothing else.
    pub(crate) fn of(&self, expr: &Expr) -> Option<Kind> {
        match expr {
            Expr::Query(query) if is_far(query.inner().path.inner()) => None,
            Expr::Query(query) => {
                Some(self.root(&query.inner().target)?.at_path(query.inner().path.inner())).filter(is_told)
            }
            Expr::Variable(name) => self.variable(name),
            Expr::FunctionCall(call) => self.of_call(call),
            Expr::Container(container) => match container.inner() {
                Container::Group(group) => self.of(&group.inner().0),
                _ => None,
            },
            Expr::Op(op) if *op.inner().1.inner() == Opcode::Err && is_empty(&op.inner().2) => {
                self.of(&op.inner().0)
            }
            _ => None,
        }
    }

    fn of_call(&self, call: &FunctionCall) -> Option<Kind> {
        let same = ["array", "object", "filter", "slice"].contains(&call.ident.inner().as_ref());
        self.of(&call.arguments.first().filter(|_| same)?.inner().expr)
    }

    /// What an item of the call's list may be.
    pub(crate) fn item(&self, call: &FunctionCall) -> Option<Kind> {
        let list = self.of(&call.arguments.first()?.inner().expr)?;
        list.as_array().map(Collection::reduced_kind)
    }

    /// Notes an assignment; after the second one nothing is known of the variable.
    pub(crate) fn assign(&mut self, name: &str, kind: Option<Kind>) {
        let again = self.variables.iter().any(|scope| scope.contains_key(name));
        if let Some(scope) = self.variables.last_mut() {
            scope.insert(name.to_owned(), kind.filter(|_| !again));
        }
    }

    pub(crate) fn enter(&mut self, item: Option<(String, Option<Kind>)>) {
        self.variables.push(item.into_iter().collect());
    }

    pub(crate) fn leave(&mut self) {
        self.variables.pop();
    }
}

fn is_told(kind: &Kind) -> bool {
    !kind.is_undefined() && !kind.is_never()
}

fn is_empty(expr: &Expr) -> bool {
    match expr {
        Expr::Literal(literal) => *literal.inner() == Literal::Null,
        Expr::Container(container) => match container.inner() {
            Container::Array(items) => items.inner().clone().into_iter().next().is_none(),
            Container::Object(fields) => fields.inner().clone().into_iter().next().is_none(),
            _ => false,
        },
        _ => false,
    }
}

pub(crate) fn missing(kind: &Kind, segment: &OwnedSegment) -> Missing {
    let name = match segment {
        OwnedSegment::Field(name) => name.to_string(),
        OwnedSegment::Index(at) => format!("[{at}]"),
    };
    let known = kind.as_object().into_iter().flat_map(|fields| fields.known().keys());
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
