//! `postroom new`: what it writes passes `check` at once, or `check` tells only what the analyst must decide.

use std::fs;
use std::path::Path;

use postroom_tests::council::{PARCEL, TestCouncil, names_in};

use crate::{postroom, said};

/// Each kind with the sides that it has.
const SOURCES: [&str; 5] = ["file", "http", "open311", "sql", "queue"];
const SINKS: [&str; 8] = ["file", "http", "mail", "notify", "open311", "pull", "sql", "queue"];

fn assert_right(council: &TestCouncil) {
    let told = said(&council.folder(), &["check"]);
    assert!(told.contains("no problems"), "{told}");
}

/// Every file below a folder with its text.
fn texts(folder: &Path) -> Vec<(String, String)> {
    let mut all: Vec<_> = names_in(folder)
        .into_iter()
        .map(|name| (name.clone(), fs::read_to_string(folder.join(name)).expect("a text")))
        .collect();
    for path in fs::read_dir(folder).expect("a folder").filter_map(Result::ok).map(|entry| entry.path()) {
        if path.is_dir() {
            all.extend(texts(&path));
        }
    }
    all
}

#[test]
fn a_new_system_of_every_kind_and_a_route_to_it_are_right_at_once() {
    let council = TestCouncil::small();
    let folder = council.folder();
    for kind in SOURCES {
        let name = format!("from-{kind}");
        let told =
            said(&folder, &["new", "system", &name, "--connector", kind, "--source", "--event", PARCEL]);
        assert!(told.contains("system.toml") && told.contains("next: "), "{told}");
    }
    for kind in SINKS {
        let name = format!("to-{kind}");
        said(&folder, &["new", "system", &name, "--connector", kind, "--target", "--message", "parcel"]);
        said(&folder, &["new", "route", PARCEL, &name]);
    }
    said(&folder, &["new", "system", "both", "--connector", "queue", "--source", "--target"]);
    for file in ["systems/from-file/system.toml", "routes/parcel-moved-to-to-mail/route.toml"] {
        let text = fs::read_to_string(folder.join(file)).expect("a file");
        assert!(text.contains("when = \"false\""), "{file} lets literals flow: {text}");
    }
    assert_right(&council);
}

#[test]
fn a_new_event_type_is_right_at_once_and_a_new_version_begins_as_the_one_before() {
    let council = TestCouncil::small();
    let folder = council.folder();
    said(&folder, &["new", "event", "parking.permit.issued.v1"]);
    let told = said(&folder, &["new", "event", "parcel.moved.v2"]);
    assert!(told.contains("parcel.moved.v1"), "{told}");
    said(&folder, &["new", "route", "parking.permit.issued.v1", "book"]);
    said(&folder, &["new", "route", "parcel.moved.v2", "dock"]);
    assert_right(&council);
    let examples = |version: &str| names_in(&folder.join(format!("schemas/parcel.moved.{version}/invalid")));
    assert_eq!(examples("v2"), examples("v1"));
}

#[test]
fn new_routes_between_real_types_and_messages_are_right_at_once() {
    let council = TestCouncil::example();
    let folder = council.folder();
    for (from, to, message) in [
        ("resident.moved.v1", "finance", None),
        ("payment.received.v1", "waste", Some("street")),
        ("tenancy.started.v1", "counciltax", Some("move")),
        ("property.created.v1", "landcharges", None),
        ("street.created.v1", "officers", None),
    ] {
        let arguments =
            [&["new", "route", from, to][..], &message.map_or(vec![], |name| vec!["--message", name])]
                .concat();
        said(&folder, &arguments);
    }
    assert_right(&council);
}

#[test]
fn nothing_that_exists_is_written_over_and_what_is_not_known_is_told_with_what_is() {
    let council = TestCouncil::small();
    let folder = council.folder();
    let before = texts(&folder);
    for (arguments, words) in [
        (vec!["new", "system", "book", "--connector", "file", "--target"], "already"),
        (vec!["new", "system", "Book", "--connector", "file", "--target"], "is not a name"),
        (vec!["new", "system", "fax", "--connector", "fax", "--target"], "there is queue, file"),
        (
            vec!["new", "system", "mailbox", "--connector", "mail", "--source", "--event", PARCEL],
            "no connector of a source",
        ),
        (vec!["new", "system", "rows", "--connector", "sql", "--source"], "--event"),
        (
            vec!["new", "system", "rows", "--connector", "sql", "--source", "--event", "a.b.v1"],
            "postroom new event a.b.v1",
        ),
        (vec!["new", "route", PARCEL, "boook"], "there is book, dock"),
        (vec!["new", "route", "parcel.lost.v1", "book"], PARCEL),
        (vec!["new", "route", PARCEL, "book", "--message", "letter"], "there is parcel"),
        (vec!["new", "route", PARCEL, "book", "--purpose", "fun"], "there is none"),
        (vec!["new", "route", PARCEL, "book", "--name", "parcel-to-book"], "exists: nothing was written"),
        (vec!["new", "event", PARCEL], "already"),
        (vec!["new", "event", "Parcel"], "is not the name"),
    ] {
        let output = postroom(&folder, &arguments);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(1) && told.contains(words), "{arguments:?}: {told}");
    }
    assert_eq!(texts(&folder), before);
}
