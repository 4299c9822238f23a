//! What a person's record holds is seen by nobody who does not ask for it by name, and that is logged; a credential of the
//! hub is seen by nobody at all.

mod canary;
mod commands;
mod echo;
mod secrets;

use postroom_tests::council::{YARD_HEAD, parcel_event};
use postroom_tests::hub::TestHub;
use serde_json::{Value, json};

use crate::work::{publish, publish_body, small_ready};

/// What must not be seen.
const NAME: &str = "Zebediah Canary";
const TELEPHONE: &str = "07700 900123";
/// Parts of it: a message that quotes half a value tells it as well.
const PLANTED: [&str; 4] = [NAME, TELEPHONE, "Zebediah", "900123"];

/// Plants a person into events and records that are invalid, refused, and dead.
async fn plant(hub: &mut TestHub) {
    let person = |change: &dyn Fn(&mut Value)| {
        let mut event = parcel_event("planted", "a", 1);
        event["data"]["owner"] = json!(NAME);
        event["data"]["telephone"] = json!(TELEPHONE);
        change(&mut event);
        event
    };
    let invalid = [
        person(&|event| event["data"]["number"] = json!(NAME)),
        person(&|event| event["time"] = json!(NAME)),
        person(&|event| event["channel"] = json!(TELEPHONE)),
    ];
    for event in invalid {
        publish_body(hub, event.to_string().as_bytes()).await;
    }
    let event = person(&|_| {}).to_string();
    publish_body(hub, event.replace("\"data\":", "\"data\"").as_bytes()).await;
    publish_body(hub, event.replace("\"owner\"", "\"telephone\"").as_bytes()).await;
    let dead = person(&|event| {
        event["data"]["place"] = json!(format!("with {NAME}, {TELEPHONE}"));
        event["id"] = json!("dead");
    });
    hub.council.write("planted.json", &dead.to_string());
    publish(hub, &[dead]).await;
    let rows = format!(
        "{YARD_HEAD}{NAME},a,1,shelf,{NAME},{TELEPHONE}\nM,a,{NAME},shelf,{NAME},{TELEPHONE}\n\
         M,a,3,shelf,{NAME}\nM,a,4,shelf,{NAME},{TELEPHONE},{NAME}\nM,a,5,,{NAME},{TELEPHONE}\n"
    );
    hub.council.feed("yard/in", "people.csv", rows.as_bytes());
    hub.wait_for("import.finished");
    hub.council.feed("yard/in", "cut.csv", format!("{YARD_HEAD}M,a,1,shelf,\"{NAME} {TELEPHONE}").as_bytes());
    hub.wait_for("import.refused");
    hub.settled();
}

/// What shows what is kept, or is written from the council's text.
const SHOWN: [&str; 24] = [
    "status",
    "status --json",
    "dead list",
    "dead list --json",
    "dead list --groups",
    "invalid list",
    "invalid list --json",
    "trace dead",
    "trace dead --json",
    "trace parcel:a",
    "trace parcel:a --json",
    "worklist",
    "worklist --format json",
    "worklist --format csv",
    "holds",
    "holds --json",
    "jobs list",
    "jobs list --json",
    "check",
    "docs ropa",
    "docs ropa --format csv",
    "docs ropa --format html",
    "dead redrive --dry-run",
    "invalid redrive --dry-run",
];

/// The commands that show one thing that is kept, each with its id.
fn shows(hub: &TestHub) -> Vec<Vec<String>> {
    let ids = |list: &Value, field: &str| -> Vec<String> {
        let rows = list.as_array().expect("a list").iter();
        rows.map(|row| row[field].to_string().trim_matches('"').to_owned()).collect()
    };
    let dead = ids(&hub.json(&["dead", "list", "--json"]), "dispatch");
    let invalid = ids(&hub.json(&["invalid", "list", "--json"])["events"], "id");
    let items = ids(&hub.json(&["worklist", "--format", "json"]), "id");
    assert_eq!((dead.len(), invalid.len()), (2, 5));
    assert!(!items.is_empty());
    let command = |kind: &'static str| move |id: String| vec![kind.to_owned(), "show".to_owned(), id];
    let all = dead.into_iter().map(command("dead")).chain(invalid.into_iter().map(command("invalid")));
    all.chain(items.into_iter().map(command("worklist"))).collect()
}

/// Every answer of the program that shows what is kept, with `more` arguments to those that show one.
fn answers(hub: &TestHub, more: &[&str]) -> Vec<(String, String)> {
    let words = |line: &str| line.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let mut commands: Vec<Vec<String>> = SHOWN.map(words).into();
    let explained = hub.council.folder().join("planted.json").display().to_string();
    commands.push(vec!["explain".to_owned(), explained]);
    for show in shows(hub) {
        for form in [&[][..], &["--json"][..]] {
            let rest = [form, more].concat().into_iter().map(str::to_owned);
            commands.push(show.iter().cloned().chain(rest).collect());
        }
    }
    let answer = |command: Vec<String>| {
        let arguments: Vec<&str> = command.iter().map(String::as_str).collect();
        let output = hub.run(&arguments);
        let said = [output.stdout, output.stderr].concat();
        (command.join(" "), String::from_utf8_lossy(&said).into_owned())
    };
    commands.into_iter().map(answer).collect()
}

#[tokio::test]
async fn no_value_of_a_person_is_in_a_log_line_or_an_answer_unless_it_is_asked_for() {
    let mut hub = small_ready();
    plant(&mut hub).await;
    let log: Vec<(String, String)> =
        hub.lines.iter().map(|line| ("log".to_owned(), line.to_string())).collect();
    let refused = hub.council.outbox("yard/in/refused");
    let reasons = refused.into_iter().filter(|(name, _)| name.ends_with(".why.json")).collect::<Vec<_>>();
    assert_eq!(reasons.len(), 1);
    for (place, text) in log.into_iter().chain(answers(&hub, &[])).chain(reasons) {
        for planted in PLANTED {
            assert!(!text.contains(planted), "{place}: {text}");
        }
    }
    let revealed = answers(&hub, &["--reveal", "--reason", "looked-for"]);
    let kept = |command: &str| command.contains("show") && !command.contains("show input-");
    for (command, text) in revealed.iter().filter(|(command, _)| kept(command) && command.contains("--json"))
    {
        assert!(text.contains(NAME), "{command}: {text}");
        assert!(text.contains("operator.revealed") && text.contains("looked-for"), "{command}: {text}");
    }
}

#[tokio::test]
async fn a_field_that_is_named_after_a_person_is_not_shown_either() {
    let mut hub = small_ready();
    let mut event = parcel_event("planted", "a", 1);
    event["data"][NAME] = json!(TELEPHONE);
    publish_body(&hub, event.to_string().as_bytes()).await;
    hub.wait_for("event.invalid");
    hub.settled();
    let id = hub.json(&["invalid", "list", "--json"])["events"][0]["id"].to_string();
    for arguments in [&["invalid", "list"][..], &["invalid", "show", &id], &["trace", "planted"]] {
        let output = hub.run(arguments);
        let said = String::from_utf8_lossy(&output.stdout);
        assert!(PLANTED.iter().all(|planted| !said.contains(planted)), "{arguments:?}: {said}");
    }
}
