//! Whether the personal data of a route may go where it goes: by the classes of the fields that reach the message, by what
//! the target's schema calls them, and by the purpose of the route. It knows no connector and no event.
//!
//! What decides within a mapping counts for the purpose, for it can tell as much as a value. It makes no field of the message
//! personal by itself: behind one early `return` all of them were. A `when` decides only whether there is a message, and is the
//! means by which a council keeps a class of data out: the record of processing shows it, and nothing is refused for it.

use std::collections::{BTreeMap, BTreeSet};

use postroom_schema::{CLASSES, Classes, EventType};
use postroom_transform::{FieldPath, Flow, How, Mapping, Of};

use crate::written::Text;
use crate::{Asks, Council, FillId, Key, Lookup, Problem, Program, Purpose, Route};

/// The class of what is about nobody.
const NOBODY: &str = CLASSES[0];
/// The class of what tells who somebody is.
const PERSONAL: &str = CLASSES[1];
/// The classes of what an office holds, whatever it says: who it is about is of that class too.
const HELD_BY_AN_OFFICE: [&str; 2] = [CLASSES[3], CLASSES[4]];
/// What the metadata calls what the event is about, and what was looked up.
const SUBJECT: &str = "subject";
const LOOKUP: &str = "lookup";
/// Most fields that one problem names.
const MAX_NAMED: usize = 3;

/// A field of an event that a route carries, or that decides on what it carries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Carried {
    /// Where from, where to and how; the answer of a lookup comes from what was asked with.
    pub flow: Flow,
    /// The classes of the field of the event, and of what a lookup by it answers, without `none`; empty is about nobody.
    pub classes: BTreeSet<String>,
    /// The classes that the message's schema gives what it reaches as data, without `none`.
    pub called: BTreeSet<String>,
    /// What it reaches.
    pub reaches: Reaches,
}

/// What a field of an event reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reaches {
    /// A field of the message.
    Message,
    /// The decision whether there is a message (`when`).
    When,
}

impl Council {
    /// Everything that the route carries, in the order of the event's fields; of a mapping that cannot be read, nothing.
    pub fn carried(&self, route: &Route) -> Vec<Carried> {
        let Some(event) = self.vocabulary.get(&route.from) else { return Vec::new() };
        let carried = |(flow, answers): (Flow, BTreeSet<String>), reaches| {
            let classes = classes(event, &flow).unwrap_or_default().known;
            let classes = classes.into_iter().chain(answers).collect();
            let called = match (reaches, flow.how) {
                (Reaches::Message, How::Data) => route.accepts.classes_of(steps(&flow.to)),
                _ => None,
            };
            let (classes, called) = (of_somebody(classes), of_somebody(called.unwrap_or_default().known));
            Carried { flow, classes, called, reaches }
        };
        let decides = route.when.iter().flat_map(Program::decides);
        let decides =
            decides.flat_map(|flow| self.begun(&flow, route)).map(|flow| carried(flow, Reaches::When));
        let mapped = route.mapping.flows().into_iter().flat_map(|flow| self.begun(&flow, route));
        let mapped = mapped.map(|flow| carried(flow, Reaches::Message));
        let mut all: Vec<Carried> = mapped.chain(decides).collect();
        all.sort_by(|one, other| {
            let order = |it: &Carried| (it.flow.from.clone(), it.reaches, it.flow.to.clone(), it.flow.of);
            order(one).cmp(&order(other))
        });
        all.dedup_by(|later, kept| {
            let same = later.flow.from == kept.flow.from && later.flow.to == kept.flow.to;
            let same = same && later.reaches == kept.reaches && later.flow.of == kept.flow.of;
            if same {
                kept.flow.how = kept.flow.how.min(later.flow.how);
                kept.classes.append(&mut later.classes);
            }
            same
        });
        all
    }

    /// The flow from where it begins: the answer of a lookup comes from what was asked with, and all of the metadata, or of
    /// the lookups, from each of them. With it the classes of what is answered.
    fn begun(&self, flow: &Flow, route: &Route) -> Vec<(Flow, BTreeSet<String>)> {
        let of_event = |from: FieldPath| (from, BTreeSet::new());
        let lookups = |name: Option<&String>, below: &[String]| -> Vec<_> {
            let named = route.lookups.iter().filter(|lookup| name.is_none_or(|name| lookup.name == *name));
            named.flat_map(|lookup| self.of_lookup(lookup, below)).collect()
        };
        let from = match flow.from.steps.as_slice() {
            _ if !flow.from.is_metadata => vec![of_event(flow.from.clone())],
            [] => [vec![of_event(path(&Key::Subject))], lookups(None, &[])].concat(),
            [first] if first == LOOKUP => lookups(None, &[]),
            [first, name, below @ ..] if first == LOOKUP => lookups(Some(name), below),
            _ => vec![of_event(flow.from.clone())],
        };
        from.into_iter().map(|(from, answers)| (Flow { from, ..flow.clone() }, answers)).collect()
    }

    /// Where that comes from which stands below what `lookup` answers, with the classes of that: what it asks with, and of what
    /// was sent the field itself.
    fn of_lookup(&self, lookup: &Lookup, below: &[String]) -> Vec<(FieldPath, BTreeSet<String>)> {
        let asked = path(&lookup.from);
        match &lookup.asks {
            Asks::List(_) => vec![(asked, BTreeSet::new())],
            Asks::Xref { kind, system } => vec![(asked, self.classes_of_ids(kind, system))],
            Asks::Sent(sent) => {
                let steps: Vec<String> =
                    [LOOKUP, &lookup.name].into_iter().map(str::to_owned).chain(below.to_vec()).collect();
                let classes = sent.accepts.classes_of(below.iter().map(String::as_str)).unwrap_or_default();
                vec![(asked, BTreeSet::new()), (FieldPath { is_metadata: true, steps }, classes.known)]
            }
        }
    }

    /// Whether the ids that a system has of a kind of cross-reference are something of a person: routes note them of such fields.
    pub fn has_personal_ids(&self, kind: &str, system: &str) -> bool {
        !of_somebody(self.classes_of_ids(kind, system)).is_empty()
    }

    /// The classes of the ids of a kind that routes note of events for a system.
    fn classes_of_ids(&self, kind: &str, system: &str) -> BTreeSet<String> {
        let classes = |route: &Route| -> BTreeSet<String> {
            let Some(event) = self.vocabulary.get(&route.from) else { return BTreeSet::new() };
            let fills = route.fills.iter().filter(|fill| fill.kind == *kind);
            let noted = fills.filter_map(|fill| match &fill.id {
                FillId::Event { id, system: of } if of == system => classes_at(event, &path(id), Of::Value),
                _ => None,
            });
            noted.flat_map(|classes| classes.known).collect()
        };
        self.routes.iter().flat_map(classes).collect()
    }
}

/// Where a key stands.
fn path(key: &Key) -> FieldPath {
    match key {
        Key::Subject => FieldPath { is_metadata: true, steps: vec![SUBJECT.to_owned()] },
        Key::Field(path) => FieldPath { is_metadata: false, steps: path.clone() },
    }
}

fn steps(path: &FieldPath) -> impl Iterator<Item = &str> {
    path.steps.iter().map(String::as_str)
}

/// The classes without that of what is about nobody.
fn of_somebody(classes: BTreeSet<String>) -> BTreeSet<String> {
    classes.into_iter().filter(|class| class != NOBODY).collect()
}

/// The classes of where a flow begins; `None` where nothing can stand.
fn classes(event: &EventType, flow: &Flow) -> Option<Classes> {
    classes_at(event, &flow.from, flow.of)
}

fn classes_at(event: &EventType, from: &FieldPath, of: Of) -> Option<Classes> {
    if from.is_metadata {
        let is_subject = from.steps.first().is_some_and(|name| name == SUBJECT);
        return Some(if is_subject { of_subject(event) } else { Classes::default() });
    }
    let found = event.validator.classes_of(steps(from))?;
    // That something is there tells no more than what each part of it would.
    Some(if of == Of::Presence { Classes { known: found.everywhere.clone(), ..found } } else { found })
}

/// The classes of the subject: of a type that tells anything of a person it may be the person.
fn of_subject(event: &EventType) -> Classes {
    let all = event.validator.classes_of([]).unwrap_or_default().known;
    let is_personal = all.iter().any(|class| class != NOBODY);
    let held = HELD_BY_AN_OFFICE.into_iter().filter(|class| all.contains(*class));
    let known = is_personal.then_some(PERSONAL).into_iter().chain(held);
    Classes { known: known.map(str::to_owned).collect(), ..Classes::default() }
}

/// Every problem of the personal data of a route.
pub(crate) fn check(council: &Council, route: &Route) -> Vec<Problem> {
    let carried = council.carried(route);
    let carried: Vec<&Carried> = carried.iter().filter(|it| it.reaches == Reaches::Message).collect();
    let checked = Checked { council, route };
    [checked.of_purpose(&carried), checked.of_target(&carried), checked.without_class(&carried)].concat()
}

/// Problems of a step between two versions of a type: what has a class in the one has it in the other.
pub(crate) fn check_step(from: &EventType, to: &EventType, program: &Program<Mapping>) -> Vec<Problem> {
    let mut told = BTreeSet::new();
    let problem = |flow: Flow| {
        let classes = of_somebody(classes(from, &flow)?.known);
        let called = to.validator.classes_of(steps(&flow.to))?.everywhere;
        let is_told = classes.is_subset(&called) || !told.insert((flow.from.clone(), flow.to.clone()));
        let all: Vec<&str> = classes.iter().map(String::as_str).collect();
        let words = format!(
            "{} of `{}` reaches `{}` of `{}`, which its schema does not call so",
            in_words(&all),
            flow.from,
            flow.to,
            to.name
        );
        let problem = program.problem(&flow, "personal-field", words);
        (!is_told)
            .then(|| problem.hint("say its `x-class` in the schema of that version, or leave the field out"))
    };
    program.flows().into_iter().filter(|flow| flow.how == How::Data).filter_map(problem).collect()
}

struct Checked<'a> {
    council: &'a Council,
    route: &'a Route,
}

impl Checked<'_> {
    /// Classes that the purpose does not allow, each with the fields that carry it.
    fn of_purpose(&self, carried: &[&Carried]) -> Vec<Problem> {
        let mut fields: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for it in carried {
            let of_event = it.classes.iter().map(|class| (class.clone(), format!("`{}`", it.flow.from)));
            let of_message =
                it.called.iter().map(|class| (class.clone(), format!("`{}` of the message", it.flow.to)));
            for (class, field) in of_event.chain(of_message) {
                fields.entry(class).or_default().insert(field);
            }
        }
        for (class, field) in self.noted() {
            fields.entry(class).or_default().insert(field);
        }
        let purpose = self.route.purpose.as_ref().and_then(|name| self.council.purposes.get(name));
        fields.retain(|class, _| purpose.is_none_or(|purpose| !purpose.classes.contains(class)));
        match (&self.route.purpose, purpose) {
            (None, _) => self.purposeless(&fields).into_iter().collect(),
            // A purpose that is not known is told already.
            (Some(_), None) => Vec::new(),
            (Some(name), Some(purpose)) => fields
                .iter()
                .map(|(class, fields)| self.not_allowed((name, purpose), class, fields))
                .collect(),
        }
    }

    /// The classes of what the route notes in the ledger, each with its field.
    fn noted(&self) -> impl Iterator<Item = (String, String)> {
        let event = self.council.vocabulary.get(&self.route.from);
        let keys = self.route.fills.iter().flat_map(|fill| match &fill.id {
            FillId::Event { id, .. } => vec![&fill.key, id],
            FillId::Receipt => vec![&fill.key],
        });
        keys.filter_map(move |key| {
            let from = path(key);
            let classes = of_somebody(classes_at(event?, &from, Of::Value)?.known);
            Some(classes.into_iter().map(move |class| (class, format!("`{from}`"))))
        })
        .flatten()
    }

    fn purposeless(&self, fields: &BTreeMap<String, BTreeSet<String>>) -> Option<Problem> {
        if fields.is_empty() {
            return None;
        }
        let classes: Vec<&str> = fields.keys().map(String::as_str).collect();
        let allows =
            |purpose: &Purpose| classes.iter().all(|class| purpose.classes.iter().any(|it| it == class));
        let fitting = self.council.purposes.iter().filter(|(_, purpose)| allows(purpose));
        let fitting: Vec<String> = fitting.map(|(name, _)| format!("`{name}`")).collect();
        let words = format!(
            "the route carries personal data and names no purpose: {} {}",
            named(fields.values().flatten()),
            in_words(&classes)
        );
        let hint = match fitting.as_slice() {
            [] => "write the purpose down in purposes.toml, and name it".to_owned(),
            some => format!("name the `purpose`: {} would allow it", some.join(" or ")),
        };
        Some(self.at("from", "no-purpose", words).hint(hint))
    }

    fn not_allowed(
        &self,
        (name, purpose): (&str, &Purpose),
        class: &str,
        fields: &BTreeSet<String>,
    ) -> Problem {
        let words =
            format!("purpose `{name}` does not allow {}, which {} is", in_words(&[class]), named(fields));
        let hint = format!(
            "do not send it, name another purpose, or have the data protection officer add `{class}` to the `classes` of \
             \"{}\"",
            purpose.title
        );
        self.at("purpose", "purpose-class", words).hint(hint)
    }

    /// A problem at a key of the route's text.
    fn at(&self, key: &str, code: &str, words: String) -> Problem {
        let file = self.route.folder.join("route.toml");
        match Text::read(&file) {
            Ok(text) => text.problem_at(key, code, words),
            Err(_) => Problem::new(file, code, words),
        }
    }

    /// Fields of the message that hold personal data and are not classed so, each with what reaches it.
    fn of_target(&self, carried: &[&Carried]) -> Vec<Problem> {
        let mut fields: BTreeMap<&FieldPath, Vec<&Carried>> = BTreeMap::new();
        for it in carried.iter().filter(|it| it.flow.how == How::Data && !it.classes.is_empty()) {
            let Some(called) = self.route.accepts.classes_of(steps(&it.flow.to)) else { continue };
            if called.unclassed || !it.classes.is_subset(&called.everywhere) {
                fields.entry(&it.flow.to).or_default().push(it);
            }
        }
        fields.into_iter().filter_map(|(to, all)| self.not_called_so(to, &all)).collect()
    }

    fn not_called_so(&self, to: &FieldPath, all: &[&Carried]) -> Option<Problem> {
        let first = all.first()?;
        let Route { message, to: target, .. } = self.route;
        let classes: BTreeSet<&str> = all.iter().flat_map(|it| &it.classes).map(String::as_str).collect();
        let classes: Vec<&str> = classes.into_iter().collect();
        let from: BTreeSet<String> = all.iter().map(|it| format!("`{}`", it.flow.from)).collect();
        let words = format!(
            "{} of {} reaches `{to}` of the message `{message}`, which its schema does not call so",
            in_words(&classes),
            named(&from)
        );
        let hint = format!(
            "say its `x-class` in systems/{target}/messages/{message}.schema.json, or do not send the field"
        );
        Some(self.route.mapping.problem(&first.flow, "personal-field", words).hint(hint))
    }

    /// Fields of the event of which nobody has said the class.
    fn without_class(&self, carried: &[&Carried]) -> Vec<Problem> {
        let Some(event) = self.council.vocabulary.get(&self.route.from) else { return Vec::new() };
        let unclassed = |it: &&&Carried| {
            it.flow.of == Of::Value && classes(event, &it.flow).is_some_and(|classes| classes.unclassed)
        };
        let mut told = BTreeSet::new();
        let problem = |it: &&Carried| {
            let words =
                format!("the schema of `{}` does not say the class of `{}`", event.name, it.flow.from);
            let problem = self.route.mapping.problem(&it.flow, "unclassed-field", words);
            problem.hint("say its `x-class` in the schema of the event type")
        };
        let all = carried.iter().filter(unclassed).filter(|it| told.insert(&it.flow.from));
        all.map(problem).collect()
    }
}

/// Classes as they are said: `class P`, `classes P and S`.
fn in_words(classes: &[&str]) -> String {
    let plural = if classes.len() == 1 { "class" } else { "classes" };
    format!("{plural} {}", classes.join(" and "))
}

/// The first fields by name, and how many more there are.
fn named<'a>(fields: impl IntoIterator<Item = &'a String>) -> String {
    let all: BTreeSet<&str> = fields.into_iter().map(String::as_str).collect();
    let first: Vec<&str> = all.iter().copied().take(MAX_NAMED).collect();
    match all.len() - first.len() {
        0 => first.join(", "),
        more => format!("{} and {more} more", first.join(", ")),
    }
}
