//! The decision about one record, pure: which rules apply, and which events they make.

use std::collections::BTreeMap;

use chrono::{DateTime, FixedOffset};
use postroom_council::{Council, MapRule, SourceSystem};
use postroom_event::{Event, Fault, Record, Tree, check_extension, check_subject, record_id};
use postroom_transform::{Data, Input, MetaValue, Metadata, Runner, View};

use crate::decide::check_data;
use crate::lookups::{Desk, answers};
use crate::references::References;

/// What a record became.
#[derive(Debug)]
pub enum Mapped {
    /// At least one event.
    Events(Vec<Event<Data>>),
    /// Nothing, by the rule of this name.
    Ignored(String),
    /// Nothing, because it cannot be understood.
    Refused(Fault),
}

/// Where a record comes from.
#[derive(Debug, Clone, Copy)]
pub struct Origin<'a> {
    /// The system.
    pub system: &'a str,
    /// The batch's name, e.g. the file's.
    pub label: &'a str,
    /// SHA-256 of the batch's content, in hex.
    pub batch: &'a str,
    /// How often the batch is taken on purpose, from 0.
    pub round: u32,
    /// The time that events get whose mapping sets none.
    pub now: DateTime<FixedOffset>,
}

/// What became of a record since the last snapshot of its source.
#[derive(Debug)]
pub enum Change {
    /// It is new.
    Created,
    /// It differs from this.
    Changed(Data),
    /// It was this, and is gone.
    Removed(Data),
}

impl Change {
    /// What `%change` says.
    fn name(&self) -> &'static str {
        match self {
            Self::Created => "created",
            Self::Changed(_) => "changed",
            Self::Removed(_) => "removed",
        }
    }

    fn old(&self) -> Option<&Data> {
        match self {
            Self::Created => None,
            Self::Changed(old) | Self::Removed(old) => Some(old),
        }
    }
}

/// Makes events of records. One task owns it.
pub struct RecordMapper<'a> {
    council: &'a Council,
    side: &'a SourceSystem,
    runner: Runner,
}

impl<'a> RecordMapper<'a> {
    /// A mapper with the rules of `side`.
    pub fn new(council: &'a Council, side: &'a SourceSystem) -> Self {
        Self { council, side, runner: Runner::default() }
    }

    /// What `record` becomes. Every map rule that applies makes its events, in the order of the text.
    pub fn map(&mut self, record: Record, origin: &Origin<'_>) -> Mapped {
        self.map_told(record, None, origin)
    }

    /// What a record of a snapshot becomes, given what happened to it.
    pub fn map_change(&mut self, record: Record, change: &Change, origin: &Origin<'_>) -> Mapped {
        self.map_told(record, Some(change), origin)
    }

    fn map_told(&mut self, record: Record, change: Option<&Change>, origin: &Origin<'_>) -> Mapped {
        let (number, line, stem) = (record.number, record.line, origin.stem(&record));
        let fault = |rule: &'static str, place: &str, words: String| {
            Mapped::Refused(Fault { number, line, place: place.to_owned(), rule, words })
        };
        let metadata = Told { number, line, change, origin };
        let mut input = Input::new(record.value.into(), &metadata);
        let mut events = Vec::new();
        for map in &self.side.maps {
            match self.apply(map, &mut input, origin, (&stem, events.len())) {
                Ok(made) => events.extend(made),
                Err(Refused { rule, place, words }) => return fault(rule, &place, words),
            }
        }
        if !events.is_empty() {
            return Mapped::Events(events);
        }
        for ignore in &self.side.ignores {
            let applies = match &ignore.when {
                None => true,
                Some(when) => {
                    when.get().is_ok_and(|when| self.runner.holds(when, &mut input).unwrap_or(false))
                }
            };
            if applies {
                return Mapped::Ignored(ignore.rule.clone());
            }
        }
        fault("no-rule", "", "no rule of [[source.map]] or [[source.ignore]] applies".into())
    }

    fn apply(
        &mut self,
        map: &MapRule,
        input: &mut Input<'_>,
        origin: &Origin<'_>,
        (stem, made): (&str, usize),
    ) -> Result<Vec<Event<Data>>, Refused> {
        let run = |error: postroom_transform::RunError| Refused::new("mapping", &map.rule, error.to_string());
        let uncompiled = |_: Vec<postroom_council::Problem>| {
            Refused::new("mapping", &map.rule, "the rule does not compile: postroom check")
        };
        if let Some(when) = &map.when
            && !self.runner.holds(when.get().map_err(uncompiled)?, input).map_err(run)?
        {
            return Ok(Vec::new());
        }
        // A source looks up in lists only.
        let (known, mut asked) = (References::default(), Vec::new());
        let desk = Desk { known: &known, asked: &mut asked };
        let answers = answers(&map.lookups, (input.data(), None), desk)
            .map_err(|unanswered| Refused::new(unanswered.code, &unanswered.field, unanswered.words))?;
        input.answer(answers);
        let result = self.runner.map(map.mapping.get().map_err(uncompiled)?, input).map_err(run)?;
        let results = result.into_items();
        let mut events = Vec::with_capacity(results.len());
        for result in results {
            let ordinal = made + events.len();
            events.push(self.event(map, result, origin, (stem, ordinal))?);
        }
        Ok(events)
    }

    /// An event from what a mapping gave: `subject` and `data`, and what else it sets of the envelope.
    fn event(
        &self,
        map: &MapRule,
        result: Data,
        origin: &Origin<'_>,
        (stem, ordinal): (&str, usize),
    ) -> Result<Event<Data>, Refused> {
        let Some(fields) = result.into_members() else {
            return Err(Refused::new(
                "mapping",
                &map.rule,
                "a source mapping gives an object or a list of objects",
            ));
        };
        let (data, texts) = parts(fields);
        check_data(self.council, &map.event_type, &data).map_err(Refused::event)?;
        let mut texts = texts.map_err(|name| {
            Refused::new("event", &name, "an attribute of the envelope is text, or absent")
        })?;
        let subject = texts.remove("subject").unwrap_or_default();
        check_subject(&subject).map_err(Refused::event)?;
        let time = match texts.remove("time") {
            None => origin.now,
            Some(text) => DateTime::parse_from_rfc3339(&text).map_err(|_| {
                Refused::new("event", "time", "`time` is an RFC 3339 instant with its offset")
            })?,
        };
        let id = texts.remove("id").unwrap_or_else(|| origin.event_id(stem, ordinal));
        for (name, text) in &texts {
            check_extension(name, text).map_err(Refused::event)?;
        }
        let source = self.side.owns.first().cloned().unwrap_or_default();
        let event_type = map.event_type.clone();
        Ok(Event { id, source, event_type, subject, time: Some(time), extensions: texts, data })
    }
}

impl Origin<'_> {
    /// What the ids of a record's events begin with: the same however often it is read. Content hash and record number, by which
    /// the ledger can tell in which batch an event came, unless its source knows the record by a key.
    fn stem(&self, record: &Record) -> String {
        match &record.key {
            Some(key) => record_id(self.system, key),
            None => format!("{}-{}", self.batch, record.number),
        }
    }

    /// The id of the `ordinal`th event of a record.
    fn event_id(&self, stem: &str, ordinal: usize) -> String {
        let mut id = stem.to_owned();
        if ordinal > 0 {
            id.push_str(&format!(".{ordinal}"));
        }
        if self.round > 0 {
            id.push_str(&format!("-again{}", self.round));
        }
        id
    }
}

/// Why a mapping's result is no event.
struct Refused {
    rule: &'static str,
    place: String,
    words: String,
}

impl Refused {
    fn new(rule: &'static str, place: &str, words: impl Into<String>) -> Self {
        Self { rule, place: place.to_owned(), words: words.into() }
    }

    fn event(refusal: postroom_event::Refusal) -> Self {
        Self { rule: refusal.rule.code(), place: refusal.place, words: refusal.words }
    }
}

/// The data, and the other members as text, nulls left out; else the name of the first that is none.
fn parts(members: impl Iterator<Item = (String, Data)>) -> (Data, Result<BTreeMap<String, String>, String>) {
    let (mut data, mut texts) = (Data::null(), Ok(BTreeMap::new()));
    for (name, member) in members {
        match member.part().view() {
            _ if name == "data" => data = member,
            View::Null => {}
            View::Text(text) => {
                if let Ok(texts) = &mut texts {
                    texts.insert(name, text.to_owned());
                }
            }
            _ if texts.is_ok() => texts = Err(name),
            _ => {}
        }
    }
    (data, texts)
}

/// What filters and mappings of sources see under `%`: where the record was read, and what became of it.
struct Told<'a> {
    number: u64,
    line: u64,
    change: Option<&'a Change>,
    origin: &'a Origin<'a>,
}

impl Metadata for Told<'_> {
    fn tell(&self, put: &mut dyn FnMut(&'static str, MetaValue<'_>)) {
        let whole = |number: u64| MetaValue::Number(i64::try_from(number).unwrap_or(i64::MAX));
        put("system", MetaValue::Text(self.origin.system));
        put("file", MetaValue::Text(self.origin.label));
        put("batch", MetaValue::Text(self.origin.batch));
        put("number", whole(self.number));
        put("line", whole(self.line));
        if let Some(change) = self.change {
            put("change", MetaValue::Text(change.name()));
            if let Some(old) = change.old() {
                put("old", MetaValue::Data(old));
            }
        }
    }
}
