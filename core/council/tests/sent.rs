//! What a route keeps of what it sends, and what another makes of it, as the council's text declares them.

#![expect(clippy::unwrap_used, reason = "what goes wrong in a test fails it")]

use std::fs;

use postroom_connector::{Connectors, Settings, SettingsError, Sink, SinkKind};
use postroom_council::{Council, Problem, Verdicts};

/// A target that gives a receipt for each message.
struct Post;

impl SinkKind for Post {
    fn name(&self) -> &'static str {
        "post"
    }

    fn check(&self, _settings: &Settings) -> Result<(), SettingsError> {
        Ok(())
    }

    fn build(&self, _settings: &Settings) -> Result<Box<dyn Sink>, SettingsError> {
        Err(SettingsError::new("", "nothing is sent here"))
    }
}

const WRITTEN: &str = r#"{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
    "description": "Somebody is written to.", "additionalProperties": false, "required": ["name"],
    "properties": {"name": {"type": "string", "description": "Whom.", "x-class": "P"}}}"#;
const FAILED: &str = r#"{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
    "description": "It did not arrive.", "additionalProperties": false, "required": ["reference"],
    "properties": {"reference": {"type": "string", "description": "What.", "x-class": "none"}}}"#;
const NOTE: &str = r#"{"type": "object", "additionalProperties": false, "required": ["to"], "properties": {
    "to": {"type": "string", "x-class": "P"}, "number": {"type": "integer", "x-class": "none"},
    "bare": {"type": ["string", "null"], "x-class": "none"}}}"#;
const SENDS: &str =
    "from = \"letter.written.v1\"\nto = \"post\"\nmessage = \"note\"\npurpose = \"writing\"\n";
const KEEP: &str = "keep_sent = \"7d\"\n";
const AGAIN: &str = "from = \"letter.failed.v1\"\nto = \"post\"\nmessage = \"note\"\npurpose = \"writing\"\n";
const LOOKUP: &str = "[[lookup]]\nname = \"sent\"\nsent = \"note\"\nfrom = \"reference\"\n";

/// What is wrong with a council whose one route sends and keeps, and whose other sends again: code, file, line, words.
fn wrong(sends: &str, again: &str, mapping: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let file = folder.path().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    };
    write("council.toml", "name = \"Small\"\n");
    let purpose =
        "[purposes.writing]\ntitle = \"Writing\"\nlawful_basis = \"public task\"\nclasses = [\"P\"]\n";
    write("purposes.toml", purpose);
    for (name, schema, plain) in
        [("written", WRITTEN, r#"{"name": "A"}"#), ("failed", FAILED, r#"{"reference": "A"}"#)]
    {
        write(&format!("schemas/letter.{name}.v1/schema.json"), schema);
        write(&format!("schemas/letter.{name}.v1/valid/plain.json"), plain);
        write(&format!("schemas/letter.{name}.v1/invalid/plain.json"), "{}");
    }
    write(
        "systems/desk/system.toml",
        "title = \"Desk\"\nbroker_user = \"desk\"\n[source]\nconnector = \"queue\"\n[target]\nconnector = \"queue\"\n",
    );
    write("systems/post/system.toml", "title = \"Post\"\n[target]\nconnector = \"post\"\n");
    for system in ["desk", "post"] {
        write(&format!("systems/{system}/messages/note.schema.json"), NOTE);
    }
    write("routes/sends/route.toml", sends);
    write("routes/sends/mapping.vrl", "{ \"to\": .name, \"number\": 1 }");
    write("routes/again/route.toml", again);
    write("routes/again/mapping.vrl", mapping);
    let (council, mut problems) =
        Council::read(folder.path(), None, &Connectors::default().with_sink(Post)).unwrap();
    problems.extend(council.prove(&Verdicts::default(), &|_, _| {}).problems);
    let told = |one: Problem| {
        let file = one.file.strip_prefix(folder.path()).unwrap().display().to_string();
        format!("{} {file}:{} {}", one.code, one.place.unwrap().line, one.words)
    };
    problems.into_iter().map(told).collect()
}

#[test]
fn what_was_sent_has_the_types_and_the_classes_of_its_message() {
    let check = |lookup: &str, mapping: &str, expected: &[&str]| {
        let found = wrong(&format!("{SENDS}{KEEP}"), &format!("{AGAIN}{lookup}"), mapping);
        let told = |expected: &&&str| found.iter().any(|found| found.contains(**expected));
        assert!(expected.iter().filter(told).count() == expected.len(), "{mapping}: {found:?}");
        assert_eq!(found.is_empty(), expected.is_empty(), "{mapping}: {found:?}");
    };
    check(LOOKUP, "{ \"to\": %lookup.sent.to }", &[]);
    check(LOOKUP, "%lookup.sent", &[]);
    check(LOOKUP, "{ \"to\": %lookup.sent.number }", &["wrong-type routes/again/mapping.vrl:1"]);
    check(LOOKUP, "{ \"to\": upcase(%lookup.sent.too) }", &["routes/again/mapping.vrl:1"]);
    let leak = "personal-field routes/again/mapping.vrl:1 class P of `%lookup.sent.to` reaches `.bare`";
    check(LOOKUP, "{ \"to\": \"x\", \"bare\": %lookup.sent.to }", &[leak]);
    let or_null = format!("{LOOKUP}unknown = \"null\"\n");
    check(&or_null, "{ \"to\": string(%lookup.sent.to) ?? \"\" }", &[]);
    check(&or_null, "{ \"to\": %lookup.sent.to }", &["may-be-null routes/again/mapping.vrl:1"]);
    let purpose = format!("{AGAIN}{LOOKUP}").replace("purpose = \"writing\"\n", "");
    let found = wrong(&format!("{SENDS}{KEEP}"), &purpose, "{ \"to\": %lookup.sent.to }");
    assert!(matches!(&found[..], [found] if found.starts_with("no-purpose")), "{found:?}");
}

#[test]
fn what_is_wrong_with_what_is_kept_or_asked_for_is_told_at_its_place() {
    let check = |sends: &str, lookup: &str, expected: &str| {
        let found = wrong(sends, &format!("{AGAIN}{lookup}"), "{ \"to\": string(%lookup.sent.to) ?? \"\" }");
        assert!(found.iter().any(|found| found.starts_with(expected)), "{expected}: {found:?}");
    };
    let keeps = format!("{SENDS}{KEEP}");
    check(SENDS, LOOKUP, "sent routes/again/route.toml:7 no route keeps what it sends to `post` as `note`");
    let of_desk = format!("{LOOKUP}system = \"desk\"\n");
    check(&keeps, &of_desk, "sent routes/again/route.toml:7 no route keeps what it sends to `desk`");
    let misspelt = LOOKUP.replace("\"note\"", "\"not\"");
    check(&keeps, &misspelt, "unknown-message routes/again/route.toml:7 `post` accepts no message `not`");
    let folded = format!("{LOOKUP}ignore_case = true\n");
    check(&keeps, &folded, "lookup routes/again/route.toml:7 `column` and `ignore_case` go with `list`");
    let to_queue = keeps.replace("to = \"post\"", "to = \"desk\"");
    check(&to_queue, LOOKUP, "sent routes/sends/route.toml:5 what is sent is kept where each message");
    let for_a_while = format!("{SENDS}keep_sent = \"a while\"\n");
    check(&for_a_while, LOOKUP, "sent routes/sends/route.toml:5 `keep_sent` is a duration");
    let for_ever = format!("{SENDS}keep_sent = \"4000d\"\n");
    check(&for_ever, LOOKUP, "sent routes/sends/route.toml:5 nothing is kept longer than its dispatch");
}
