//! Settings of a connector that name files of the council for their texts.

#![expect(clippy::unwrap_used, reason = "what goes wrong in a test fails it")]

use std::fs;

use postroom_connector::{Connectors, Settings, SettingsError, Sink, SinkKind};
use postroom_council::{Council, Problem};

/// A kind of sink that takes a text, and is never made.
struct Says;

impl SinkKind for Says {
    fn name(&self) -> &'static str {
        "says"
    }

    fn check(&self, settings: &Settings) -> Result<(), SettingsError> {
        let text = settings.table.get("text").and_then(toml::Value::as_str);
        text.map(drop).ok_or_else(|| SettingsError::new("text", "a text"))
    }

    fn build(&self, _settings: &Settings) -> Result<Box<dyn Sink>, SettingsError> {
        Err(SettingsError::new("text", "never made"))
    }
}

/// A council with one target, whose text stands in `file`.
fn read(file: &str) -> Result<Council, Vec<Problem>> {
    let folder = tempfile::tempdir().unwrap();
    let system = folder.path().join("systems/till");
    fs::create_dir_all(&system).unwrap();
    fs::write(folder.path().join("council.toml"), "name = \"Small\"\n").unwrap();
    fs::write(system.join("move.xml"), "<m/>\n").unwrap();
    let target =
        format!("[target]\nconnector = \"says\"\n[target.settings]\ntext = {{ from_file = \"{file}\" }}\n");
    fs::write(system.join("system.toml"), format!("title = \"Till\"\n{target}")).unwrap();
    Council::load(folder.path(), None, &Connectors::default().with_sink(Says))
}

#[test]
fn a_connector_gets_the_text_of_the_file_that_its_settings_name() {
    let council = read("move.xml").unwrap();
    let settings = &council.systems["till"].target.as_ref().unwrap().settings;
    assert_eq!(settings.table["text"].as_str(), Some("<m/>\n"));
}

#[test]
fn a_file_that_is_not_there_is_a_problem_at_its_key() {
    let problems = read("absent.xml").err().unwrap();
    let told: Vec<_> =
        problems.iter().map(|one| (one.code.as_str(), one.place.map(|place| place.line))).collect();
    assert_eq!(told, [("unreadable", Some(5))]);
}
