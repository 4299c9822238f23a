//! What a route carries of a person, and what a check says of it in these words.

#![expect(clippy::unwrap_used, reason = "what goes wrong in a test fails it")]

use std::fs;

use postroom_connector::Connectors;
use postroom_council::{Council, How, Of, Problem, Reaches, Verdicts};

const EVENT: &str = r#"{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
    "description": "A visit.", "additionalProperties": false, "required": ["number", "name"],
    "properties": {
        "number": {"type": "integer", "description": "Which.", "x-class": "none"},
        "name": {"type": "string", "description": "Who.", "x-class": "P"},
        "health": {"type": "string", "description": "How.", "x-class": ["P", "S"]},
        "people": {"type": "array", "description": "With whom.", "items": {
            "type": "object", "additionalProperties": false, "properties": {
                "name": {"type": "string", "description": "Who.", "x-class": "P"},
                "need": {"type": "string", "description": "What.", "x-class": ["P", "S"]}}}}}}"#;
const MESSAGE: &str = r#"{"type": "object", "additionalProperties": false, "properties": {
    "number": {"type": "integer", "x-class": "none"}, "who": {"type": "string", "x-class": "P"},
    "note": {"type": "string", "x-class": ["P", "S"]}, "bare": {}, "free": {"x-class": "none"},
    "case": {"type": "string", "x-class": ["P", "B"]}, "people": {"x-class": "P"}}}"#;
const PURPOSES: &str = "[purposes.visits]\ntitle = \"Visits\"\nlawful_basis = \"public task\"\nclasses = [\"P\"]\n\
    [purposes.care]\ntitle = \"Care\"\nlawful_basis = \"public task\"\nclasses = [\"P\", \"S\"]\n";

/// A council with one route, whose text ends with `more`.
fn council(folder: &tempfile::TempDir, more: &str, mapping: &str) -> Council {
    let write = |path: &str, text: &str| {
        let file = folder.path().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    };
    write("council.toml", "name = \"Small\"\n");
    write("purposes.toml", PURPOSES);
    write("schemas/visit.made.v1/schema.json", EVENT);
    write("schemas/visit.made.v1/valid/plain.json", r#"{"number": 1, "name": "A"}"#);
    write("schemas/visit.made.v1/invalid/plain.json", "{}");
    write("lists/codes.csv", "code,meaning\nA,B\n");
    write(
        "systems/desk/system.toml",
        "title = \"Desk\"\nbroker_user = \"desk\"\n[source]\nconnector = \"queue\"\n[target]\nconnector = \"queue\"\n",
    );
    write("systems/desk/messages/visit.schema.json", MESSAGE);
    let route = format!("from = \"visit.made.v1\"\nto = \"desk\"\nmessage = \"visit\"\n{more}");
    write("routes/visit/route.toml", &route);
    write("routes/visit/mapping.vrl", mapping);
    let (council, problems) = Council::read(folder.path(), None, &Connectors::default()).unwrap();
    assert!(problems.is_empty(), "{problems:?}");
    council
}

/// What a check says of the route, a line a problem: place, code, words and hint.
fn said(more: &str, mapping: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let problems = council(&folder, more, mapping).prove(&Verdicts::default(), &|_, _| {}).problems;
    told(&problems, &folder)
}

fn told(problems: &[Problem], folder: &tempfile::TempDir) -> Vec<String> {
    let told = problems.iter().map(|one| {
        let file = one.file.strip_prefix(folder.path()).unwrap().display();
        let place = one.place.unwrap();
        let hint = one.hint.as_deref().unwrap_or_default();
        format!("{file}:{}:{} {}: {}; {hint}", place.line, place.column, one.code, one.words)
    });
    told.collect()
}

const VISITS: &str = "purpose = \"visits\"\n";
const CARE: &str = "purpose = \"care\"\n";
const SCHEMA_HINT: &str =
    "say its `x-class` in systems/desk/messages/visit.schema.json, or do not send the field";
const VISITS_HINT: &str = "do not send it, name another purpose, or have the data protection officer add `S` to the \
    `classes` of \"Visits\"";

#[test]
fn a_route_that_carries_what_its_purpose_allows_where_it_is_called_so_is_right() {
    let nothing: [&str; 0] = [];
    for (more, mapping) in [
        ("", "{ \"number\": .number }"),
        ("", "{ \"number\": .number, \"bare\": .number, \"free\": %id }"),
        (VISITS, "{ \"number\": .number, \"who\": upcase(.name) }"),
        (VISITS, "{ \"who\": %subject, \"people\": length(array(.people) ?? []) }"),
        (VISITS, "{ \"people\": map(array(.people) ?? []) -> |p| { { \"name\": p.name } } }"),
        (CARE, "{ \"note\": string(.health) ?? .name }"),
        // That somebody has no need is kept out by what is not sent.
        ("purpose = \"visits\"\nwhen = 'exists(.health)'\n", "{ \"who\": .name }"),
    ] {
        assert_eq!(said(more, mapping), nothing, "{more}{mapping}");
    }
}

#[test]
fn personal_data_needs_a_purpose_that_allows_its_class() {
    let check =
        |more: &str, mapping: &str, expected: &[&str]| assert_eq!(said(more, mapping), expected, "{mapping}");
    check(
        "",
        "{ \"who\": .name }",
        &[
            "routes/visit/route.toml:1:1 no-purpose: the route carries personal data and names no purpose: `.name`, `.who` of \
           the message class P; name the `purpose`: `care` or `visits` would allow it",
        ],
    );
    check(
        VISITS,
        "{ \"note\": string(.health) ?? \"\" }",
        &[&format!(
            "routes/visit/route.toml:4:1 purpose-class: purpose `visits` does not allow class S, which `.health`, `.note` of \
             the message is; {VISITS_HINT}"
        )],
    );
    check(
        VISITS,
        "{ \"note\": .name }",
        &[&format!(
            "routes/visit/route.toml:4:1 purpose-class: purpose `visits` does not allow class S, which `.note` of the message \
             is; {VISITS_HINT}"
        )],
    );
    // An `if` over a value tells it as well as the value itself.
    check(
        VISITS,
        "{ \"number\": { if .health == \"poor\" { 1 } else { 2 } } }",
        &[&format!(
            "routes/visit/route.toml:4:1 purpose-class: purpose `visits` does not allow class S, which `.health` is; \
             {VISITS_HINT}"
        )],
    );
    let lookup = "[[lookup]]\nname = \"code\"\nlist = \"codes\"\nfrom = \"name\"\n";
    let told = said(&format!("{CARE}{lookup}"), "{ \"case\": %lookup.code }");
    assert!(
        told[0].contains("purpose `care` does not allow class B, which `.case` of the message is"),
        "{told:?}"
    );
}

#[test]
fn a_personal_field_reaches_only_what_is_called_so() {
    let check = |mapping: &str, expected: &str| {
        assert_eq!(
            said(CARE, mapping),
            [format!("routes/visit/mapping.vrl:{expected}; {SCHEMA_HINT}")],
            "{mapping}"
        );
    };
    check(
        "{\n  \"free\": upcase(.name)\n}",
        "2:18 personal-field: class P of `.name` reaches `.free` of the message `visit`, which its schema does not call so",
    );
    check(
        "{ \"bare\": [.name, .health] }",
        "1:19 personal-field: classes P and S of `.health`, `.name` reaches `.bare[]` of the message `visit`, which its schema \
         does not call so",
    );
    check(
        "{ \"who\": string(.health) ?? \"\" }",
        "1:17 personal-field: classes P and S of `.health` reaches `.who` of the message `visit`, which its schema does not \
         call so",
    );
    check(
        "{ \"free\": length(array(.people) ?? []) }",
        "1:24 personal-field: class P of `.people` reaches `.free` of the message `visit`, which its schema does not call so",
    );
    check(
        "{ \"free\": %subject }",
        "1:11 personal-field: class P of `%subject` reaches `.free` of the message `visit`, which its schema does not call so",
    );
}

#[test]
fn the_answer_of_a_lookup_is_of_the_class_of_what_was_asked_with() {
    for (from, is_personal) in [("name", true), ("subject", true), ("number", false)] {
        let more = format!("{CARE}[[lookup]]\nname = \"code\"\nlist = \"codes\"\nfrom = \"{from}\"\n");
        let told = said(&more, "{ \"free\": %lookup.code }");
        assert_eq!(told.iter().any(|line| line.contains("personal-field")), is_personal, "{from}: {told:?}");
    }
}

#[test]
fn what_a_route_carries_is_told_by_field_and_by_what_it_reaches() {
    let folder = tempfile::tempdir().unwrap();
    let more = format!("{CARE}when = 'length(.name) > 3'\n");
    let council = council(&folder, &more, "{ \"note\": { if exists(.health) { .name } else { \"\" } } }");
    let told = council.carried(&council.routes[0]).into_iter().map(|it| {
        let classes = it.classes.into_iter().collect::<Vec<_>>().concat();
        (it.flow.from.to_string(), classes, it.flow.of, it.flow.how, it.reaches, it.flow.to.to_string())
    });
    let expected = [
        (".health", "PS", Of::Presence, How::Control, Reaches::Message, ".note"),
        (".name", "P", Of::Value, How::Data, Reaches::Message, ".note"),
        (".name", "P", Of::Presence, How::Control, Reaches::When, "."),
    ];
    let expected = expected.map(|(from, classes, of, how, reaches, to)| {
        (from.to_owned(), classes.to_owned(), of, how, reaches, to.to_owned())
    });
    assert_eq!(told.collect::<Vec<_>>(), expected);
}

#[test]
fn all_of_the_metadata_has_the_class_of_the_subject() {
    let said = said("", "{ \"bare\": get(%, [\"subject\"]) ?? null }").join("\n");
    assert!(said.contains("no-purpose") && said.contains("personal-field"), "{said}");
}

/// The version that follows, whose fields are called otherwise than those of the first: `who` is of class P, `free` is about
/// nobody, `note` is of P and S, and of `bare` nobody has said the class.
const NEWER: &str = r#"{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
    "description": "A visit.", "additionalProperties": false, "properties": {
        "number": {"type": "integer", "description": "Which.", "x-class": "none"},
        "who": {"type": "string", "description": "Who.", "x-class": "P"},
        "free": {"type": ["string", "integer"], "description": "What.", "x-class": "none"},
        "note": {"type": "string", "description": "How.", "x-class": ["P", "S"]},
        "bare": {"type": "string", "description": "What."}}}"#;

/// What a check says of a step from the first version to that.
fn said_of_step(upgrade: &str) -> Vec<String> {
    let folder = tempfile::tempdir().unwrap();
    let newer = folder.path().join("schemas/visit.made.v2");
    fs::create_dir_all(newer.join("valid")).unwrap();
    fs::write(newer.join("schema.json"), NEWER).unwrap();
    fs::write(newer.join("valid/plain.json"), "{}").unwrap();
    fs::write(newer.join("upgrade.vrl"), upgrade).unwrap();
    let council = council(&folder, "", "{ \"number\": .number }");
    told(&council.prove_versions(), &folder)
}

#[test]
fn a_step_between_versions_keeps_what_is_personal_where_it_is_called_so() {
    let nothing: [&str; 0] = [];
    for upgrade in [
        "{ \"number\": .number, \"who\": .name }",
        "{ \"note\": string(.health) ?? .name }",
        "{ \"free\": .number }",
        // What decides is told of no field: the older version told it too.
        "{ \"free\": { if exists(.health) { \"yes\" } else { \"no\" } } }",
    ] {
        assert_eq!(said_of_step(upgrade), nothing, "{upgrade}");
    }
    let hint = "say its `x-class` in the schema of that version, or leave the field out";
    let check = |upgrade: &str, expected: &str| {
        let expected = format!(
            "schemas/visit.made.v2/upgrade.vrl:{expected} of `visit.made.v2`, which its schema does not call so; {hint}"
        );
        assert_eq!(said_of_step(upgrade), [expected], "{upgrade}");
    };
    check("{ \"free\": .name }", "1:11 personal-field: class P of `.name` reaches `.free`");
    check("{\n  \"bare\": upcase(.name)\n}", "2:18 personal-field: class P of `.name` reaches `.bare`");
    check(
        "{ \"who\": string(.health) ?? \"\" }",
        "1:17 personal-field: classes P and S of `.health` reaches `.who`",
    );
}

const FILL: &str = "[[fill]]\nxref = \"need\"\nkey = \"number\"\nid = \"health\"\nsystem = \"desk\"\n";
const ASK: &str = "[[lookup]]\nname = \"need\"\nxref = \"need\"\nfrom = \"number\"\n";

#[test]
fn what_the_ledger_keeps_has_its_class_when_it_is_noted_and_when_it_is_asked_for() {
    let noted = said(&format!("{VISITS}{FILL}"), "{ \"number\": .number }");
    let words = "purpose-class: purpose `visits` does not allow class S, which `.health` is";
    assert!(matches!(&noted[..], [told] if told.contains(words)), "{noted:?}");

    // It is asked for with what is about nobody.
    let asked = said(&format!("{CARE}{FILL}{ASK}"), "{ \"free\": %lookup.need }");
    let words = "personal-field: classes P and S of `.number` reaches `.free` of the message `visit`";
    assert!(matches!(&asked[..], [told] if told.contains(words)), "{asked:?}");
    let nothing: [&str; 0] = [];
    assert_eq!(said(&format!("{CARE}{FILL}{ASK}"), "{ \"note\": %lookup.need }"), nothing);
    assert_eq!(said(ASK, "{ \"free\": %lookup.need }"), nothing, "nobody notes anything");
}
