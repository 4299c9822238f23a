//! Code lists and the lookups that ask them, as the council's text declares them.

#![expect(clippy::unwrap_used, reason = "what goes wrong in a test fails it")]

use std::fs;
use std::path::Path;
use std::process::Command;

use postroom_connector::Connectors;
use postroom_council::{Asks, Case, Council, FillId, Key, Listed, Problem, Verdicts};

const SCHEMA: &str = r#"{"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "object",
    "description": "A collection was missed.", "additionalProperties": false, "required": ["reason", "crew"],
    "properties": {
        "reason": {"type": "string", "description": "A code.", "x-class": "none"},
        "crew": {"type": ["integer", "null"], "description": "A number.", "x-class": "none"},
        "bins": {"type": "array", "items": {"type": "string", "description": "A bin.", "x-class": "none"},
            "description": "Bins.", "x-class": "none"}}}"#;
const MESSAGE: &str = r#"{"type": "object", "additionalProperties": false,
    "properties": {"why": {"type": "string"}, "crew": {"type": ["string", "null"]}}}"#;
const REASONS: &str = "code,meaning,synonyms\nNP,not-presented,Non-Presentation|not out\nTH,too-heavy,\n";
const CREWS: &str = "number,name\n1,Anne\n2,Bea\n";
const LOOKUPS: &str = "[[lookup]]\nname = \"reason\"\nlist = \"reasons\"\nfrom = \"reason\"\n\
    [[lookup]]\nname = \"crew\"\nlist = \"crews\"\nfrom = \"crew\"\ncolumn = \"name\"\n";
const MAPPING: &str = "{ \"why\": upcase(%lookup.reason), \"crew\": %lookup.crew }\n";

/// The text of a council with one route that looks up a reason and a crew.
struct Written {
    folder: tempfile::TempDir,
}

impl Written {
    fn new() -> Self {
        let written = Self { folder: tempfile::tempdir().unwrap() };
        written.write("council.toml", "name = \"Small\"\n");
        written.write("schemas/collection.missed.v1/schema.json", SCHEMA);
        written.write("schemas/collection.missed.v1/valid/plain.json", r#"{"reason": "NP", "crew": 1}"#);
        written.write("schemas/collection.missed.v1/invalid/plain.json", "{}");
        let rounds = "title = \"Rounds\"\nbroker_user = \"rounds\"\n[source]\nconnector = \"queue\"\n[target]\nconnector = \"queue\"\n";
        written.write("systems/rounds/system.toml", rounds);
        written.write("systems/rounds/messages/missed.schema.json", MESSAGE);
        written.route("missed", LOOKUPS, MAPPING);
        written.write("lists/reasons.csv", REASONS);
        written.write("lists/crews.csv", CREWS);
        written
    }

    fn write(&self, path: &str, text: impl AsRef<[u8]>) {
        let file = self.folder.path().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }

    fn route(&self, name: &str, lookups: &str, mapping: &str) {
        let route = "from = \"collection.missed.v1\"\nto = \"rounds\"\nmessage = \"missed\"\n";
        self.write(&format!("routes/{name}/route.toml"), format!("{route}{lookups}"));
        self.write(&format!("routes/{name}/mapping.vrl"), mapping);
    }

    fn council(&self) -> Council {
        let told = |problems: Vec<Problem>| {
            problems.iter().map(|one| one.render(self.folder.path())).collect::<Vec<_>>()
        };
        Council::load(self.folder.path(), None, &Connectors::default()).map_err(told).unwrap()
    }

    /// Every problem that is found in reading and in compiling, as code, file, line and words.
    fn problems(&self) -> Vec<(String, String, usize, String)> {
        let read = Council::read(self.folder.path(), None, &Connectors::default());
        let (council, mut problems) = read.unwrap();
        problems.extend(council.prove(&Verdicts::default(), &|_, _| {}).problems);
        let file = |file: &Path| file.strip_prefix(self.folder.path()).unwrap().display().to_string();
        let told =
            |one: Problem| (one.code, file(&one.file), one.place.map_or(0, |place| place.line), one.words);
        problems.into_iter().map(told).collect()
    }
}

const ROUTE: &str = "routes/missed/route.toml";

#[test]
fn a_route_knows_its_lookups_and_what_its_lists_say() {
    let written = Written::new();
    let council = written.council();
    let [reason, crew] = council.routes[0].lookups.as_slice() else { panic!("two lookups") };
    let (Asks::List(reasons), Asks::List(crews)) = (&reason.asks, &crew.asks) else { panic!("two lists") };
    assert_eq!(reason.from, Key::Field(vec!["reason".into()]));
    assert_eq!((reasons.column_name(), reasons.case), ("meaning", Case::Told));
    assert_eq!(reasons.says("not out"), Listed::As("not-presented"));
    assert_eq!(crews.says("2"), Listed::As("Bea"));
    assert_eq!(council.prove(&Verdicts::default(), &|_, _| {}).problems, []);
}

#[test]
fn what_is_wrong_with_a_lookup_is_told_at_its_place() {
    let check = |from: &str, to: &str, (code, line): (&str, usize), words: &str| {
        let written = Written::new();
        written.route("missed", &LOOKUPS.replace(from, to), MAPPING);
        let found = written.problems();
        assert_eq!(found.len(), 1, "{to}: {found:?}");
        let (found_code, file, found_line, found_words) = &found[0];
        assert_eq!(
            (found_code.as_str(), file.as_str(), *found_line),
            (code, ROUTE, line),
            "{to}: {found_words}"
        );
        assert!(found_words.contains(words), "{to}: {found_words}");
    };
    check("list = \"reasons\"", "list = \"reason\"", ("unknown-list", 6), "`reason`");
    check("from = \"reason\"", "from = \"reson\"", ("unknown-field", 7), "`reson`");
    check("from = \"reason\"", "from = \"reason.code\"", ("unknown-field", 7), "`code`");
    check("from = \"reason\"", "from = \"bins\"", ("lookup", 7), "neither text nor a whole number");
    check("from = \"reason\"", "from = \"a..b\"", ("lookup", 7), "dotted path");
    check("column = \"name\"", "column = \"nam\"", ("unknown-column", 12), "`crews` has no column `nam`");
    check("column = \"name\"", "colum = \"name\"", ("toml", 12), "colum");
}

#[test]
fn two_lookups_of_one_name_one_of_no_name_and_one_that_is_not_declared_are_told() {
    let check = |name: &str, code: &str| {
        let written = Written::new();
        written.route("missed", &LOOKUPS.replace("name = \"crew\"", &format!("name = \"{name}\"")), MAPPING);
        let found = written.problems();
        let found: Vec<_> =
            found.iter().map(|(code, file, line, _)| (code.as_str(), file.as_str(), *line)).collect();
        assert_eq!(found, [(code, ROUTE, 9), ("unknown-lookup", "routes/missed/mapping.vrl", 1)], "{name}");
    };
    check("reason", "lookup");
    check("Crew", "name");
    check("a-crew", "name");
}

#[test]
fn an_answer_that_may_be_null_is_proved_against_unless_it_is_required() {
    let written = Written::new();
    let mapping = "{ \"why\": upcase(%lookup.crew) }\n";
    written.route("missed", LOOKUPS, mapping);
    assert_eq!(written.problems().len(), 1);
    written.route("missed", &format!("{LOOKUPS}required = true\n"), mapping);
    assert_eq!(written.problems(), []);
}

#[test]
fn a_pipe_or_device_in_the_place_of_a_file_is_told_and_not_waited_for() {
    let written = Written::new();
    let at = |file: &str| written.folder.path().join(file);
    for file in ["lists/crews.csv", "routes/missed/mapping.vrl"] {
        fs::remove_file(at(file)).unwrap();
    }
    assert!(Command::new("mkfifo").arg(at("lists/crews.csv")).status().unwrap().success());
    std::os::unix::fs::symlink("/dev/zero", at("routes/missed/mapping.vrl")).unwrap();
    let found = written.problems();
    for file in ["lists/crews.csv", "routes/missed/mapping.vrl"] {
        let told = |(code, at, _, words): &(String, String, usize, String)| {
            code == "unreadable" && at == file && words == "reading it: it is no regular file"
        };
        assert!(found.iter().any(told), "{file}: {found:?}");
    }
}

#[test]
fn a_list_that_is_wrong_is_told_once_however_many_ask_it() {
    let written = Written::new();
    written.route("again", LOOKUPS, MAPPING);
    for (text, line) in [("code,meaning\nNP,x\nNP,y\n".as_bytes(), 3), (b"code,meaning\nNP,caf\xe9\n", 2)] {
        written.write("lists/reasons.csv", text);
        let found: Vec<_> =
            written.problems().into_iter().map(|(code, file, line, _)| (code, file, line)).collect();
        assert_eq!(found, [("list".to_owned(), "lists/reasons.csv".to_owned(), line)]);
    }
}

#[test]
fn codes_that_differ_in_capitals_alone_are_told_where_a_lookup_ignores_them() {
    let written = Written::new();
    written.write("lists/reasons.csv", "code,meaning\nnp,x\nNP,y\n");
    assert_eq!(written.problems(), []);
    let ignoring = LOOKUPS.replace("from = \"reason\"", "from = \"reason\"\nignore_case = true");
    for route in ["missed", "again"] {
        written.route(route, &ignoring, MAPPING);
    }
    let words = "`NP` stands in line 2 already".to_owned();
    assert_eq!(written.problems(), [("list".to_owned(), "lists/reasons.csv".to_owned(), 3, words)]);
}

#[test]
fn routes_make_the_same_of_an_event_only_where_their_lookups_are_the_same() {
    let written = Written::new();
    written.route("alike", LOOKUPS, MAPPING);
    let other = LOOKUPS.replace("from = \"reason\"", "from = \"reason\"\nignore_case = true");
    written.route("other", &other, MAPPING);
    let council = written.council();
    let route = |name: &str| council.routes.iter().find(|route| *route.name == *name).unwrap();
    assert!(route("missed").makes_the_same(route("alike")));
    assert!(!route("missed").makes_the_same(route("other")));
}

#[test]
fn the_verdict_of_a_check_depends_on_what_the_lists_say() {
    let written = Written::new();
    let print = || written.council().contents().unwrap().fingerprint("1");
    let before = print();
    assert_eq!(print(), before);
    written.write("lists/reasons.csv", REASONS.replace("too-heavy", "too-light"));
    assert_ne!(print(), before);
}

const XREF: &str = "[[lookup]]\nname = \"round\"\nxref = \"collection-round\"\nfrom = \"subject\"\n";
const TOLD: &str =
    "[[fill]]\nxref = \"collection-round\"\nkey = \"subject\"\nid = \"crew\"\nsystem = \"rounds\"\n";

#[test]
fn a_route_looks_up_the_ids_of_its_target_and_notes_those_that_its_events_tell() {
    let written = Written::new();
    written.route("missed", &format!("{XREF}{TOLD}"), "{ \"why\": upcase(%lookup.round) }\n");
    let council = written.council();
    let route = &council.routes[0];
    let asks = Asks::Xref { kind: "collection-round".into(), system: "rounds".into() };
    assert_eq!((&route.lookups[0].asks, &route.lookups[0].from), (&asks, &Key::Subject));
    let id = FillId::Event { id: Key::Field(vec!["crew".into()]), system: "rounds".into() };
    assert_eq!((&route.fills[0].key, &route.fills[0].id), (&Key::Subject, &id));
    assert_eq!(council.prove(&Verdicts::default(), &|_, _| {}).problems, []);
}

#[test]
fn what_is_wrong_with_a_cross_reference_is_told_at_its_place() {
    let check = |from: &str, to: &str, (code, line): (&str, usize), words: &str| {
        let written = Written::new();
        let text = format!("{XREF}{TOLD}");
        assert!(text.contains(from), "{from}");
        written.route("missed", &text.replacen(from, to, 1), "{ \"why\": upcase(%lookup.round) }\n");
        let found = written.problems();
        assert_eq!(found.len(), 1, "{to}: {found:?}");
        let (found_code, file, found_line, found_words) = &found[0];
        assert_eq!(
            (found_code.as_str(), file.as_str(), *found_line),
            (code, ROUTE, line),
            "{to}: {found_words}"
        );
        assert!(found_words.contains(words), "{to}: {found_words}");
    };
    let (kind, from) = ("xref = \"collection-round\"\nfrom", "from = \"subject\"\n");
    check(kind, "list = \"reasons\"\nxref = \"x\"\nfrom", ("lookup", 5), "either a `list` or an `xref`");
    check(kind, "from", ("lookup", 5), "either a `list` or an `xref`");
    check(kind, "xref = \"A round\"\nfrom", ("name", 6), "`A round`");
    check(from, "from = \"subject\"\nsystem = \"round\"\n", ("unknown-system", 8), "`round`");
    check(from, "from = \"subject\"\nignore_case = true\n", ("lookup", 6), "go with `list`");
    check("id = \"crew\"", "id = \"crw\"", ("unknown-field", 11), "`crw`");
    check("system = \"rounds\"", "system = \"round\"", ("unknown-system", 12), "`round`");
    check("system = \"rounds\"", "", ("fill", 9), "either");
    check("id = \"crew\"\nsystem = \"rounds\"", "from = \"receipt\"", ("fill", 11), "gives no reference");
    check("id = \"crew\"\nsystem = \"rounds\"", "from = \"answer\"", ("fill", 11), "`from` is");
}
