//! Bodies that Notify's own documentation shows, where they are at hand: ours have the same shape.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::fake::Fake;
use crate::sink::{SENDER, email, handover, letter, sink};

fn folder() -> Option<PathBuf> {
    let places =
        Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().map(|above| above.join("shared/data/govuk-notify"));
    places.into_iter().find(|folder| folder.is_dir())
}

/// The bodies of requests that a file shows.
fn shown(file: &Path) -> Vec<Value> {
    let text = fs::read_to_string(file).expect("a file of shared/data");
    let page: Value = text.parse().expect("JSON");
    let examples =
        page.pointer("/post/requestBody/content/application~1json/examples").and_then(Value::as_object);
    examples
        .into_iter()
        .flat_map(|examples| examples.values())
        .map(|example| example["value"].clone())
        .collect()
}

/// Keys of `ours` that `theirs` does not have, or has with a value of another kind.
fn astray(ours: &Value, theirs: &Value) -> Vec<String> {
    let kind = |value: &Value| (value.is_string(), value.is_object());
    let fields = ours.as_object().into_iter().flatten();
    fields
        .filter(|(key, value)| theirs.get(*key).map(kind) != Some(kind(value)))
        .map(|(key, _)| key.clone())
        .collect()
}

#[tokio::test]
async fn the_bodies_have_the_shape_of_those_that_notify_shows() {
    let Some(folder) = folder() else {
        println!("skipped: there is no folder shared/data beside the repository");
        return;
    };
    let fake = Fake::start();
    let sink = sink(&fake.address, &format!("email_reply_to_id = '{SENDER}'"));
    for (number, file, message) in
        [(1, "POST_notification_email.json", email("a")), (2, "POST_notification_letter.json", letter())]
    {
        let examples = shown(&folder.join(file));
        assert!(!examples.is_empty(), "{file} shows no body");
        sink.deliver(&handover(number, message)).await.expect("taken");
        let ours = fake.request()["body"].clone();
        let best = examples.iter().map(|theirs| astray(&ours, theirs)).min_by_key(Vec::len);
        assert_eq!(best, Some(Vec::new()), "{file}");
    }
    assert_eq!(
        astray(&json!({"a": 1, "b": "x"}), &json!({"a": {}, "b": "y"})),
        ["a"],
        "the comparison can fail"
    );
}
