//! Making a case: which values of the event are personal, what stands for them, and what the route makes of it. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use postroom_council::{Absent, Asks, Code, Council, Key, Listed, Route};
use postroom_event::Event;
use postroom_schema::{EventType, Said};
use postroom_transform::Data;
use serde_json::{Map, Value};

use super::fiction::{Fiction, NotFound, Seed};
use super::{CaseError, NewCase};
use crate::decide::{Decider, check_data};
use crate::references::{Asked, Known, References};
use crate::{Table, golden};

/// The class of what is nobody's.
const NOBODYS: &str = "none";
/// Attributes of the envelope that say nothing of a person, and those that no case needs.
const KEPT: [&str; 2] = ["channel", "entityversion"];
const LEFT_OUT: [&str; 2] = ["traceparent", "tracestate"];
/// What a subject begins with that is a person by itself.
const PERSON: &str = "person:";

/// What becomes of a value whose class the schema does not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unclassed {
    /// No case is made.
    Refused,
    /// It is replaced.
    AsPersonal,
}

/// How a case is made.
#[derive(Debug, Clone, Copy)]
pub struct CaseAsked {
    /// What becomes of values without a class.
    pub unclassed: Unclassed,
    /// What fictitious values are drawn with: told to nobody, and kept nowhere.
    pub seed: Seed,
}

/// The case that `event` makes for `route`.
///
/// # Errors
/// Why none can be made.
pub fn new_case(
    council: &Arc<Council>,
    route: &Route,
    event: Event<Data>,
    asked: CaseAsked,
) -> Result<NewCase, CaseError> {
    if route.lookups.iter().any(|lookup| matches!(lookup.asks, Asks::Sent(_))) {
        let words =
            "it asks for what was sent, which is made up by hand: write the case, with its lookups.json";
        return Err(CaseError::NoExample(words.to_owned()));
    }
    let known = example(council, route, &event)?;
    let table = Arc::new(Table::new(Arc::clone(council)));
    let mut decider = Decider::new(Arc::clone(council), table, String::new());
    let wants = |decider: &mut Decider, event: &Event<Data>| {
        decider.wants(route, event.clone()).map_err(|unmappable| CaseError::NoMessage(unmappable.to_string()))
    };
    let is_wanted = wants(&mut decider, &event)?;
    let (event, replaced) = fictitious(known, route, event, asked)?;
    check_data(council, &event.event_type, &event.data)
        .map_err(|refusal| CaseError::BreaksSchema { place: refusal.place, words: refusal.words })?;
    if is_wanted && !wants(&mut decider, &event)? {
        return Err(CaseError::NotWanted);
    }
    let (lookups, references) = answers(route, &event);
    decider.learn(references);
    let message = golden::made(council, &mut decider, route, &event).map_err(CaseError::NoMessage)?;
    let event = serde_json::to_string_pretty(&event).unwrap_or_default();
    Ok(NewCase { event, message, lookups, replaced })
}

/// The type of an event that the route could get.
fn example<'c>(council: &'c Council, route: &Route, event: &Event<Data>) -> Result<&'c EventType, CaseError> {
    let no_example = CaseError::NoExample;
    if event.event_type != route.from {
        return Err(no_example(format!("it is not of type `{}`", route.from)));
    }
    if council.owner_of(&event.source).is_none() {
        return Err(no_example("no system owns its source".to_owned()));
    }
    check_data(council, &event.event_type, &event.data).map_err(|refusal| no_example(refusal.why()))?;
    let known = council.vocabulary.get(&event.event_type);
    known.ok_or_else(|| no_example("its type is not known".to_owned()))
}

/// What a value is to a case.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Share {
    /// Whatever it is, it is one of few that are written in the schema or in a list.
    Listed,
    Personal,
    Nobodys,
}

/// What each value of the data is, by its JSON pointer.
type Shares = BTreeMap<String, (Share, Value)>;

/// The event with fictitious values, and where they stand.
fn fictitious(
    known: &EventType,
    route: &Route,
    event: Event<Data>,
    asked: CaseAsked,
) -> Result<(Event<Data>, BTreeSet<String>), CaseError> {
    let Event { id, source, event_type, subject, time, extensions, data } = event;
    let of_lists = listed(route, &data);
    let mut data = Value::from(data);
    let shares = shares(known, (&mut data, &of_lists), asked.unclassed)?;
    let all = |share: Share| shares.values().filter(move |(is, _)| *is == share).map(|(_, value)| value);
    let somebody = somebody(&subject, all(Share::Nobodys)).map(Value::from);
    let fiction = Fiction::new(asked.seed, all(Share::Personal).chain(&somebody));
    let mut replacing = Replacing { fiction, replaced: BTreeSet::new() };
    replacing.data(known, &mut data, &shares)?;
    let time = match time.map(|time| time.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)) {
        Some(text) => chrono::DateTime::parse_from_rfc3339(&replacing.personal("time", &text)?).ok(),
        None => None,
    };
    let event = Event {
        id: replacing.personal("id", &id)?,
        source,
        event_type,
        subject: replacing.subject(&subject, somebody.as_ref().and_then(Value::as_str))?,
        time,
        extensions: replacing.extensions(extensions)?,
        data: Data::from(data),
    };
    Ok((event, replacing.replaced))
}

/// Replaces values, and notes where.
struct Replacing {
    fiction: Fiction,
    replaced: BTreeSet<String>,
}

impl Replacing {
    fn data(&mut self, known: &EventType, data: &mut Value, shares: &Shares) -> Result<(), CaseError> {
        let mut without = None;
        known.validator.each_value(data, &mut |at, said, value| {
            let made = match shares.get(at).map(|(share, _)| *share) {
                Some(Share::Personal) => self.fiction.value(value, said.range),
                Some(Share::Nobodys) => self.fiction.kept_value(value),
                Some(Share::Listed) | None => Ok(value.clone()),
            };
            match made {
                Ok(made) if made != *value => {
                    self.replaced.insert(dotted(at));
                    *value = made;
                }
                Ok(_) => {}
                Err(NotFound) => without = Some(dotted(at)),
            }
        });
        without.map_or(Ok(()), |place| Err(CaseError::NoFiction(place)))
    }

    /// An attribute of the envelope that is personal.
    fn personal(&mut self, name: &str, text: &str) -> Result<String, CaseError> {
        let made = self.fiction.text(text);
        self.noted(name, text, made)
    }

    /// One that is not, with the fictitious words for the personal ones in it.
    fn kept(&mut self, name: &str, text: &str) -> Result<String, CaseError> {
        let made = self.fiction.kept(text);
        self.noted(name, text, made)
    }

    fn noted(&mut self, name: &str, text: &str, made: Result<String, NotFound>) -> Result<String, CaseError> {
        let made = made.map_err(|NotFound| CaseError::NoFiction(name.to_owned()))?;
        if made != text {
            self.replaced.insert(name.to_owned());
        }
        Ok(made)
    }

    fn subject(&mut self, subject: &str, somebody: Option<&str>) -> Result<String, CaseError> {
        let Some(somebody) = somebody else { return self.kept("subject", subject) };
        let kind = subject.strip_suffix(somebody).unwrap_or_default();
        Ok(format!("{kind}{}", self.personal("subject", somebody)?))
    }

    fn extensions(
        &mut self,
        extensions: BTreeMap<String, String>,
    ) -> Result<BTreeMap<String, String>, CaseError> {
        let mut made = BTreeMap::new();
        for (name, text) in extensions {
            let text = match name.as_str() {
                left_out if LEFT_OUT.contains(&left_out) => continue,
                kept if KEPT.contains(&kept) => text,
                "effectivetime" => self.kept(&name, &text)?,
                _ => self.personal(&name, &text)?,
            };
            made.insert(name, text);
        }
        Ok(made)
    }
}

fn shares(
    known: &EventType,
    (data, asked_for): (&mut Value, &BTreeSet<String>),
    unclassed: Unclassed,
) -> Result<Shares, CaseError> {
    let (mut shares, mut unknown) = (BTreeMap::new(), BTreeSet::new());
    known.validator.each_value(data, &mut |at, said: &Said, value| {
        let share = if said.listed || asked_for.contains(at) || value.is_boolean() || value.is_null() {
            Share::Listed
        } else if said.classes.iter().any(|class| class != NOBODYS) {
            Share::Personal
        } else if said.unclassed {
            unknown.insert(dotted(at));
            Share::Personal
        } else {
            Share::Nobodys
        };
        shares.insert(at.to_owned(), (share, value.clone()));
    });
    if unknown.is_empty() || unclassed == Unclassed::AsPersonal {
        Ok(shares)
    } else {
        Err(CaseError::Unclassed(unknown.into_iter().collect()))
    }
}

/// What of a subject is about somebody: a person, or anything that is not among what is nobody's in the data.
fn somebody<'s, 'v>(subject: &'s str, mut nobodys: impl Iterator<Item = &'v Value>) -> Option<&'s str> {
    let about = subject.split_once(':').map_or(subject, |(_, about)| about);
    let is_it = |value: &Value| match value {
        Value::String(text) => text == about,
        Value::Number(number) => number.to_string() == about,
        _ => false,
    };
    (subject.starts_with(PERSON) || !nobodys.any(is_it)).then_some(about)
}

/// The JSON pointers of the codes of the data that a list of the route knows: they are the list's, and nobody's.
fn listed(route: &Route, data: &Data) -> BTreeSet<String> {
    let pointer = |lookup: &postroom_council::Lookup| {
        let (Asks::List(asked), Key::Field(path)) = (&lookup.asks, &lookup.from) else { return None };
        let Code::Text(code) = lookup.from.code(data.part(), None) else { return None };
        matches!(asked.says(&code), Listed::As(_)).then(|| format!("/{}", path.join("/")))
    };
    route.lookups.iter().filter_map(pointer).collect()
}

/// What the case says that the ledger knows: an id of its own for each cross-reference that the route must know, and nothing
/// of those that it can do without: which answers they have nobody can make up.
fn answers(route: &Route, event: &Event<Data>) -> (Option<Value>, References) {
    let (mut written, mut known) = (Map::new(), Vec::new());
    for lookup in &route.lookups {
        let Asks::Xref { system, .. } = &lookup.asks else { continue };
        let Code::Text(key) = lookup.from.code(event.data.part(), Some(&event.subject)) else { continue };
        if lookup.unknown == Absent::IsNull {
            known.extend(Asked::of(lookup, &key).map(|of| (of, None)));
            continue;
        }
        let id = format!("{}-{}", system.to_uppercase(), known.len() + 1);
        written.insert(lookup.name.clone(), id.clone().into());
        known.extend(Asked::of(lookup, &key).map(|of| (of, Some(Known::Id(id)))));
    }
    ((!written.is_empty()).then_some(Value::Object(written)), known.into_iter().collect())
}

/// A JSON pointer as a dotted path, `[]` for any item of a list.
fn dotted(pointer: &str) -> String {
    let mut path = String::new();
    for name in pointer.split('/').skip(1) {
        if name.bytes().all(|b| b.is_ascii_digit()) && !name.is_empty() {
            path.push_str("[]");
            continue;
        }
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(name);
    }
    path
}
