//! The sink.

use std::sync::Arc;

use postroom_connector::{Failure, Handover, Outgoing};
use postroom_event::DispatchId;
use serde_json::{Value, json};

use crate::place::Place;

promises!(
    a_message_is_stored_with_its_values_and_its_receipt,
    what_comes_twice_is_done_once_and_its_receipt_is_given_again,
    what_comes_twice_at_once_is_done_once,
    a_batch_is_one_transaction,
    a_constraint_that_refuses_is_told_by_its_name_and_without_the_row,
    a_table_that_is_absent_is_told_with_its_code,
    a_table_of_receipts_that_is_absent_is_made_only_where_the_settings_say_so,
    a_table_of_receipts_that_no_transaction_holds_is_refused_and_nothing_is_done,
    what_landed_is_found_and_what_did_not_is_not,
    a_column_that_is_not_returned_is_told_before_anything_is_stored,
);

/// A value of a person, which must be in no error.
pub(crate) const CANARY: &str = "Canary-7f3a Example";
const RECEIPTS: &str = "receipts = { table = 'postroom_delivered', create = true }\n";

async fn made(place: &Place) {
    let id = place.pick(
        "integer PRIMARY KEY AUTOINCREMENT",
        "integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY",
        "integer AUTO_INCREMENT PRIMARY KEY",
    );
    let (time, json) = place.pick(("text", "text"), ("timestamptz", "jsonb"), ("datetime", "json"));
    place
        .run(&format!(
            "CREATE TABLE homes (id {id}, uprn bigint, name varchar(40), postcode varchar(10), empty boolean, rent \
             decimal(10,2), since date, seen {time}, tags {json}, CONSTRAINT one_name UNIQUE (name))"
        ))
        .await;
}

/// A sink that stores a home; its reference is the new id.
fn settings() -> String {
    format!(
        "{RECEIPTS}reference = 'id'\nstatement = '''
         INSERT INTO homes (uprn, name, postcode, empty, rent, since, seen, tags) -- not :this
         VALUES (:uprn, :name, :address.postcode, :empty, :rent, :since, :seen, :tags) RETURNING id'''"
    )
}

fn item(number: u64, message: Value) -> Outgoing {
    Outgoing {
        dispatch: DispatchId::new("/systems/gazetteer", &number.to_string(), "route"),
        event_type: "property.created.v1".to_owned(),
        subject: format!("uprn:{number}"),
        message: Arc::new(message),
        traceparent: None,
    }
}

fn home(number: u64, name: &str) -> Value {
    json!({
        "uprn": number, "name": name, "address": {"postcode": "ZZ1 1ZZ"}, "empty": false, "rent": 412.5,
        "since": "2026-04-01", "seen": "2026-07-01 10:00:00", "tags": ["a", {"b": 1}],
    })
}

pub(crate) fn handover(message: Value) -> Handover {
    let item = item(message["uprn"].as_u64().expect("a number"), message);
    Handover { id: item.dispatch.to_string(), items: vec![item] }
}

async fn a_message_is_stored_with_its_values_and_its_receipt(place: Place) {
    made(&place).await;
    let sink = place.sink(&settings());
    let handed = handover(home(100_061_234_567, CANARY));
    let receipt = sink.deliver(&handed).await.expect("delivered");
    assert_eq!(receipt.reference.as_deref(), Some("1"));
    let tags =
        place.pick("tags = '[\"a\",{\"b\":1}]'", "tags->1->>'b' = '1'", "json_value(tags, '$[1].b') = 1");
    let found = format!(
        "SELECT count(*) FROM homes WHERE uprn = 100061234567 AND name = '{CANARY}' AND postcode = 'ZZ1 1ZZ' AND NOT empty \
         AND rent = 412.5 AND since = '2026-04-01' AND seen = '2026-07-01 10:00:00' AND {tags}"
    );
    assert_eq!(place.numbers(&found).await, [1]);
    let stored =
        format!("SELECT count(*) FROM postroom_delivered WHERE id = '{}' AND reference = '1'", handed.id);
    assert_eq!(place.numbers(&stored).await, [1]);
    // What the message does not hold is null.
    sink.deliver(&handover(json!({"uprn": 2}))).await.expect("delivered");
    let empty =
        "SELECT count(*) FROM homes WHERE uprn = 2 AND postcode IS NULL AND empty IS NULL AND tags IS NULL";
    assert_eq!(place.numbers(empty).await, [1]);
}

async fn what_comes_twice_is_done_once_and_its_receipt_is_given_again(place: Place) {
    made(&place).await;
    let handed = handover(home(1, "a"));
    let first = place.sink(&settings()).deliver(&handed).await.expect("delivered");
    let sink = place.sink(&settings());
    for _ in 0..2 {
        assert_eq!(sink.deliver(&handed).await.expect("delivered"), first);
    }
    assert_eq!((place.count("homes").await, place.count("postroom_delivered").await), (1, 1));
    assert_eq!(
        sink.deliver(&handover(home(2, "b"))).await.expect("delivered").reference.as_deref(),
        Some("2")
    );
}

async fn what_comes_twice_at_once_is_done_once(place: Place) {
    made(&place).await;
    let (one, other) = (place.sink(&settings()), place.sink(&settings()));
    for number in 1..=10 {
        let handed = handover(home(number, &number.to_string()));
        let (first, second) = tokio::join!(one.deliver(&handed), other.deliver(&handed));
        assert_eq!(first.expect("delivered"), second.expect("delivered"), "{number}");
    }
    assert_eq!(place.count("homes").await, 10);
}

async fn a_batch_is_one_transaction(place: Place) {
    made(&place).await;
    let sink = place.sink(&settings());
    let items =
        |names: [&str; 3]| (1..).zip(names).map(|(number, name)| item(number, home(number, name))).collect();
    let batch = Handover { id: "batch-1".to_owned(), items: items(["a", "b", "a"]) };
    assert_eq!(sink.deliver(&batch).await.expect_err("an error").failure, Failure::Permanent);
    assert_eq!((place.count("homes").await, place.count("postroom_delivered").await), (0, 0));
    let batch = Handover { items: items(["a", "b", "c"]), ..batch };
    for _ in 0..2 {
        assert_eq!(sink.deliver(&batch).await.expect("delivered").reference, None);
    }
    assert_eq!((place.count("homes").await, place.count("postroom_delivered").await), (3, 1));
}

async fn a_constraint_that_refuses_is_told_by_its_name_and_without_the_row(place: Place) {
    made(&place).await;
    let sink = place.sink(&settings());
    sink.deliver(&handover(home(1, CANARY))).await.expect("delivered");
    let error = sink.deliver(&handover(home(2, CANARY))).await.expect_err("an error");
    assert_eq!(error.failure, Failure::Permanent);
    let detail = place.pick(
        "SQLite 2067, constraint homes.name",
        "SQLSTATE 23505, constraint one_name",
        "error 1062 (23000), constraint one_name",
    );
    assert_eq!(error.detail, detail);
    assert!(!format!("{error:?}").contains("Canary"), "{error:?}");
    assert_eq!((place.count("homes").await, place.count("postroom_delivered").await), (1, 1));
    // What does not fit into its column is refused, and not cut; SQLite has no such columns.
    let long = place.pick(None, Some("SQLSTATE 22001"), Some("error 1406 (22001)"));
    if let Some(detail) = long {
        let error = sink.deliver(&handover(home(3, &CANARY.repeat(9)))).await.expect_err("an error");
        assert_eq!((error.failure, error.detail.as_str()), (Failure::Permanent, detail));
        assert!(!format!("{error:?}").contains("Canary"), "{error:?}");
    }
}

async fn a_table_that_is_absent_is_told_with_its_code(place: Place) {
    let error = place.sink(&settings()).deliver(&handover(home(1, CANARY))).await.expect_err("an error");
    let code = place.pick("SQLite 1", "SQLSTATE 42P01", "error 1146 (42S02)");
    assert_eq!((error.failure, error.detail.as_str()), (Failure::Permanent, code), "{error}");
    assert_eq!(place.count("postroom_delivered").await, 0);
}

async fn a_table_of_receipts_that_is_absent_is_made_only_where_the_settings_say_so(place: Place) {
    made(&place).await;
    let handed = handover(home(1, "a"));
    let by_hand = settings().replace(", create = true", "");
    for step in ["deliver", "look up"] {
        let sink = place.sink(&by_hand);
        let error = match step {
            "deliver" => sink.deliver(&handed).await.map(drop),
            _ => sink.look_up(&handed).await.map(drop),
        };
        let error = error.expect_err("an error");
        assert!(error.words.contains("`receipts.table`"), "{step}: {error}");
    }
    assert_eq!(place.sink(&settings()).look_up(&handed).await.expect("made"), None);
    place.sink(&by_hand).deliver(&handed).await.expect("delivered");
    assert_eq!(place.count("homes").await, 1);
}

async fn a_table_of_receipts_that_no_transaction_holds_is_refused_and_nothing_is_done(place: Place) {
    made(&place).await;
    let text = "CREATE TABLE postroom_delivered (id varchar(64) PRIMARY KEY, at varchar(40), reference varchar(200))";
    place.run(&format!("{text}{}", place.pick("", "", " ENGINE=MyISAM"))).await;
    let (sink, handed) = (place.sink(&settings()), handover(home(1, CANARY)));
    if place.pick(false, false, true) {
        let told = sink.deliver(&handed).await.expect_err("an error");
        assert!(told.failure == Failure::Down && told.words.contains("`receipts.table`"), "{told}");
        assert_eq!((place.count("homes").await, place.count("postroom_delivered").await), (0, 0));
        place.run("ALTER TABLE postroom_delivered ENGINE=InnoDB").await;
    }
    sink.deliver(&handed).await.expect("delivered");
    assert_eq!((place.count("homes").await, place.count("postroom_delivered").await), (1, 1));
}

async fn what_landed_is_found_and_what_did_not_is_not(place: Place) {
    made(&place).await;
    let sink = place.sink(&settings());
    let handed = handover(home(1, "a"));
    assert_eq!(sink.look_up(&handed).await.expect("looked up"), None);
    let receipt = sink.deliver(&handed).await.expect("delivered");
    assert_eq!(sink.look_up(&handed).await.expect("looked up"), Some(receipt));
    let plain = settings().replace("reference = 'id'\n", "").replace("postroom_delivered", "others");
    let sink = place.sink(&plain);
    let handed = handover(home(2, "b"));
    assert_eq!(sink.deliver(&handed).await.expect("delivered").reference, None);
    assert_eq!(sink.look_up(&handed).await.expect("looked up"), Some(Default::default()));
}

async fn a_column_that_is_not_returned_is_told_before_anything_is_stored(place: Place) {
    made(&place).await;
    let sink = place.sink(&settings().replace("reference = 'id'", "reference = 'number'"));
    let error = sink.deliver(&handover(home(1, "a"))).await.expect_err("an error");
    assert!(error.words.contains("`reference`"), "{error}");
    assert_eq!((place.count("homes").await, place.count("postroom_delivered").await), (0, 0));
}
