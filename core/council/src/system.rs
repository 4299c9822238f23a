//! Reading one system: its sides, their settings, its source mappings and the messages it accepts.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use postroom_connector::{Batching, Manner, QUEUE, Settings, SourceKind, parse_duration};
use postroom_schema::{Validator, Vocabulary};
use postroom_transform::{Context, Filter, Presence, Shape};

use crate::from_file;
use crate::key::Ground;
use crate::lookup::Asking;
use crate::reading::Reading;
use crate::shared::Shared;
use crate::snapshot::{self, SnapshotText};
use crate::written::{MapText, SourceText, Spanned, SystemText, TargetText, Text};
use crate::{IgnoreRule, MapRule, Place, Problem, Program, SnapshotRule, SourceSystem, System, Target};

/// Reads the system `name` in `folder`; problems are kept in `reading`.
pub(crate) fn read(
    name: &str,
    folder: &Path,
    vocabulary: &Vocabulary,
    reading: &mut Reading<'_>,
) -> Option<System> {
    let text = Text::read(&folder.join("system.toml"));
    let text = reading.keep(text)?;
    let written: SystemText = reading.keep(text.parse())?;
    let expect_every = written.expect_every.as_ref().and_then(|every| {
        let parsed = parse_duration(every.as_ref());
        reading.keep(parsed.ok_or_else(|| {
            text.problem(every, "duration", "`expect_every` is a duration such as `2h` or `1d`")
        }))
    });
    let part = Part { name, folder, text: &text };
    let queue_source = written.source.as_ref().is_some_and(|side| side.connector.as_ref() == QUEUE);
    if queue_source && written.broker_user.is_none() {
        let words = "a system that publishes itself needs its `broker_user`";
        reading.problems.push(text.problem_at("source.connector", "broker-user", words));
    }
    let source = written.source.and_then(|side| part.source(side, vocabulary, reading));
    let target = written.target.and_then(|side| part.target(side, reading));
    Some(System {
        name: name.to_owned(),
        title: written.title,
        department: written.department,
        supplier: written.supplier,
        broker_user: written.broker_user.map(Spanned::into_inner),
        expect_every,
        source,
        target,
    })
}

/// What the mappings and filters of a source are given.
struct Given {
    shape: Arc<Shape>,
    context: Context,
}

/// A system while it is read.
struct Part<'a> {
    name: &'a str,
    folder: &'a Path,
    text: &'a Text,
}

impl Part<'_> {
    /// The settings of a side, with the texts of files in them.
    fn settings(&self, side: &str, mut table: toml::Table, reading: &mut Reading<'_>) -> Settings {
        for (key, words) in from_file::put_in(&mut table, self.folder) {
            let key = format!("{side}.settings.{key}");
            let problem = self.text.problem_at(&key, "unreadable", format!("[{side}.settings] {words}"));
            reading.problems.push(problem);
        }
        Settings { table, data: reading.data.clone(), system: self.name.to_owned() }
    }

    fn source(
        &self,
        side: SourceText,
        vocabulary: &Vocabulary,
        reading: &mut Reading<'_>,
    ) -> Option<SourceSystem> {
        let settings = self.settings("source", side.settings, reading);
        let connector = side.connector.as_ref().clone();
        let mut fields = None;
        if connector != QUEUE {
            let kind = reading.connectors.source(&connector);
            let names = reading.connectors.source_names();
            let kind = reading.keep(kind.ok_or_else(|| self.unknown_connector(&side.connector, &names)))?;
            reading.keep(kind.check(&settings).map_err(|error| self.setting("source", &error)));
            fields = kind.fields(&settings);
            if side.map.is_empty() {
                let words = "a source with a connector needs at least one [[source.map]]";
                reading.problems.push(self.text.problem_at("source", "no-map", words));
            }
        }
        let (snapshot, shape) =
            self.snapshot((&connector, &settings), side.snapshot.as_ref(), fields.as_deref(), reading);
        let context = if side.snapshot.is_some() { Context::Snapshot } else { Context::Source };
        let given = Given { shape: Arc::new(shape), context };
        let maps =
            side.map.into_iter().filter_map(|map| self.map(map, &given, vocabulary, reading)).collect();
        let ignores = side
            .ignore
            .into_iter()
            .map(|ignore| IgnoreRule { rule: ignore.rule, when: self.when(ignore.when.as_ref(), &given) })
            .collect();
        let owns = side.sources.unwrap_or_else(|| vec![format!("/systems/{}", self.name)]);
        if owns.is_empty() {
            let words = "`sources` lists at least one CloudEvents source";
            reading.problems.push(self.text.problem_at("source.sources", "sources", words));
        }
        let publishes = self.publishes(&connector, side.publishes, vocabulary, reading);
        let receipts = side.receipts;
        Some(SourceSystem { connector, owns, publishes, receipts, settings, snapshot, maps, ignores })
    }

    /// What a system that publishes itself says it publishes; of any other its maps say so.
    fn publishes(
        &self,
        connector: &str,
        written: Vec<Spanned<String>>,
        vocabulary: &Vocabulary,
        reading: &mut Reading<'_>,
    ) -> BTreeSet<String> {
        if let Some(first) = written.first().filter(|_| connector != QUEUE) {
            let words = "`publishes` is for a system that publishes itself; here [[source.map]] says it";
            reading.problems.push(self.text.problem(first, "publishes", words));
        }
        for event_type in written.iter().filter(|written| vocabulary.get(written.as_ref()).is_none()) {
            reading.problems.push(self.no_schema(event_type));
        }
        written.into_iter().map(Spanned::into_inner).collect()
    }

    fn no_schema(&self, event_type: &Spanned<String>) -> Problem {
        let words = format!("event type `{}` has no schema", event_type.as_ref());
        self.text.problem(event_type, "unknown-type", words)
    }

    /// The rule of a source of snapshots, and what its records may be.
    fn snapshot(
        &self,
        (connector, settings): (&str, &Settings),
        written: Option<&SnapshotText>,
        fields: Option<&[String]>,
        reading: &mut Reading<'_>,
    ) -> (Option<SnapshotRule>, Shape) {
        let plain = || fields.map_or_else(Shape::any, Shape::of_texts);
        let Some(written) = written else { return (None, plain()) };
        let is_whole = |kind: &dyn SourceKind| kind.gives_wholes(settings);
        if !reading.connectors.source(connector).is_some_and(is_whole) {
            let words = "what this source gives is no whole export: what is absent from a batch is not gone";
            reading.problems.push(self.text.problem_at("source.snapshot", "snapshot", words));
        }
        match reading.keep(snapshot::read(self.text, written, fields)) {
            Some((rule, shape)) => (Some(rule), shape),
            None => (None, plain()),
        }
    }

    fn map(
        &self,
        map: MapText,
        given: &Given,
        vocabulary: &Vocabulary,
        reading: &mut Reading<'_>,
    ) -> Option<MapRule> {
        let event_type = map.event.as_ref().clone();
        if vocabulary.get(&event_type).is_none() {
            reading.problems.push(self.no_schema(&map.event));
        }
        let mapping = Text::read(&self.folder.join("events").join(format!("{event_type}.vrl")));
        let mapping = reading.keep(mapping)?;
        let when = self.when(map.when.as_ref(), given);
        let ground = Ground { text: self.text, shape: &given.shape, subject: Presence::MayLack };
        let asking = Asking { ground, target: None, systems: &BTreeMap::new() };
        let (lookups, answered) = asking.read(&map.lookup, reading);
        let mapping = Program::of_file(mapping.file, mapping.text, Arc::new(answered), given.context);
        Some(MapRule { rule: map.rule, when, event_type, mapping, lookups })
    }

    fn when(&self, when: Option<&Spanned<String>>, given: &Given) -> Option<Program<Filter>> {
        when.map(|when| filter(self.text, when, Arc::clone(&given.shape), given.context))
    }

    fn target(&self, side: TargetText, reading: &mut Reading<'_>) -> Option<Target> {
        let settings = self.settings("target", side.settings, reading);
        let connector = side.connector.as_ref().clone();
        let mut comes_for_it = connector == QUEUE;
        if connector != QUEUE {
            let kind = reading.connectors.sink(&connector);
            let names = reading.connectors.sink_names();
            let kind = reading.keep(kind.ok_or_else(|| self.unknown_connector(&side.connector, &names)))?;
            reading.keep(kind.check(&settings).map_err(|error| self.setting("target", &error)));
            comes_for_it = kind.manner() == Manner::Pulled;
        }
        let batching = side.batch.and_then(|table| {
            let parsed = Batching::from_table(&table);
            reading.keep(parsed.map_err(|error| {
                self.text.problem_at("target.batch", "batch", format!("[target.batch]: {error}"))
            }))
        });
        if comes_for_it && batching.is_some() {
            let words = "a system that comes for its messages itself takes no batches";
            reading.problems.push(self.text.problem_at("target.batch", "batch", words));
        }
        Some(Target { connector, settings, batching, messages: self.messages(reading) })
    }

    /// The messages by name, compiled: they are few and compile in microseconds.
    fn messages(&self, reading: &mut Reading<'_>) -> BTreeMap<String, Arc<Validator>> {
        let mut messages = BTreeMap::new();
        let Ok(entries) = std::fs::read_dir(self.folder.join("messages")) else { return messages };
        for path in entries.filter_map(Result::ok).map(|entry| entry.path()) {
            let file_name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let Some(name) = file_name.strip_suffix(".schema.json") else {
                let problem = Problem::new(&path, "name", "a message's schema is named NAME.schema.json");
                reading.problems.push(problem);
                continue;
            };
            let validator = message(&path, &mut reading.shared);
            messages.extend(reading.keep(validator).map(|validator| (name.to_owned(), validator)));
        }
        messages
    }

    fn unknown_connector(&self, written: &Spanned<String>, names: &[&str]) -> Problem {
        let words = format!("connector `{}` is not known", written.as_ref());
        self.text.problem(written, "unknown-connector", words).hint(format!("known are {}", names.join(", ")))
    }

    fn setting(&self, side: &str, error: &postroom_connector::SettingsError) -> Problem {
        let key = format!("{side}.settings.{}", error.key);
        self.text.problem_at(&key, "setting", format!("[{side}.settings] {error}"))
    }
}

/// A filter written as a text of a TOML file.
pub(crate) fn filter(
    text: &Text,
    when: &Spanned<String>,
    shape: Arc<Shape>,
    context: Context,
) -> Program<Filter> {
    let place = Place::of(&text.text, &when.span());
    Program::inside(text.file.clone(), place, when.as_ref().clone(), shape, context)
}

fn message(path: &Path, shared: &mut Shared) -> Result<Arc<Validator>, Problem> {
    let text = Text::read(path)?;
    shared.message(&text.text, || {
        let schema = postroom_event::read_value(text.text.as_bytes())
            .map_err(|refusal| Problem::new(path, "schema", refusal.words))?;
        Validator::compile(&schema).map_err(|problem| {
            Problem::new(path, "schema", format!("{}: {}", problem.pointer, problem.words))
        })
    })
}
