//! What `postroom check` says: nothing about a council that is right; about one that is not, every problem with its code,
//! its file and its line.

use postroom_tests::council::{TestCouncil, house};
use postroom_tests::hub::TestHub;

/// What is wrong with the small council, and what `check` must say: the code, the file and the line (0: none).
struct Broken {
    what: &'static str,
    breaks: fn(&TestCouncil),
    says: (&'static str, &'static str, usize),
}

const YARD: &str = "systems/yard/system.toml";
const BOOK: &str = "systems/book/system.toml";
const ROUTE: &str = "routes/parcel-to-book/route.toml";
const LOOKING: &str = "routes/looking-to-dock/route.toml";
const MAPPING: &str = "routes/parcel-to-book/mapping.vrl";
const WINDOW: &str = "systems/window/system.toml";
const PULLS_BATCHES: &str = "title = \"Window\"\n[target]\nconnector = \"pull\"\n\
     [target.settings]\nbearer = { env = \"A\" }\n[target.batch]\nevery = \"1s\"\n";

/// A route to the dock that looks places up in the list `places`, and its mapping, which reads `used`.
fn looking(used: &str) -> (String, String) {
    let route = "from = \"parcel.moved.v1\"\nto = \"dock\"\nmessage = \"parcel\"\n[[lookup]]\nname = \"place\"\n\
         list = \"places\"\nfrom = \"place\"\n";
    (
        route.to_owned(),
        format!("{{\n  \"number\": .number,\n  \"place\": {used},\n  \"parcel\": %subject\n}}\n"),
    )
}

const MAILED: &str = "routes/parcel-to-desk/route.toml";

/// A route to a desk that gets a mail with the owner of a parcel, for the purpose `purpose`; what `owner` is in the message.
fn mailing(council: &TestCouncil, purpose: &str, owner: &str) {
    council.write(
        "purposes.toml",
        "[purposes.desk]\ntitle = \"Moving parcels\"\nlawful_basis = \"public task\"\nclasses = [\"P\"]\n\
         [purposes.mail]\ntitle = \"Telling of parcels\"\nlawful_basis = \"public task\"\nclasses = [\"P\"]\nmay_mail = [\"P\"]\n",
    );
    council.write(
        "systems/desk/system.toml",
        "title = \"Desk\"\n[target]\nconnector = \"mail\"\n[target.settings]\n\
         server = { host = \"127.0.0.1\", port = 1, tls = \"off\" }\nfrom = \"hub@zedshire.example\"\n\
         to = [\"desk@zedshire.example\"]\nfields = [\"number\", \"owner\"]\n",
    );
    let schema = format!(
        "{{\"type\": \"object\", \"additionalProperties\": false, \"required\": [\"number\"], \"properties\": {{\
         \"number\": {{\"type\": \"integer\", \"x-class\": \"none\"}}, \"owner\": {{\"type\": \"string\"{owner}}}}}}}"
    );
    council.write("systems/desk/messages/parcel.schema.json", &schema);
    let route = format!("from = \"parcel.moved.v1\"\nto = \"desk\"\nmessage = \"parcel\"\n{purpose}");
    council.write(MAILED, &route);
    let mapping = "merge(compact({ \"owner\": .owner }), { \"number\": .number })\n";
    council.write("routes/parcel-to-desk/mapping.vrl", mapping);
}

const PERSONAL: &str = ", \"x-class\": \"P\"";

/// Problems of names, settings and files: they are found while the text is read.
const READ: [Broken; 21] = [
    Broken {
        what: "a mail that tells personal data, for a purpose that lets no mail do so",
        breaks: |council| mailing(council, "purpose = \"desk\"\n", PERSONAL),
        says: ("reveals", MAILED, 4),
    },
    Broken {
        what: "a lookup in a list that is not there",
        breaks: |council| {
            let (route, mapping) = looking("%lookup.place");
            council.write(LOOKING, &route);
            council.write("routes/looking-to-dock/mapping.vrl", &mapping);
        },
        says: ("unknown-list", LOOKING, 6),
    },
    Broken {
        what: "a code list with a code that stands twice",
        breaks: |council| council.write("lists/rooms.csv", "code,room\na,1\nb,2\na,3\n"),
        says: ("list", "lists/rooms.csv", 4),
    },
    Broken {
        what: "a misspelt target",
        breaks: |council| council.edit(ROUTE, "to = \"book\"", "to = \"boook\""),
        says: ("unknown-system", ROUTE, 2),
    },
    Broken {
        what: "an unknown message",
        breaks: |council| council.edit("routes/parcel-to-dock/route.toml", "\"parcel\"", "\"parcels\""),
        says: ("unknown-message", "routes/parcel-to-dock/route.toml", 3),
    },
    Broken {
        what: "an unknown event type",
        breaks: |council| {
            council.write(
                "routes/other-to-dock/route.toml",
                "to = \"dock\"\nmessage = \"parcel\"\nfrom = \"other.v1\"\n",
            );
            council.write("routes/other-to-dock/mapping.vrl", "{}");
        },
        says: ("unknown-type", "routes/other-to-dock/route.toml", 3),
    },
    Broken {
        what: "an unknown purpose",
        breaks: |council| {
            council.write(
                "routes/again-to-dock/route.toml",
                "purpose = \"fun\"\nfrom = \"parcel.moved.v1\"\nto = \"dock\"\nmessage = \"parcel\"\n",
            );
            council.write(
                "routes/again-to-dock/mapping.vrl",
                "{ \"number\": .number, \"place\": .place, \"parcel\": %subject }",
            );
        },
        says: ("unknown-purpose", "routes/again-to-dock/route.toml", 1),
    },
    Broken {
        what: "an age of the journal without a unit",
        breaks: |council| {
            council.edit("council.toml", "[limits]\n", "[journal]\nmax_age = \"30\"\n[limits]\n");
        },
        says: ("retention", "council.toml", 5),
    },
    Broken {
        what: "a ledger that forgets before the journal does and the last retry is over",
        breaks: |council| council.edit("council.toml", "[limits]\n", "[ledger]\nkeep = \"32d\"\n[limits]\n"),
        says: ("retention", "council.toml", 5),
    },
    Broken {
        what: "an unknown connector",
        breaks: |council| {
            council.write("systems/fax/system.toml", "title = \"Fax\"\n[target]\nconnector = \"fax\"\n");
        },
        says: ("unknown-connector", "systems/fax/system.toml", 3),
    },
    Broken {
        what: "an unknown setting",
        breaks: |council| council.edit(BOOK, "format = {", "colour = \"red\"\nformat = {"),
        says: ("setting", BOOK, 8),
    },
    Broken {
        what: "an owner of what another system owns",
        breaks: |council| {
            let text = "title = \"Kiosk\"\nbroker_user = \"kiosk\"\n[source]\nconnector = \"queue\"\nsources = [\"/systems/shop\"]\n";
            council.write("systems/kiosk/system.toml", text);
        },
        says: ("owner", "system.toml", 0),
    },
    Broken {
        what: "a system with the name of the hub itself",
        breaks: |council| {
            let text = "title = \"Kiosk\"\nbroker_user = \"other\"\n[source]\nconnector = \"queue\"\n";
            council.write("systems/postroom/system.toml", text);
        },
        says: ("name", "systems/postroom", 0),
    },
    Broken {
        what: "a prefix that is none",
        breaks: |council| {
            let prefix = format!("\"{}\"", council.prefix);
            council.edit("council.toml", &prefix, "\"no prefix\"");
        },
        says: ("prefix", "council.toml", 3),
    },
    Broken {
        what: "a place to listen at that is none",
        breaks: |council| council.edit("council.toml", "[limits]", "[health]\nlisten = \"9464\"\n[limits]"),
        says: ("listen", "council.toml", 0),
    },
    Broken {
        what: "a collector that is asked for over TLS",
        breaks: |council| {
            let otlp = "[telemetry]\notlp = \"https://127.0.0.1:4318\"\n[limits]";
            council.edit("council.toml", "[limits]", otlp);
        },
        says: ("otlp", "council.toml", 0),
    },
    Broken {
        what: "a snapshot of a source that gives what is new, and not all that there is",
        breaks: |council| {
            council.write(
                "systems/rows/system.toml",
                "title = \"Rows\"\n[source]\nconnector = \"sql\"\nsnapshot = { key = [\"id\"] }\n[source.settings]\n\
                 url = \"sqlite:rows.db\"\noutbox = { table = \"outbox\", id = \"id\", done = \"delete\" }\n\
                 columns = [\"id\"]\n[[source.map]]\nrule = \"all\"\nevent = \"parcel.moved.v1\"\n",
            );
            council.write(
                "systems/rows/events/parcel.moved.v1.vrl",
                "{ \"subject\": \"parcel:\" + .id, \"data\": { \"number\": 1, \"place\": .id } }\n",
            );
        },
        says: ("snapshot", "systems/rows/system.toml", 4),
    },
    Broken {
        what: "a snapshot whose key is no column",
        breaks: |council| {
            let snapshot = "connector = \"file\"\nsnapshot = { key = [\"parcle\"] }\n";
            council.edit(YARD, "connector = \"file\"\n", snapshot);
        },
        says: ("snapshot", YARD, 5),
    },
    Broken {
        what: "batches for a system that comes for its messages itself",
        breaks: |council| council.write(WINDOW, PULLS_BATCHES),
        says: ("batch", WINDOW, 0),
    },
    Broken {
        what: "a batch rule that is never due",
        breaks: |council| council.edit(BOOK, "every = \"300ms\"\n", ""),
        says: ("batch", BOOK, 0),
    },
    Broken {
        what: "TOML that is none",
        breaks: |council| council.write("systems/till/system.toml", "title = \"Till\"\n[target\n"),
        says: ("toml", "systems/till/system.toml", 2),
    },
];

/// Problems of mappings, filters and examples: they are found by compiling.
const COMPILED: [Broken; 7] = [
    Broken {
        what: "a lookup that is not declared",
        breaks: |council| {
            let (route, mapping) = looking("%lookup.plaice");
            council.write("lists/places.csv", "code,meaning\nshelf,S1\n");
            council.write(LOOKING, &route);
            council.write("routes/looking-to-dock/mapping.vrl", &mapping);
        },
        says: ("unknown-lookup", "routes/looking-to-dock/mapping.vrl", 3),
    },
    Broken {
        what: "a mapping that does not compile",
        breaks: |council| council.write(MAPPING, "{\n  \"number\": .number,\n  \"place\": ,\n}\n"),
        says: ("syntax", MAPPING, 3),
    },
    Broken {
        what: "a misspelt field",
        breaks: |council| {
            let text = "{\n  \"number\": .number,\n  \"place\": .plaice,\n  \"parcel\": %subject\n}\n";
            council.write("routes/parcel-to-dock/mapping.vrl", text);
        },
        says: ("unknown-field", "routes/parcel-to-dock/mapping.vrl", 3),
    },
    Broken {
        what: "a filter that does not compile",
        breaks: |council| council.edit(YARD, "'.code == \"S\"'", "'.code =='"),
        says: ("syntax", YARD, 19),
    },
    Broken {
        what: "a column that the file does not have",
        breaks: |council| council.edit(YARD, "'.code == \"M\"'", "'.cod == \"M\"'"),
        says: ("unknown-field", YARD, 15),
    },
    Broken {
        what: "a valid example that is not",
        breaks: |council| {
            council.write("schemas/parcel.moved.v1/valid/late.json", "{\"number\": 0, \"place\": \"x\"}");
        },
        says: ("schema", "schemas/parcel.moved.v1/valid/late.json", 0),
    },
    Broken {
        what: "an invalid example that is valid",
        breaks: |council| {
            council.write("schemas/parcel.moved.v1/invalid/fine.json", "{\"number\": 1, \"place\": \"x\"}");
        },
        says: ("schema", "schemas/parcel.moved.v1/invalid/fine.json", 0),
    },
];

/// Golden cases that differ.
const CASES: [Broken; 2] = [
    Broken {
        what: "a golden case of a route that differs",
        breaks: |council| {
            let event = postroom_tests::council::parcel_event("case", "a", 1).to_string();
            council.write("routes/parcel-to-book/cases/plain/event.json", &event);
            let message = "{\"number\": 2, \"place\": \"shelf\", \"parcel\": \"parcel:a\"}";
            council.write("routes/parcel-to-book/cases/plain/message.json", message);
        },
        says: ("case", "routes/parcel-to-book/cases/plain/message.json", 0),
    },
    Broken {
        what: "a golden case of a source that differs",
        breaks: |council| {
            let record = "{\"code\": \"M\", \"parcel\": \"a\", \"number\": \"1\", \"place\": \"x\", \"owner\": \"\", \"telephone\": \"\"}";
            council.write("systems/yard/cases/plain/record.json", record);
            council.write("systems/yard/cases/plain/events.json", "[]");
        },
        says: ("case", "systems/yard/cases/plain/events.json", 0),
    },
];

/// What `check` says about a council: whether it is right, and its words on standard error.
fn check(council: TestCouncil) -> (Option<i32>, String) {
    let hub = TestHub::new(council, "amqp://nobody@127.0.0.1:1");
    let output = hub.run(&["check"]);
    let (said, complained) = (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    );
    assert_eq!(said.is_empty(), !output.status.success(), "{said}");
    (output.status.code(), complained)
}

/// Whether the words tell a problem of that code in that file and line.
fn tells(words: &str, (code, file, line): (&str, &str, usize)) -> bool {
    let place = if line == 0 { file.to_owned() } else { format!("{file}:{line}:") };
    let mut problems = words.split("\nerror[").map(|problem| problem.trim_start_matches("error["));
    problems.any(|problem| problem.starts_with(&format!("{code}]")) && problem.contains(&place))
}

fn assert_each_is_told(table: &[Broken]) {
    for broken in table {
        let council = TestCouncil::small();
        (broken.breaks)(&council);
        let (code, words) = check(council);
        assert_eq!(code, Some(1), "{}: {words}", broken.what);
        assert!(tells(&words, broken.says), "{}: {:?} is not told: {words}", broken.what, broken.says);
    }
}

fn assert_all_are_told_at_once(table: &[Broken]) {
    let council = TestCouncil::small();
    table.iter().for_each(|broken| (broken.breaks)(&council));
    let (_, words) = check(council);
    for broken in table {
        assert!(tells(&words, broken.says), "{}: {:?} is not told: {words}", broken.what, broken.says);
    }
}

#[test]
fn the_example_council_and_the_small_one_are_right() {
    for council in [TestCouncil::example(), TestCouncil::small()] {
        assert_eq!(check(council), (Some(0), String::new()));
    }
}

#[test]
fn the_example_council_is_right_where_it_stands() {
    let data = tempfile::tempdir().expect("a folder");
    let folder = house().join("deploy/council");
    let arguments = ["check".to_owned(), "--council".to_owned(), folder.display().to_string()];
    let output = std::process::Command::new(postroom_tests::hub::program())
        .args(arguments)
        .env("POSTROOM_DATA", data.path())
        .output()
        .expect("the program can be run");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(String::from_utf8_lossy(&output.stdout).contains("no problems"));
}

#[test]
fn a_problem_of_the_text_is_told_with_its_code_file_and_line() {
    assert_each_is_told(&READ);
}

#[test]
fn a_problem_of_a_mapping_is_told_with_its_code_file_and_line() {
    assert_each_is_told(&COMPILED);
}

#[test]
fn a_golden_case_that_differs_is_told_with_its_file() {
    assert_each_is_told(&CASES);
}

#[test]
fn all_problems_are_told_at_once() {
    assert_all_are_told_at_once(&READ);
    assert_all_are_told_at_once(&COMPILED);
    assert_all_are_told_at_once(&CASES);
}

#[test]
fn nothing_is_started_on_a_council_that_is_not_right() {
    let council = TestCouncil::small();
    (COMPILED[0].breaks)(&council);
    let mut hub = TestHub::new(council, "amqp://nobody@127.0.0.1:1");
    hub.start();
    assert_eq!(hub.ended().code(), Some(1));
    assert_eq!((hub.heard("hub.started"), hub.heard("broker.waiting")), (0, 0));
}

#[test]
fn a_mail_may_tell_what_its_purpose_lets_it_tell_and_nothing_of_which_the_class_is_not_known() {
    for (purpose, owner, says) in [
        ("purpose = \"mail\"\n", PERSONAL, None),
        ("", ", \"x-class\": \"none\"", None),
        ("", PERSONAL, Some(("reveals", MAILED, 2))),
        ("purpose = \"mail\"\n", ", \"x-class\": [\"P\", \"S\"]", Some(("reveals", MAILED, 4))),
        ("purpose = \"mail\"\n", "", Some(("reveals", MAILED, 4))),
    ] {
        let council = TestCouncil::small();
        mailing(&council, purpose, owner);
        let (code, words) = check(council);
        assert_eq!(code, Some(i32::from(says.is_some())), "{purpose}{owner}: {words}");
        assert!(says.is_none_or(|says| tells(&words, says)), "{purpose}{owner}: {words}");
        assert!(says.is_none() || words.contains("`target.settings.fields[1]` of `desk`"), "{words}");
    }
}

#[test]
fn a_purpose_that_lets_a_mail_tell_more_than_may_flow_is_told() {
    let council = TestCouncil::small();
    mailing(&council, "purpose = \"mail\"\n", PERSONAL);
    council.edit("purposes.toml", "may_mail = [\"P\"]", "may_mail = [\"P\", \"S\"]");
    let (_, words) = check(council);
    assert!(tells(&words, ("purpose", "purposes.toml", 9)), "{words}");
}

/// The small council with a route that looks up the place of a parcel.
fn that_looks_up() -> TestCouncil {
    let council = TestCouncil::small();
    let (route, mapping) = looking("%lookup.place");
    council.write("lists/places.csv", "code,meaning\nshelf,S1\n");
    council.write(LOOKING, &route);
    council.write("routes/looking-to-dock/mapping.vrl", &mapping);
    council
}

#[test]
fn a_golden_case_is_made_with_what_the_lists_of_the_council_say() {
    for (place, right) in [("S1", true), ("shelf", false)] {
        let council = that_looks_up();
        let event = postroom_tests::council::parcel_event("case", "a", 1).to_string();
        council.write("routes/looking-to-dock/cases/plain/event.json", &event);
        let message = format!("{{\"number\": 1, \"place\": \"{place}\", \"parcel\": \"parcel:a\"}}");
        council.write("routes/looking-to-dock/cases/plain/message.json", &message);
        let (code, words) = check(council);
        assert_eq!(code, Some(i32::from(!right)), "{words}");
    }
}

#[test]
fn explain_shows_what_was_looked_up_and_what_a_list_does_not_know() {
    let council = that_looks_up();
    let mut event = postroom_tests::council::parcel_event("case", "a", 1);
    let hub = TestHub::new(council, "amqp://nobody@127.0.0.1:1");
    let explained = |event: &serde_json::Value| {
        hub.council.write("event.json", &event.to_string());
        let file = hub.council.folder().join("event.json").display().to_string();
        let told = hub.json(&["explain", &file, "--json", "--reveal", "--reason", "a test"]);
        let routes = told["routes"].as_array().cloned().unwrap_or_default();
        routes.into_iter().find(|route| route["route"] == "looking-to-dock").expect("the route")
    };
    assert_eq!(explained(&event)["message"]["place"], "S1");
    event["data"]["place"] = "Zebediah's loft".into();
    let told = explained(&event);
    let why = "unknown-code: lookup `place`: the code list `places` does not know what stands in `place`";
    assert_eq!((&told["sent"], &told["why"]), (&false.into(), &why.into()));
}

#[test]
fn an_event_that_breaks_its_schema_is_told_with_the_place_of_each_fault_once() {
    let hub = TestHub::new(TestCouncil::small(), "amqp://nobody@127.0.0.1:1");
    let mut event = postroom_tests::council::parcel_event("case", "a", 1);
    (event["data"]["number"], event["data"]["place"]) = ("one".into(), 7.into());
    hub.council.write("event.json", &event.to_string());
    let told = hub.run(&["explain", &hub.council.folder().join("event.json").display().to_string()]);
    let expected = "invalid: schema at \"/number\": a whole number is expected; /place: a text is expected\n";
    assert_eq!(String::from_utf8_lossy(&told.stdout), expected);
}
