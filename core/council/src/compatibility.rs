//! What a changed schema means for routes, by the fields that each of them reads. It sets two configurations beside each other
//! and knows nothing of where the older one comes from.

use std::collections::{BTreeMap, BTreeSet};

use postroom_schema::{Differs, FieldDifference, Validator};
use postroom_transform::{Filter, Left, Mapping};

use crate::{Council, FillId, Key, Problem, Route};

/// A schema that differs, and what that means for the routes that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaChange {
    /// Which schema.
    pub of: ChangedSchema,
    /// The fields that differ; nothing where the schema is gone.
    pub fields: Vec<FieldDifference>,
    /// What it means for each route, by name.
    pub routes: BTreeMap<String, Touch>,
}

/// Which schema differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangedSchema {
    /// That of an event type.
    EventType(String),
    /// That of an event type which is not there any more.
    Gone(String),
    /// That of a message.
    Message {
        /// The target.
        system: String,
        /// Its name.
        message: String,
    },
}

/// What a changed schema means for a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Touch {
    /// It has problems that it had not: how many.
    Breaks(usize),
    /// It reads these of the fields that differ, or what they stand in, and has no new problem.
    Reads(Vec<String>),
    /// It makes the message, and what differs holds of all that it makes.
    Fits,
    /// It makes the message, and of these rules that differ only validation can tell whether what it makes keeps them.
    Left(Vec<String>),
    /// It reads nothing that differs.
    Untouched,
}

impl Council {
    /// What the schemas that differ from those of an older configuration mean for the routes of this one; `problems` are those
    /// that are found in this one.
    pub fn compared_with(&self, older: &Self, problems: &[Problem]) -> Vec<SchemaChange> {
        let mut changes = Vec::new();
        for name in older.vocabulary.names() {
            let Some(old) = older.vocabulary.get(name) else { continue };
            let new = self.vocabulary.get(name);
            let fields = new.map(|new| old.validator.differences(&new.validator)).unwrap_or_default();
            if new.is_some() && fields.is_empty() {
                continue;
            }
            let touches = |route: &Route| touch(route, &fields);
            let routes = self.meant(older, |route| route.from == name, touches, problems);
            let of = match new {
                Some(_) => ChangedSchema::EventType(name.to_owned()),
                None => ChangedSchema::Gone(name.to_owned()),
            };
            changes.push(SchemaChange { of, fields, routes });
        }
        for (key, old) in messages(older) {
            let new = messages(self).remove(&key);
            let fields = new.map(|new| old.differences(new)).unwrap_or_default();
            if fields.is_empty() {
                continue;
            }
            let (system, message) = key;
            let takes = |route: &Route| *route.to == *system && route.message == message;
            let routes = self.meant(older, takes, |route| fits(route, &fields), problems);
            let of = ChangedSchema::Message { system: system.to_owned(), message: message.to_owned() };
            changes.push(SchemaChange { of, fields, routes });
        }
        changes
    }

    /// What a change means for each route of the older configuration that `is_about` it, and is still there.
    fn meant(
        &self,
        older: &Self,
        is_about: impl Fn(&Route) -> bool,
        touches: impl Fn(&Route) -> Touch,
        problems: &[Problem],
    ) -> BTreeMap<String, Touch> {
        let mut meant = BTreeMap::new();
        for old in older.routes.iter().filter(|route| is_about(route)) {
            let folder = self.folder.join("routes").join(&*old.name);
            if !folder.is_dir() {
                continue;
            }
            let broken = problems.iter().filter(|problem| problem.file.starts_with(&folder)).count();
            let route = self.routes.iter().find(|route| route.name == old.name);
            let touch = match route {
                _ if broken > 0 => Touch::Breaks(broken),
                Some(route) => touches(route),
                None => Touch::Breaks(1),
            };
            meant.insert(old.name.to_string(), touch);
        }
        meant
    }
}

fn messages(council: &Council) -> BTreeMap<(&str, &str), &Validator> {
    let all = council.targets().flat_map(|(system, target)| {
        let named = target.messages.iter();
        named.map(|(name, validator)| ((system.name.as_str(), name.as_str()), validator.as_ref()))
    });
    all.collect()
}

impl Route {
    /// The fields of an event's data that it reads: by its `when`, its mapping, its lookups and its fills, as dotted paths. What
    /// is read of a field is read of all below it; the empty path is everything.
    pub fn reads(&self) -> BTreeSet<String> {
        let filter = self.when.as_ref().and_then(|when| when.get().ok()).map(Filter::reads);
        let mapping = self.mapping.get().ok().map(Mapping::reads);
        let told = self.fills.iter().filter_map(|fill| match &fill.id {
            FillId::Event { id, .. } => Some(id),
            FillId::Receipt => None,
        });
        let keys = self.fills.iter().map(|fill| &fill.key).chain(told);
        let keys = keys.chain(self.lookups.iter().map(|lookup| &lookup.from));
        let of_keys = keys.filter(|key| matches!(key, Key::Field(_))).map(Key::to_string);
        filter.into_iter().chain(mapping).flatten().chain(of_keys).collect()
    }
}

fn touch(route: &Route, fields: &[FieldDifference]) -> Touch {
    let reads = route.reads();
    let is_read = |field: &&FieldDifference| {
        // The whole differs by what it asks of its fields together: that changes no value that is read.
        !(field.path.is_empty() && matches!(field.how, Differs::Rules(_)))
            && reads.iter().any(|read| meets(read, &field.path))
    };
    let read: Vec<String> = fields.iter().filter(is_read).map(|field| field.path.clone()).collect();
    if read.is_empty() { Touch::Untouched } else { Touch::Reads(read) }
}

/// What rules that differ mean for a route that makes the message.
fn fits(route: &Route, fields: &[FieldDifference]) -> Touch {
    let fit = route.mapping.get().map(|mapping| mapping.fit(route.accepts.schema())).unwrap_or_default();
    let differs = |left: &Left| {
        fields.iter().any(|field| {
            left.path.strip_prefix('.') == Some(&field.path)
                && match &field.how {
                    Differs::New => true,
                    Differs::Gone => false,
                    Differs::Rules(rules) => rules.contains(&left.rule),
                }
        })
    };
    let left = fit.left.into_iter().filter(differs).map(|left| format!("{} ({})", left.path, left.rule));
    let left: Vec<String> = left.collect();
    if left.is_empty() { Touch::Fits } else { Touch::Left(left) }
}

/// Whether one of two paths is the other, or leads to it.
fn meets(one: &str, other: &str) -> bool {
    let leads = |short: &str, long: &str| {
        long.strip_prefix(short).is_some_and(|rest| {
            short.is_empty() || rest.is_empty() || rest.starts_with('.') || rest.starts_with('[')
        })
    };
    leads(one, other) || leads(other, one)
}

#[cfg(test)]
mod tests {
    use super::meets;

    #[test]
    fn a_field_is_met_by_what_it_stands_in_and_by_what_stands_in_it() {
        for (one, other) in
            [("a", "a"), ("a.b", "a"), ("a", "a.b.c"), ("list", "list[].a"), ("", "x"), ("x", "")]
        {
            assert!(meets(one, other), "{one} {other}");
        }
        for (one, other) in [("a", "ab"), ("a.b", "a.c"), ("list[].a", "list[].b")] {
            assert!(!meets(one, other), "{one} {other}");
        }
    }
}
