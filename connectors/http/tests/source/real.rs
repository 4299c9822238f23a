//! Bodies that nobody here wrote, where they are at hand: GOV.UK Pay's webhook and GOV.UK Notify's callbacks.

use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit, Mac};
use serde_json::{Map, Value, json};
use sha2::Sha256;

use crate::hook::Hook;
use crate::room::{SECRET, batch, records, take};

/// A folder of shared/data beside the repository.
fn found(folder: &str) -> Option<PathBuf> {
    let ancestors = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    let found = ancestors.map(|place| place.join("shared/data").join(folder)).find(|place| place.is_dir());
    if found.is_none() {
        println!("skipped: there is no folder shared/data/{folder} beside the repository");
    }
    found
}

#[tokio::test]
async fn the_webhook_of_govuk_pay_is_taken_with_its_signature_and_refused_without() {
    let Some(folder) = found("govuk-pay") else { return };
    let body = std::fs::read_to_string(folder.join("webhook-card_payment_captured.json")).expect("a file");
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).expect("a key");
    mac.update(body.as_bytes());
    let right: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();

    let mut hook = Hook::new("preset = 'govuk-pay'\nhmac = { secret = { file = 'secret' } }").await;
    let wrong = if right.ends_with('0') { "1" } else { "0" };
    let wrong = format!("{}{wrong}", &right[..right.len() - 1]);
    for headers in [&[("pay-signature", wrong.as_str())][..], &[]] {
        let heard = hook.refuse(headers, &body).await;
        assert_eq!((heard.status, heard.body.as_str()), (401, ""));
    }
    let posted = hook.post(&[("Pay-Signature", &right)], &body);
    let mut batch = batch(hook.source.as_mut()).await;
    let taken = records(batch.as_mut()).await;
    assert_eq!(taken[0].key.as_deref(), taken[0].value["webhook_message_id"].as_str());
    assert_eq!(taken[0].value["resource"]["amount"], 5000);
    batch.finish(postroom_connector::Ending::Done).await.expect("taken");
    assert_eq!(posted.await.expect("an answer").status, 200);
}

/// A callback with every field that Notify's own page names in the section.
fn callback(page: &str, section: &str) -> Value {
    let (_, rest) = page.split_once(section).expect("the section");
    let fields = rest.split("\n###").next().unwrap_or_default();
    let names = fields.lines().filter_map(|line| line.split_once("|#`")?.1.split('`').next());
    let fields: Map<String, Value> = names.map(|name| (name.to_owned(), json!("1"))).collect();
    assert!(fields.len() > 3, "{fields:?}");
    Value::Object(fields)
}

#[tokio::test]
async fn the_callbacks_of_govuk_notify_are_one_event_for_each_status() {
    let Some(folder) = found("govuk-notify") else { return };
    let page = std::fs::read_to_string(folder.join("_callbacks.md")).expect("a file");
    let mut hook = Hook::new("preset = 'govuk-notify'\nbearer = { file = 'secret' }").await;
    let token = ("authorization", "Bearer open sesame");
    let mut keys = Vec::new();
    for status in ["temporary-failure", "delivered", "delivered"] {
        let mut receipt = callback(&page, "### Delivery receipts");
        receipt["status"] = json!(status);
        let posted = hook.post(&[token], &receipt.to_string());
        keys.extend(take(hook.source.as_mut()).await);
        assert_eq!(posted.await.expect("an answer").status, 200);
    }
    assert!(keys[0] != keys[1] && keys[1] == keys[2], "{keys:?}");
    let heard = hook.refuse(&[("authorization", "Bearer")], "{}").await;
    assert_eq!((heard.status, heard.body.as_str()), (401, ""));
    let text = callback(&page, "### Received text messages");
    let heard = hook.refuse(&[token], &text.to_string()).await;
    assert_eq!((heard.status, heard.body.as_str()), (422, "nothing stands at `/status`"));
}
