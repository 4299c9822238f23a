//! The routing table: which routes an event may match, found without asking each of them.
//!
//! A route whose `when` demands that a field equals one of some values is found by that value (a guard, ADR 0003), so
//! a thousand routes cost little more than the few that match. The others of the type are always candidates.

use std::collections::HashMap;
use std::sync::{Arc, OnceLock};

use postroom_council::{Council, Route};
use postroom_transform::Guard;
use serde_json::Value;

/// The routes of a council by event type. Filters are compiled when the first event of a type asks.
pub struct Table {
    council: Arc<Council>,
    types: HashMap<String, (Vec<usize>, OnceLock<Index>)>,
}

/// The routes of one event type.
#[derive(Default)]
struct Index {
    always: Vec<usize>,
    guarded: Vec<Guarded>,
}

/// Routes that demand a value at one path.
struct Guarded {
    path: Vec<String>,
    routes: HashMap<Scalar, Vec<usize>>,
}

/// A value that can be compared exactly.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Scalar {
    Text(String),
    Whole(i64),
    Truth(bool),
}

impl Scalar {
    fn of(value: &Value) -> Option<Self> {
        match value {
            Value::String(text) => Some(Self::Text(text.clone())),
            Value::Number(number) => number.as_i64().map(Self::Whole),
            Value::Bool(truth) => Some(Self::Truth(*truth)),
            Value::Null | Value::Array(_) | Value::Object(_) => None,
        }
    }
}

impl Table {
    /// The table of `council`; nothing is compiled yet.
    pub fn new(council: Arc<Council>) -> Self {
        let mut types: HashMap<String, (Vec<usize>, OnceLock<Index>)> = HashMap::new();
        for (number, route) in council.routes.iter().enumerate() {
            types.entry(route.from.clone()).or_default().0.push(number);
        }
        Self { council, types }
    }

    /// The routes that an event of this type and data may match, in the order of the council's text.
    pub fn candidates(&self, event_type: &str, data: &Value) -> Vec<&Route> {
        let Some((numbers, index)) = self.types.get(event_type) else { return Vec::new() };
        let index = index.get_or_init(|| Index::build(numbers, &self.council.routes));
        let mut found = index.always.clone();
        for guarded in &index.guarded {
            let value = guarded.path.iter().try_fold(data, |value, field| value.get(field));
            let routes = value.and_then(Scalar::of).and_then(|scalar| guarded.routes.get(&scalar));
            found.extend(routes.into_iter().flatten());
        }
        found.sort_unstable();
        found.iter().map(|number| &self.council.routes[*number]).collect()
    }
}

impl Index {
    fn build(numbers: &[usize], routes: &[Route]) -> Self {
        let mut index = Self::default();
        for number in numbers {
            let filter = routes[*number].when.as_ref().and_then(|when| when.get().ok());
            match filter.and_then(postroom_transform::Filter::guard).and_then(scalars) {
                Some((path, scalars)) => index.guard(path, scalars, *number),
                None => index.always.push(*number),
            }
        }
        index
    }

    fn guard(&mut self, path: Vec<String>, scalars: Vec<Scalar>, number: usize) {
        let at = self.guarded.iter().position(|guarded| guarded.path == path).unwrap_or_else(|| {
            self.guarded.push(Guarded { path, routes: HashMap::new() });
            self.guarded.len() - 1
        });
        for scalar in scalars {
            let routes = self.guarded[at].routes.entry(scalar).or_default();
            if routes.last() != Some(&number) {
                routes.push(number);
            }
        }
    }
}

/// The guard's values, if each of them can be compared exactly.
fn scalars(guard: &Guard) -> Option<(Vec<String>, Vec<Scalar>)> {
    let values = guard.values.iter().map(Scalar::of).collect::<Option<Vec<_>>>()?;
    Some((guard.path.clone(), values))
}
