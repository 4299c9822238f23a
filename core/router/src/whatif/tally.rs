//! Counting differences, and keeping the first of each route as examples: pure, and bounded whatever comes.

use std::collections::BTreeMap;

use postroom_transform::Part;
use serde_json::Value;

use super::compare::{Beside, Fields};
use super::{
    Differences, Example, ExampleField, MAX_EXAMPLE_BYTES, MOST_EXAMPLE_FIELDS, MOST_FIELDS, OTHERS,
    RouteDifferences,
};

/// What one worker found so far.
#[derive(Debug, Clone)]
pub(crate) struct Tally {
    pub(crate) found: Differences,
    /// Examples that are wanted of each route.
    wanted: usize,
    /// Those that are kept already, by the place of the route.
    kept: Vec<usize>,
}

/// An event that is told as an example.
pub(crate) struct About<'a> {
    pub(crate) offset: u64,
    pub(crate) id: &'a str,
    pub(crate) subject: &'a str,
}

impl Tally {
    /// Nothing found yet on `routes`.
    pub(crate) fn new(routes: Vec<RouteDifferences>, wanted: usize) -> Self {
        let kept = vec![0; routes.len()];
        Self { found: Differences { routes, ..Differences::default() }, wanted, kept }
    }

    /// Notes what an event comes to on the route at `place`.
    pub(crate) fn note(&mut self, place: usize, beside: &Beside<'_>, about: &About<'_>) {
        let Some(route) = self.found.routes.get_mut(place) else { return };
        count(route, beside);
        if beside.is_difference() && self.kept[place] < self.wanted {
            self.kept[place] += 1;
            self.found.examples.push(example(route, beside, about));
        }
    }

    /// Adds what another worker found on the same routes.
    pub(crate) fn add(&mut self, other: Differences) {
        let found = &mut self.found;
        found.events += other.events;
        found.still_invalid += other.still_invalid;
        found.newly_valid += other.newly_valid;
        for (code, count) in other.newly_invalid {
            *found.newly_invalid.entry(code).or_default() += count;
        }
        for (route, other) in found.routes.iter_mut().zip(other.routes) {
            add(route, other);
        }
        found.examples.extend(other.examples);
    }

    /// All that was found.
    pub(crate) fn ended(mut self) -> Differences {
        let examples = &mut self.found.examples;
        examples.sort_by_key(|example| example.offset);
        let mut kept: BTreeMap<(String, String), usize> = BTreeMap::new();
        examples.retain(|example| {
            let count = kept.entry((example.route.clone(), example.target.clone())).or_default();
            *count += 1;
            *count <= self.wanted
        });
        self.found
    }
}

fn count(route: &mut RouteDifferences, beside: &Beside<'_>) {
    match beside {
        Beside::Same => route.same += 1,
        Beside::Changed(fields) => {
            route.changed += 1;
            fields.keys().for_each(|field| count_field(route, field, 1));
        }
        Beside::NewlyRefused(code) => *route.newly_refused.entry(code).or_default() += 1,
        Beside::NewlySent => route.newly_sent += 1,
        Beside::NoLongerSent => route.no_longer_sent += 1,
        Beside::NoLongerRefused => route.no_longer_refused += 1,
        Beside::StillRefused => route.still_refused += 1,
    }
}

fn count_field(route: &mut RouteDifferences, field: &str, messages: u64) {
    let has_room = route.fields.len() < MOST_FIELDS || route.fields.contains_key(field);
    let field = if has_room { field } else { OTHERS };
    match route.fields.get_mut(field) {
        Some(count) => *count += messages,
        None => drop(route.fields.insert(field.to_owned(), messages)),
    }
}

fn add(route: &mut RouteDifferences, other: RouteDifferences) {
    route.same += other.same;
    route.changed += other.changed;
    route.newly_sent += other.newly_sent;
    route.no_longer_sent += other.no_longer_sent;
    route.no_longer_refused += other.no_longer_refused;
    route.still_refused += other.still_refused;
    for (field, messages) in &other.fields {
        count_field(route, field, *messages);
    }
    for (code, count) in other.newly_refused {
        *route.newly_refused.entry(code).or_default() += count;
    }
}

fn example(route: &RouteDifferences, beside: &Beside<'_>, about: &About<'_>) -> Example {
    let (code, fields) = match beside {
        Beside::NewlyRefused(code) => (Some(*code), Vec::new()),
        Beside::Changed(fields) => (None, told(fields)),
        _ => (None, Vec::new()),
    };
    Example {
        offset: about.offset,
        event: about.id.to_owned(),
        subject: about.subject.to_owned(),
        route: route.route.clone(),
        target: route.target.clone(),
        what: beside.word(),
        code,
        fields,
    }
}

fn told(fields: &Fields<'_>) -> Vec<ExampleField> {
    let told = |(field, [before, after]): (&String, &[Option<Part<'_>>; 2])| ExampleField {
        field: field.clone(),
        before: before.map(value),
        after: after.map(value),
    };
    fields.iter().take(MOST_EXAMPLE_FIELDS).map(told).collect()
}

fn value(part: Part<'_>) -> Value {
    let data = part.to_data();
    let bytes = data.to_bytes(MAX_EXAMPLE_BYTES).len();
    if bytes <= MAX_EXAMPLE_BYTES { data.into() } else { Value::from(format!("({bytes} bytes)")) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use postroom_transform::Data;
    use serde_json::json;

    use super::super::compare::End;
    use super::*;

    fn tally(wanted: usize) -> Tally {
        let route = RouteDifferences { route: "a".into(), target: "t".into(), ..RouteDifferences::default() };
        Tally::new(vec![route], wanted)
    }

    fn note(tally: &mut Tally, offset: u64, before: Value, after: Value) {
        let [before, after] = [before, after].map(|value| End::Message(Arc::new(Data::from(value))));
        let about = About { offset, id: "1", subject: "s" };
        tally.note(0, &Beside::of(&before, &after).unwrap(), &about);
    }

    #[test]
    fn fields_beyond_the_limit_are_counted_together() {
        let mut tally = tally(0);
        for number in 0..MOST_FIELDS + 3 {
            note(&mut tally, 1, json!({}), json!({ format!("f{number}"): 1 }));
        }
        note(&mut tally, 1, json!({}), json!({"f0": 1}));
        let route = &tally.found.routes[0];
        assert_eq!(route.fields.len(), MOST_FIELDS + 1);
        assert_eq!((route.fields[OTHERS], route.fields["f0"], route.changed), (3, 2, MOST_FIELDS as u64 + 4));
        assert!(tally.found.examples.is_empty());
    }

    #[test]
    fn the_first_differences_of_a_route_are_its_examples_whoever_found_them() {
        let (mut one, mut other) = (tally(2), tally(2));
        for offset in [1, 4, 5] {
            note(&mut one, offset, json!({"a": 1}), json!({"a": offset}));
        }
        note(&mut other, 2, json!({"a": "x".repeat(MAX_EXAMPLE_BYTES)}), json!({"a": "y"}));
        note(&mut other, 3, json!({"a": 1}), json!({}));
        one.add(other.found);
        let found = one.ended();
        let offsets: Vec<u64> = found.examples.iter().map(|example| example.offset).collect();
        assert_eq!(offsets, [2, 3], "the first event makes the same message");
        assert_eq!(found.examples[0].fields[0].before, Some(json!("(1002 bytes)")));
        assert_eq!(found.examples[1].fields[0].after, None);
        assert_eq!((found.routes[0].same, found.routes[0].changed), (1, 4));
    }
}
