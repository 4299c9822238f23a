//! A new system: its file with settings to begin with, a source mapping where it is read, a message where it is fed.

use std::path::{Path, PathBuf};

use postroom_connector::{Connectors, QUEUE, Settings, SinkKind, SourceKind};
use postroom_schema::EventType;
use serde_json::{Map, Value, json};

use super::fill::{Given, path_of};
use super::{CLOSED, DECIDE, Draft, quoted, titled};
use crate::load::is_name;
use crate::{Council, OWN_SYSTEM};

/// What stands for the system's name in settings to begin with.
const SYSTEM: &str = "SYSTEM";

/// A side of a system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// It states events.
    Source,
    /// It receives messages.
    Target,
}

/// A system that there is not yet.
#[derive(Debug, Clone, Copy)]
pub struct NewSystem<'a> {
    /// The name of its folder.
    pub name: &'a str,
    /// The kind of connector.
    pub connector: &'a str,
    /// Its sides, at least one.
    pub sides: &'a [Side],
    /// The event type that it states.
    pub event: Option<&'a str>,
    /// The message that it accepts.
    pub message: &'a str,
}

impl Council {
    /// The files of a new system.
    ///
    /// # Errors
    /// What of it is wrong or not known, and what there is instead.
    pub fn draft_system(&self, new: &NewSystem<'_>, connectors: &Connectors) -> Result<Draft, String> {
        let name = new.name;
        if !is_name(name) || name == OWN_SYSTEM {
            return Err(format!(
                "`{name}` is not a name of a system: up to 64 lower-case letters, digits and `-`"
            ));
        }
        if self.systems.contains_key(name) {
            return Err(format!("there is a system `{name}` already"));
        }
        let folder = Path::new("systems").join(name);
        let mut draft = Draft::default();
        let mut text = format!(
            "title = {}\n# department = \"whose it is\"\n# supplier = \"who sells it\"\n",
            quoted(&titled(name))
        );
        if new.connector == QUEUE {
            text.push_str(&format!("broker_user = {}\n", quoted(name)));
        }
        for side in new.sides {
            text.push_str(&match side {
                Side::Source => self.source(new, connectors, (&folder, &mut draft))?,
                Side::Target => target(new, connectors, (&folder, &mut draft))?,
            });
        }
        let at = folder.display();
        draft.files.insert(0, (folder.join("system.toml"), text));
        draft.next.insert(
            0,
            format!("say in {at}/system.toml whose the system is, and what it really needs of its settings"),
        );
        draft.next.push("postroom check".to_owned());
        Ok(draft)
    }

    fn source(
        &self,
        new: &NewSystem<'_>,
        connectors: &Connectors,
        (folder, draft): (&Path, &mut Draft),
    ) -> Result<String, String> {
        let names = connectors.source_names();
        let kind = connectors.source(new.connector);
        let settings = settings("source", new, kind.map(SourceKind::beginning), &names)?;
        let Some(name) = new.event else {
            let maps = if new.connector == QUEUE { Ok(settings) } else { Err(()) };
            return maps.map_err(|()| {
                "say what it states with --event TYPE: each record becomes events of a type".to_owned()
            });
        };
        let event = self.vocabulary.get(name).ok_or_else(|| {
            format!("there is no event type `{name}`: write it with `postroom new event {name}`, or name one of {}", self.vocabulary.names().collect::<Vec<_>>().join(", "))
        })?;
        if new.connector == QUEUE {
            return Ok(format!("{settings}publishes = [{}]\n", quoted(name)));
        }
        let table = toml_of(kind.map_or("", SourceKind::beginning), new.name);
        let read = Settings { table, data: PathBuf::new(), system: new.name.to_owned() };
        let fields = kind.and_then(|kind| kind.fields(&read));
        let file = folder.join("events").join(format!("{name}.vrl"));
        draft.next.push(format!(
            "{DECIDE} how a record becomes an event: all that is marked in {}",
            file.display()
        ));
        draft.add(file, mapping(event, fields.as_deref()));
        Ok(format!("{settings}\n[[source.map]]\nrule = \"every record\"\n{CLOSED}event = {}\n", quoted(name)))
    }
}

/// The table of a side with settings to begin with.
fn settings(
    side: &str,
    new: &NewSystem<'_>,
    beginning: Option<&str>,
    names: &[&str],
) -> Result<String, String> {
    if !names.contains(&new.connector) {
        let no = if side == "source" { "source" } else { "target" };
        return Err(format!("`{}` is no connector of a {no}: there is {}", new.connector, names.join(", ")));
    }
    let head = format!("\n[{side}]\nconnector = {}\n", quoted(new.connector));
    match beginning.map(|text| text.replace(SYSTEM, new.name)).filter(|text| !text.is_empty()) {
        Some(text) => Ok(format!("{head}\n[{side}.settings]\n{text}")),
        None => Ok(head),
    }
}

fn toml_of(beginning: &str, name: &str) -> toml::Table {
    beginning.replace(SYSTEM, name).parse().unwrap_or_default()
}

/// A source mapping: what the event requires, and the subject; from the texts of a record where its fields are known.
fn mapping(event: &EventType, fields: Option<&[String]>) -> String {
    let about = event.name.split('.').next().unwrap_or_default();
    let fields = fields.unwrap_or_default();
    let texts: Map<String, Value> =
        fields.iter().map(|name| (name.clone(), json!({ "type": "string" }))).collect();
    let record = json!({ "required": fields, "properties": texts });
    let (given, has, subject) = match fields {
        [] => (Given::nothing(), String::new(), quoted(&format!("{about}:{DECIDE}"))),
        [first, ..] => (
            Given::data(&record),
            format!("# A record has {}.\n", fields.join(", ")),
            format!("{} + {}", quoted(&format!("{about}:")), path_of(first)),
        ),
    };
    let data = given.fill(&event.schema, 2).text;
    let note = format!("# {DECIDE}: what the event is about; order is kept for it");
    format!("{has}{{\n  \"subject\": {subject}, {note}\n  \"data\": {data}\n}}\n")
}

fn target(
    new: &NewSystem<'_>,
    connectors: &Connectors,
    (folder, draft): (&Path, &mut Draft),
) -> Result<String, String> {
    if !is_name(new.message) {
        return Err(format!(
            "`{}` is not a name of a message: up to 64 lower-case letters, digits and `-`",
            new.message
        ));
    }
    let beginning = connectors.sink(new.connector).map(SinkKind::beginning);
    let settings = settings("target", new, beginning, &connectors.sink_names())?;
    let schema = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": titled(new.message),
        "description": "What the system accepts.",
        "type": "object",
        "additionalProperties": false,
        "required": ["reference"],
        "properties": {
            "reference": {
                "type": "string",
                "minLength": 1,
                "maxLength": 40,
                "description": "The reference of what it is about.",
                "x-class": "none",
            },
        },
    });
    let file = folder.join("messages").join(format!("{}.schema.json", new.message));
    draft.next.push(format!("agree with the system on the message: {}", file.display()));
    draft.next.push(format!("postroom new route EVENT {}", new.name));
    draft.add(file, format!("{schema:#}\n"));
    Ok(settings)
}
