//! A council's folder as text, as large as a measurement asks for.

use std::fs;
use std::path::Path;

use super::Outcome;
use super::sample::{EVENT_TYPE, POSTCODE, SYSTEM, schemas};

/// The system whose connector reads files.
pub(crate) const FILES: &str = "register";
/// The connector of a sink in this process.
pub(crate) const IN_PROCESS: &str = "bench";
const MAPPING: &str = include_str!("mapping.vrl");
const MESSAGE: &str = include_str!("message.schema.json");
const RECORD_MAPPING: &str = include_str!("record.vrl");

/// What a council of the bench has.
pub(crate) struct Plan {
    /// Prefix of every object on the broker.
    pub(crate) prefix: String,
    /// The broker user with which everything is published.
    pub(crate) user: String,
    /// Routes on the one event type.
    pub(crate) routes: usize,
    /// How many of them match the sample event.
    pub(crate) matching: usize,
    /// Systems that the routes lead to in turn.
    pub(crate) targets: usize,
    /// How messages get to them.
    pub(crate) reach: Reach,
    /// Whether the routes share one mapping.
    pub(crate) mappings: Mappings,
    /// Whether the journal is kept.
    pub(crate) journal: bool,
}

/// How messages get to a target.
pub(crate) enum Reach {
    /// It reads its own queue.
    Queue,
    /// By a lane to a sink in this process.
    InProcess,
    /// By a lane to an HTTP server: the address of each target.
    Http(Vec<String>),
}

/// What the routes make of an event.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mappings {
    /// One message for all of them.
    Shared,
    /// Each its own, by a mapping of its own.
    Own,
}

impl Plan {
    /// The name of a target.
    pub(crate) fn target(number: usize) -> String {
        format!("target-{number}")
    }

    /// Writes the council's folder.
    pub(crate) fn write(&self, folder: &Path) -> Outcome<()> {
        let put = |name: &str, text: &str| -> Outcome<()> {
            let file = folder.join(name);
            fs::create_dir_all(file.parent().unwrap_or(folder))?;
            Ok(fs::write(file, text)?)
        };
        put("council.toml", &self.council())?;
        put("purposes.toml", PURPOSES)?;
        put(&format!("systems/{SYSTEM}/system.toml"), &source(&self.user))?;
        put(&format!("systems/{FILES}/system.toml"), FILE_SOURCE)?;
        put(&format!("systems/{FILES}/events/{EVENT_TYPE}.vrl"), RECORD_MAPPING)?;
        for number in 0..self.targets {
            let name = Self::target(number);
            put(&format!("systems/{name}/system.toml"), &self.system(number))?;
            put(&format!("systems/{name}/messages/move.schema.json"), MESSAGE)?;
        }
        for number in 0..self.routes {
            put(&format!("routes/route-{number:04}/route.toml"), &self.route(number))?;
            put(&format!("routes/route-{number:04}/mapping.vrl"), &self.mapping(number))?;
        }
        Ok(())
    }

    fn system(&self, number: usize) -> String {
        let connector = match &self.reach {
            Reach::Queue => "connector = \"queue\"".to_owned(),
            Reach::InProcess => format!("connector = \"{IN_PROCESS}\""),
            Reach::Http(urls) => {
                let url = urls.get(number).map_or("", String::as_str);
                format!("connector = \"http\"\n[target.settings]\nurl = \"{url}\"")
            }
        };
        format!("title = \"{}\"\n[target]\n{connector}\n", Self::target(number))
    }

    fn mapping(&self, number: usize) -> String {
        match self.mappings {
            Mappings::Shared => MAPPING.to_owned(),
            Mappings::Own => format!("# Route {number}\n{MAPPING}"),
        }
    }

    fn council(&self) -> String {
        let (prefix, journal, schemas) = (&self.prefix, self.journal, schemas());
        format!(
            "name = \"Zedshire, measured\"\ndata = \"var\"\n[broker]\nprefix = \"{prefix}\"\njournal = {journal}\n\
             [schemas]\nfolders = [{schemas:?}]\n"
        )
    }

    /// Routes that match stand at the beginning; each of the others asks for a postcode of its own.
    fn route(&self, number: usize) -> String {
        let own = format!("ZY{number} 1AA");
        let postcode = if number < self.matching { POSTCODE } else { &own };
        let target = Self::target(number % self.targets);
        format!(
            "from = \"{EVENT_TYPE}\"\nto = \"{target}\"\nmessage = \"move\"\npurpose = \"measuring\"\n\
             when = '.to_address.postcode == \"{postcode}\"'\n"
        )
    }
}

fn source(user: &str) -> String {
    format!("title = \"Customer services\"\nbroker_user = \"{user}\"\n[source]\nconnector = \"queue\"\n")
}

const PURPOSES: &str = r#"[purposes.measuring]
title = "Measuring with fictitious people"
lawful_basis = "no personal data: the people are invented"
classes = ["P"]
"#;

const FILE_SOURCE: &str = r#"title = "A register that exports CSV"
[source]
connector = "file"
[source.settings]
folder = "in"
[[source.settings.files]]
pattern = "*.csv"
format = { kind = "csv", columns = ["reference", "given", "family", "street", "town", "postcode", "moved", "notes"] }
[[source.map]]
rule = "somebody has moved"
event = "resident.moved.v1"
"#;
