//! The example council end to end: what is fed as files and published as events comes out where it belongs.

#![expect(clippy::expect_used, reason = "what goes wrong here fails the test")]

use std::collections::BTreeSet;
use std::path::PathBuf;

use postroom_tests::council::{TestCouncil, house, names_in};
use postroom_tests::demo::{Standins, as_the_demo};
use postroom_tests::hub::{TestHub, wire::Wire};
use postroom_tests::rabbitmq::Rabbit;
use serde_json::{Value, json};

/// The folders of samples that are fed to the source of the same name.
const FED: [&str; 7] = [
    "billing",
    "elections-dcounts",
    "elections-idox",
    "elections-xpress",
    "gardenwaste",
    "gazetteer",
    "planning",
];
/// Webhooks that are posted, reports of the public, and rows of an outbox, which come as one batch.
const POSTED: usize = 3;
const REPORTS: usize = 1;
const OUTBOXES: usize = 1;
/// E-mails of which the service says what became of them.
const CALLBACKS: usize = 2;
const PASSWORD: &str = "a-password";

/// The id that waste gives to the report of the public.
const TAKEN_ON: &str = "W-2140541";

/// The example council at work, with all its samples taken and delivered.
struct Fed {
    hub: TestHub,
    /// Its status then.
    status: Value,
    /// The token of the report of the public.
    token: String,
    _standins: Standins,
}

fn fed() -> Fed {
    let rabbit = Rabbit::shared();
    let council = TestCouncil::example();
    let samples = house().join("deploy/council/samples");
    let mut files = 0;
    for system in FED {
        files += council.feed_all(&samples.join(system), &format!("{system}/in"), |_| true);
    }
    as_the_demo(
        &council,
        r#"make_secret "$data/payments/secret" && make_secret "$data/lighting/token" &&
            make_secret "$data/reports/key" && make_tables "$council" "$data" &&
            for system in accounts housing; do feed "$council" "$data" "$system" deploy/council/samples/"$system"/*; done"#,
    );
    let standins = Standins::start(&council);
    let mut hub = TestHub::ready(council, rabbit.url());
    let samples = |system: &str| {
        let folder = samples.join(system);
        names_in(&folder).into_iter().map(move |name| folder.join(name)).collect::<Vec<_>>()
    };
    let publisher = hub.council.publisher.clone();
    publish_as(rabbit, &mut hub, ("customer-services", &publisher), &samples("customer-services"));
    as_the_demo(
        &hub.council,
        r#"url=http://$(system_text "$council" payments source.settings listen)/hooks/pay
        for file in deploy/council/samples/payments/*; do post_webhook "$url" "$data/payments/secret" "$file"; done"#,
    );
    pull_as_lighting(&hub);
    let token = report(rabbit, &mut hub, samples("waste"));
    as_the_demo(&hub.council, r#"wait_until 60 has_told "$data""#);
    let mut awaited = files + POSTED + REPORTS + OUTBOXES + CALLBACKS;
    while awaited > 0 {
        // Which is asked again and again.
        awaited -= usize::from(hub.wait_for("import.finished")["system"] != "accounts");
    }
    let status = hub.settled();
    Fed { hub, status, token, _standins: standins }
}

/// Reports something, which waste takes on under an id of its own; gives its token.
fn report(rabbit: &Rabbit, hub: &mut TestHub, mut events: Vec<PathBuf>) -> String {
    let token = as_the_demo(
        &hub.council,
        r#"post_report "$(reports_url "$council" reports)" "$data/reports/key" deploy/council/samples/reports/*"#,
    );
    let event = as_the_demo(&hub.council, &format!("take_on {token} {TAKEN_ON}"));
    let file = hub.council.data().join("taken-on.event.json");
    std::fs::write(&file, event).expect("a file");
    events.push(file);
    let waste = hub.council.waste();
    publish_as(rabbit, hub, ("waste", &waste), &events);
    token
}

/// Fetches what is for the contractor as the contractor does, until the one fault of the samples is answered.
fn pull_as_lighting(hub: &TestHub) {
    as_the_demo(
        &hub.council,
        r#"for look in $(seq 150); do
            taken=$(pull_queue "$(queue_url "$council" lighting)" "$data/lighting/token")
            [[ -z $taken ]] || exit 0
            sleep 0.2
        done
        exit 1"#,
    );
}

/// Publishes events as their system does, under its own name.
fn publish_as(rabbit: &Rabbit, hub: &mut TestHub, (system, user): (&str, &str), events: &[PathBuf]) {
    let prefix = hub.council.prefix.replace('.', r"\.");
    rabbit.add_user(user, PASSWORD, ["^$", &format!("^{prefix}in\\.{system}$"), "^$"]);
    let hub_url = std::mem::replace(&mut hub.url, rabbit.url_as(user, PASSWORD));
    for event in events {
        hub.say(&["publish", &event.display().to_string()]);
    }
    hub.url = hub_url;
}

fn records(status: &Value, system: &str) -> [u64; 4] {
    let source = &status["sources"][system];
    let ignored = source["ignored"].as_object().into_iter().flatten().filter_map(|(_, count)| count.as_u64());
    let number = |name: &str| source[name].as_u64().unwrap_or_default();
    [number("records_read"), number("mapped"), number("refused"), ignored.sum()]
}

/// What a system that stands in has taken.
fn taken(hub: &TestHub, system: &str) -> Vec<Value> {
    let file = hub.council.data().join(system).join("out/taken.jsonl");
    let taken = std::fs::read_to_string(file).expect("what was taken");
    taken.lines().map(|line| line.parse().expect("JSON")).collect()
}

fn lines(hub: &TestHub, folder: &str) -> usize {
    hub.council.outbox(folder).iter().map(|(_, text)| text.lines().count()).sum()
}

#[tokio::test]
async fn every_sample_is_taken_translated_and_delivered_where_it_belongs() {
    let Fed { hub, status, token, _standins } = fed();

    let taken = FED.map(|system| records(&status, system));
    assert_eq!(
        taken,
        [[5, 4, 0, 1], [7, 5, 0, 2], [5, 4, 0, 1], [5, 5, 0, 0], [9, 3, 0, 6], [17, 11, 0, 6], [5, 4, 0, 1]]
    );
    let told = ["payments", "housing", "reports", "letters"].map(|system| records(&status, system));
    assert_eq!(told, [[3, 2, 0, 1], [5, 4, 0, 1], [1, 1, 0, 0], [2, 1, 0, 1]]);
    let events = json!({"routed": 8, "no_route": 0, "invalid": 0, "duplicate": 0});
    assert_eq!(status["sources"]["customer-services"]["events"], events);
    assert_eq!(status["sources"]["accounts"]["events"]["routed"], 3);

    let targets = [
        "counciltax",
        "elections",
        "finance",
        "landcharges",
        "letters",
        "lighting",
        "repairs",
        "reports",
        "waste",
    ];
    let delivered = targets.map(|target| {
        let sums = &status["targets"][target];
        assert_eq!(sums["dispatched"], sums["delivered"], "{target}: {sums}");
        sums["delivered"].as_u64().expect("a number")
    });
    assert_eq!(delivered, [23, 25, 2, 4, 6, 1, 2, 2, 29]);

    let changes = hub.council.outbox("counciltax/out");
    let heads = changes.iter().filter(|(_, text)| text.starts_with("record,action,uprn,")).count();
    assert_eq!(heads, changes.len(), "every file has its head");
    assert_eq!(lines(&hub, "counciltax/out") - changes.len(), 23);
    assert_eq!(hub.council.outbox_lines("landcharges/out").len(), 4);
    let register = hub.council.outbox("elections/out");
    let changes: usize = register.iter().map(|(_, text)| text.matches("<change>").count()).sum();
    assert_eq!(changes, 25);
    let padded = register.iter().any(|(_, text)| text.contains("000090002007"));
    assert!(padded, "a UPRN has twelve digits there");

    let light = hub.json(&["trace", "CS-2026-004405", "--json"]);
    let (id, reference) = (&light[0]["legs"][0]["id"], &light[0]["legs"][0]["state"]["reference"]);
    let job = format!("JOB-{}", id.as_str().and_then(|id| id.split('-').next()).expect("an id"));
    assert_eq!(reference, &job, "the contractor's own reference is in the receipt: {light:#}");

    let queue = format!("{}to.waste", hub.council.prefix);
    let messages = Wire::open(Rabbit::shared().url()).await.read(&queue, 29).await;
    assert_eq!(messages.len(), 29);
    let ids: BTreeSet<_> = messages.iter().map(|message| message.message_id.clone()).collect();
    assert_eq!(ids.len(), 29, "each message has the id of its dispatch");
    let missed = messages.iter().find(|message| message.correlation_id == "CS-2026-004404").expect("the bin");
    let headers = ["postroom-event-type", "postroom-event-source", "postroom-route", "postroom-subject"];
    let expected = [
        "service.request.raised.v1",
        "/systems/customer-services",
        "service-request-raised-to-waste",
        "request:SR-26-0904",
    ];
    assert_eq!(headers.map(|name| missed.headers[name].as_str()), expected);
    let journey = hub.json(&["trace", "CS-2026-004404", "--json"]);
    assert_eq!(journey[0]["legs"][0]["id"], missed.message_id.as_str());
    let reported = format!("request:{token}");
    assert!(messages.iter().any(|message| message.headers["postroom-subject"] == reported));
}

#[test]
fn a_report_of_the_public_comes_to_waste_and_the_id_that_waste_gave_comes_back_and_nothing_of_its_reporter() {
    let Fed { hub, token, _standins, .. } = fed();
    let ask = |script: &str| {
        as_the_demo(&hub.council, &format!("url=$(reports_url \"$council\" reports)\n{script}"))
    };
    assert_eq!(ask(&format!("id_of_report \"$url\" {token}")), TAKEN_ON);
    let told = ask(&format!("curl --silent --show-error --fail \"$url/requests/{TAKEN_ON}.json\""));
    let told: Value = told.parse().expect("JSON");
    let expected = ["fly-tipping", "Fly-tipping", "open", "A crew looks at it tomorrow", "Waste"];
    let names = ["service_code", "service_name", "status", "status_notes", "agency_responsible"];
    assert_eq!(names.map(|name| told[0][name].as_str().unwrap_or_default()), expected);
    let all = ask("curl --silent --show-error --fail \"$url/requests.xml\"");
    assert!(all.contains(TAKEN_ON) && !all.contains("Penhallow") && !all.contains("07700"), "{all}");
    let known = hub.json(&["xref", "show", &token, "--json"]);
    assert!(known.to_string().contains(TAKEN_ON), "{known}");
}

#[test]
fn the_case_that_a_target_named_is_known_when_the_tenancy_ends_and_one_that_nobody_named_is_an_exception() {
    let Fed { hub, status, _standins, .. } = fed();
    let benefits = &status["targets"]["benefits"];
    assert_eq!([&benefits["delivered"], &benefits["dead"]], [3, 1], "{benefits}");
    let taken = taken(&hub, "benefits");
    let case_of = |what: &str| {
        let one = taken
            .iter()
            .find(|one| one["message"]["what"] == what && one["message"]["tenancy"] == "T-004711");
        one.expect("the tenancy")["name"].clone()
    };
    assert_eq!(case_of("started"), case_of("ended"));
    let dead = hub.json(&["dead", "list", "--json"]);
    assert_eq!(dead[0]["code"], "unknown-reference", "{dead}");
}

#[test]
fn a_resident_is_written_to_by_the_way_that_they_prefer_and_by_letter_where_an_e_mail_finds_no_address() {
    let Fed { hub, _standins, .. } = fed();
    let mut sent: Vec<[String; 2]> = taken(&hub, "letters").iter().map(channel_and_name).collect();
    sent.sort();
    let expected = [
        ["email", "Jory Nancarrow"],
        ["email", "Ms Orla Penhallow"],
        ["letter", "Jory Nancarrow"],
        ["letter", "Mr Cormac Thistledown"],
        // She has an e-mail address, too.
        ["letter", "Mrs Nerys Quillfeather"],
        ["letter", "Tamsin Ellery-Voss"],
    ];
    assert_eq!(sent, expected);
}

/// By which way a notification went, and whom it addresses.
fn channel_and_name(taken: &Value) -> [String; 2] {
    let message = &taken["message"];
    [&message["channel"], &message["personalisation"]["name"]]
        .map(|text| text.as_str().expect("a text").to_owned())
}

#[test]
fn a_trace_tells_the_whole_journey_of_a_subject() {
    let Fed { hub, _standins, .. } = fed();
    let journey = hub.json(&["trace", "uprn:990000001003", "--json"]);
    let steps: Vec<_> =
        journey.as_array().expect("journeys").iter().map(|one| one["event_type"].clone()).collect();
    assert_eq!(steps, ["property.created.v1", "property.retired.v1"]);
    for event in journey.as_array().expect("journeys") {
        let legs = event["legs"].as_array().expect("legs");
        let targets: BTreeSet<_> = legs.iter().filter_map(|leg| leg["target"].as_str()).collect();
        assert_eq!(targets, BTreeSet::from(["counciltax", "elections", "waste"]));
    }
    let told = hub.say(&["trace", "uprn:990000001003"]);
    assert!(told.contains("from zedshire-insert.csv") && told.contains("delivered as changes-"), "{told}");
}

#[test]
fn a_hub_that_stops_and_starts_again_delivers_nothing_twice() {
    let Fed { mut hub, status: mut before, _standins, .. } = fed();
    assert!(hub.stop().success());
    hub.start();
    hub.wait_for("hub.ready");
    let mut after = hub.settled();
    // How often it was asked is of no account.
    for status in [&mut before, &mut after] {
        status["sources"]["accounts"] = status["sources"]["accounts"]["events"]["routed"].take();
    }
    assert_eq!((&before["sources"], &before["targets"]), (&after["sources"], &after["targets"]));
    assert_eq!(hub.heard("lease.recovering"), 0);
}
