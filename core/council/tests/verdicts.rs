//! What was proved once is not proved again, until something changes that it depends on.

#![expect(clippy::panic, clippy::unwrap_used, reason = "what goes wrong in a test fails it")]

use std::fs;
use std::path::Path;

use postroom_connector::Connectors;
use postroom_council::{Council, Verdicts};

const SCHEMA: &str = r#"{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
    "description": "A tree was reported.", "additionalProperties": false, "required": ["id"],
    "properties": {"id": {"type": "string", "description": "An id.", "x-class": "none"}}}"#;
const MESSAGE: &str = r#"{"type": "object", "additionalProperties": false, "properties": {"id": {"type": "string", "pattern": "a"}}}"#;

/// The text of a council with two routes, one of them with a `when`.
struct Written(tempfile::TempDir);

impl Written {
    fn new() -> Self {
        let written = Self(tempfile::tempdir().unwrap());
        written.write("council.toml", "name = \"Small\"\n");
        written.write("schemas/tree.reported.v1/schema.json", SCHEMA);
        written.write("schemas/tree.reported.v1/valid/plain.json", r#"{"id": "a"}"#);
        written.write("schemas/tree.reported.v1/invalid/plain.json", "{}");
        for target in ["crew", "map"] {
            written.write(
                &format!("systems/{target}/system.toml"),
                "title = \"A\"\n[target]\nconnector = \"queue\"\n",
            );
            written.write(&format!("systems/{target}/messages/tree.schema.json"), MESSAGE);
            let route = format!(
                "from = \"tree.reported.v1\"\nto = \"{target}\"\nmessage = \"tree\"\nwhen = '.id != \"\"'\n"
            );
            written.write(&format!("routes/to-{target}/route.toml"), &route);
            written.write(
                &format!("routes/to-{target}/mapping.vrl"),
                &format!("# {target}\n{{ \"id\": .id }}\n"),
            );
        }
        written
    }

    fn write(&self, path: &str, text: &str) {
        let file = self.0.path().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    fn kept(&self) -> std::path::PathBuf {
        self.0.path().join("var/verdicts/parts.json")
    }

    /// The routes whose verdicts are those that `mark` has marked, so that they were not proved again.
    fn known(&self, version: &str) -> Vec<String> {
        let council =
            Council::load(self.0.path(), None, &Connectors::default()).unwrap_or_else(|it| panic!("{it:?}"));
        let verdicts = Verdicts::read(&council.data, version);
        let proof = council.prove(&verdicts, &|_, _| {});
        assert_eq!(proof.problems, []);
        verdicts.write(&council.data).unwrap();
        let marked = proof.unproved.iter().filter(|it| it.rules.iter().any(|left| left.rule == "marked"));
        let name = |file: &Path| file.parent().unwrap().file_name().unwrap().to_string_lossy().into_owned();
        marked.map(|it| name(&it.mapping)).collect()
    }

    fn mark(&self) {
        let kept = fs::read_to_string(self.kept()).unwrap();
        assert!(kept.contains("\"pattern\""), "{kept}");
        fs::write(self.kept(), kept.replace("\"pattern\"", "\"marked\"")).unwrap();
    }
}

/// A council of which all was proved, and is known as marked.
fn proved() -> Written {
    let written = Written::new();
    assert_eq!(written.known("1"), [""; 0]);
    written.mark();
    assert_eq!(written.known("1"), ["to-crew", "to-map"]);
    written
}

#[test]
fn after_a_change_only_what_depends_on_it_is_proved_again() {
    let written = proved();
    written.write("routes/to-map/mapping.vrl", "# changed\n{ \"id\": .id }\n");
    assert_eq!(written.known("1"), ["to-crew"]);
    written.write(
        "systems/crew/messages/tree.schema.json",
        &MESSAGE.replace("\"pattern\": \"a\"", "\"pattern\": \"b\""),
    );
    assert_eq!(written.known("1"), [""; 0]);
}

#[test]
fn a_changed_event_type_and_another_version_of_the_program_prove_everything_again() {
    let written = proved();
    written.write("schemas/tree.reported.v1/schema.json", &SCHEMA.replace("An id.", "The id."));
    assert_eq!(written.known("1"), [""; 0]);
    let written = proved();
    assert_eq!(written.known("2"), [""; 0]);
}

#[test]
fn verdicts_that_cannot_be_read_are_none() {
    let written = proved();
    fs::write(written.kept(), "{").unwrap();
    assert_eq!(written.known("1"), [""; 0]);
}

#[test]
fn what_is_wrong_is_told_again_each_time() {
    let written = proved();
    written.write("routes/to-map/mapping.vrl", "{ \"id\": 1 }\n");
    for _ in 0..2 {
        let council = Council::load(written.0.path(), None, &Connectors::default())
            .unwrap_or_else(|it| panic!("{it:?}"));
        let verdicts = Verdicts::read(&council.data, "1");
        let codes: Vec<String> =
            council.prove(&verdicts, &|_, _| {}).problems.into_iter().map(|problem| problem.code).collect();
        verdicts.write(&council.data).unwrap();
        assert_eq!(codes, ["wrong-type"]);
    }
}
