//! Which dispatches of the journal `postroom replay` means: each of its filters, by the command line.

use chrono::{DateTime, Utc};
use postroom_tests::council::{PARCEL, parcel_event, yard_rows};
use postroom_tests::hub::{TestHub, until};
use serde_json::{Value, json};

use crate::work::{number, publish, small, until_number};

const WEIGHED: &str = "parcel.weighed.v1";
/// Every dispatch of the journal, by subject and route: before a moment one event of the shop and one of the yard, after it
/// two of the shop.
const ALL: [&str; 7] = [
    "parcel:a parcel-to-book",
    "parcel:a parcel-to-dock",
    "parcel:0 parcel-to-book",
    "parcel:0 parcel-to-dock",
    "parcel:b parcel-to-book",
    "parcel:b parcel-to-dock",
    "parcel:a weighed-to-dock",
];

/// The small council, at work, with a second event type, which the dock alone gets.
fn with_weighed() -> TestHub {
    let mut hub = small();
    let council = &hub.council;
    let copy = |from: &str, to: &str| {
        let text = std::fs::read_to_string(council.folder().join(from)).expect("a file of the council");
        council.write(to, &text.replace(PARCEL, WEIGHED));
    };
    for file in ["schema.json", "valid/parcel.json", "invalid/number-missing.json"] {
        copy(&format!("schemas/{PARCEL}/{file}"), &format!("schemas/{WEIGHED}/{file}"));
    }
    for file in ["route.toml", "mapping.vrl"] {
        copy(&format!("routes/parcel-to-dock/{file}"), &format!("routes/weighed-to-dock/{file}"));
    }
    hub.start();
    hub.wait_for("hub.ready");
    hub
}

/// The next whole second, which is all that the journal can tell apart, once it has begun.
fn next_second() -> String {
    let next = Utc::now().timestamp() + 1;
    until("the next second", || (Utc::now().timestamp() >= next).then_some(()));
    DateTime::from_timestamp(next, 0).expect("a moment").to_rfc3339()
}

/// A hub whose journal has [`ALL`], and the moment in the middle of it.
async fn journal() -> (TestHub, String) {
    let mut hub = with_weighed();
    // Twice, and meant once: RabbitMQ 3.10.8 may confirm the first before the journal takes it.
    let moved = parcel_event("moved-a", "a", 1);
    publish(&hub, &[moved.clone(), moved]).await;
    hub.council.feed("yard/in", "moves.csv", yard_rows(1, 1).as_bytes());
    hub.wait_for("import.finished");
    hub.settled();
    let middle = next_second();
    let mut weighed = parcel_event("weighed-a", "a", 3);
    weighed["type"] = json!(WEIGHED);
    publish(&hub, &[parcel_event("moved-b", "b", 2), weighed]).await;
    until_number(&hub, "/sources/shop/events/routed", 3);
    hub.settled();
    (hub, middle)
}

/// What a replay means, as places in [`ALL`].
fn meant(planned: &Value) -> Vec<usize> {
    let named =
        |line: &Value| ["subject", "route"].map(|name| line[name].as_str().expect("a text")).join(" ");
    let place = |line: &Value| ALL.iter().position(|known| *known == named(line)).expect("a known dispatch");
    let mut places: Vec<_> = planned["plan"]["lines"].as_array().expect("lines").iter().map(place).collect();
    places.sort_unstable();
    places
}

#[tokio::test]
async fn each_filter_of_a_replay_leaves_what_it_names_and_what_is_only_told_is_not_sent() {
    let (hub, middle) = journal().await;
    let both = ["--subject", "parcel:a", "--to", "dock", "--from", "1h", "--until", middle.as_str()];
    let cases: [(&[&str], &[usize]); 10] = [
        (&[], &[0, 1, 2, 3, 4, 5, 6]),
        (&["--type", WEIGHED], &[6]),
        (&["--subject", "parcel:a"], &[0, 1, 6]),
        (&["--route", "parcel-to-book"], &[0, 2, 4]),
        (&["--to", "dock"], &[1, 3, 5, 6]),
        (&["--system", "yard"], &[2, 3]),
        (&["--from", &middle], &[4, 5, 6]),
        (&["--until", &middle], &[0, 1, 2, 3]),
        (&["--until", "1h"], &[]),
        (&both, &[1]),
    ];
    // Whatever was delivered, and whatever came behind it: all that is meant would be sent.
    let replay = ["replay", "--again", "--stale"];
    for (filters, expected) in cases {
        let planned = hub.json(&[&replay[..], &["--json"], filters].concat());
        assert_eq!(meant(&planned), expected, "{filters:?}");
        assert_eq!((number(&planned, "/sent"), &planned["jobs"]), (expected.len() as u64, &json!([])));
    }
    let told = hub.say(&[&replay[..], &["--system", "yard"]].concat());
    assert!(told.ends_with("nothing was sent; --yes sends 2\n"), "{told}");
    assert_eq!(hub.json(&["jobs", "list", "--json"]), json!([]));
    let status = hub.settled();
    let dispatched = ["book", "dock"].map(|target| number(&status, &format!("/targets/{target}/dispatched")));
    assert_eq!(dispatched, [3, 4]);
}

#[test]
fn a_moment_that_is_none_is_refused_and_told_what_a_moment_is() {
    let hub = small();
    for (filter, wrong) in
        [("--from", "yesterday"), ("--until", "2026-03-20"), ("--from", "2026-13-20T10:14:00Z")]
    {
        let refused = hub.run(&["replay", "--again", filter, wrong]);
        let words = format!(
            "postroom: `{wrong}` is neither a time such as `2026-03-20T10:14:00Z` nor a duration back from now such as \
             `2h`\n"
        );
        let told = (refused.status.code(), String::from_utf8_lossy(&refused.stderr).into_owned());
        assert_eq!(told, (Some(1), words));
    }
}
