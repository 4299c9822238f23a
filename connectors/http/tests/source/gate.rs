//! Who is let in.

use chrono::{TimeDelta, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::hook::{Heard, Hook};
use crate::room::{DEADLINE, SECRET, take};

const BODY: &str = r#"{"id": "1"}"#;

fn signature(secret: &str, text: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).expect("a key");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Posts with these headers: the status.
async fn tried(hook: &mut Hook, headers: &[(&str, &str)]) -> u16 {
    let posted = hook.post(headers, BODY);
    let heard = timeout(DEADLINE, until_heard(hook, posted)).await.expect("in time");
    assert!(heard.status == 200 || heard.body.is_empty(), "a word why: {heard:?}");
    heard.status
}

/// Takes whatever comes until the sender has heard.
async fn until_heard(hook: &mut Hook, mut posted: JoinHandle<Heard>) -> Heard {
    loop {
        tokio::select! {
            heard = &mut posted => return heard.expect("an answer"),
            _taken = take(hook.source.as_mut()) => {}
        }
    }
}

#[tokio::test]
async fn a_signature_is_right_for_its_body_and_secret_only() {
    let settings =
        "key = '/id'\nhmac = { header = 'X-Signature', prefix = 'sha256=', secret = { file = 'secret' } }";
    let mut hook = Hook::new(settings).await;
    let right = format!("sha256={}", signature(SECRET, BODY));
    let upper = format!("sha256={}", signature(SECRET, BODY).to_uppercase());
    for (value, status) in [
        (right.as_str(), 200),
        (&upper, 200),
        (&right[..right.len() - 1], 401),
        (right.trim_start_matches("sha256="), 401),
        (&format!("sha256={}", signature("another", BODY)), 401),
        (&format!("sha256={}", signature(SECRET, "{}")), 401),
        ("sha256=", 401),
        ("", 401),
    ] {
        assert_eq!(tried(&mut hook, &[("x-signature", value)]).await, status, "{value}");
    }
    assert_eq!(tried(&mut hook, &[]).await, 401);
    assert_eq!(tried(&mut hook, &[("x-signature", &right), ("x-signature", &right)]).await, 401);
}

#[tokio::test]
async fn a_signed_time_that_is_too_far_from_now_is_refused() {
    let settings = "key = '/id'\n[hmac]\nheader = 'X-Signature'\nsecret = { file = 'secret' }\n\
                    timestamp = { header = 'X-Time', tolerance = '5min' }";
    let mut hook = Hook::new(settings).await;
    let now = Utc::now();
    for (offset, status) in [(0, 200), (-200, 200), (200, 200), (-400, 401), (400, 401)] {
        let at = now + TimeDelta::seconds(offset);
        for text in [at.timestamp().to_string(), at.to_rfc3339()] {
            let signed = signature(SECRET, &format!("{text}.{BODY}"));
            let headers = [("x-signature", signed.as_str()), ("x-time", &text)];
            assert_eq!(tried(&mut hook, &headers).await, status, "{offset}");
        }
    }
    let other = signature(SECRET, &format!("{}.{BODY}", now.timestamp() - 1));
    let text = now.timestamp().to_string();
    for headers in [
        &[("x-signature", other.as_str()), ("x-time", &text)][..],
        &[("x-signature", signature(SECRET, BODY).as_str())],
        &[("x-signature", other.as_str()), ("x-time", "now")],
    ] {
        assert_eq!(tried(&mut hook, headers).await, 401, "{headers:?}");
    }
}

#[tokio::test]
async fn a_token_or_a_password_is_right_as_a_whole_only() {
    let mut bearer = Hook::new("key = '/id'\nbearer = { file = 'secret' }").await;
    for (value, status) in [
        ("Bearer open sesame", 200),
        ("bearer open sesame", 200),
        ("Bearer open sesam", 401),
        ("Bearer open sesame!", 401),
        ("Basic open sesame", 401),
        ("Bearer", 401),
        ("open sesame", 401),
    ] {
        assert_eq!(tried(&mut bearer, &[("authorization", value)]).await, status, "{value}");
    }
    let mut basic = Hook::new("key = '/id'\nbasic = { user = 'hub', password = { file = 'secret' } }").await;
    for (value, status) in [
        ("Basic aHViOm9wZW4gc2VzYW1l", 200),
        ("Basic aHVCOm9wZW4gc2VzYW1l", 401),
        ("Basic aHViOm9wZW4gc2VzYW1", 401),
        ("Bearer open sesame", 401),
    ] {
        assert_eq!(tried(&mut basic, &[("authorization", value)]).await, status, "{value}");
    }
}

#[tokio::test]
async fn wrong_signatures_have_an_allowance_of_their_own_and_use_up_nothing_of_the_rate() {
    let settings =
        "key = '/id'\nrate = '1/h'\nhmac = { header = 'X-Signature', secret = { file = 'secret' } }";
    let mut hook = Hook::new(settings).await;
    let wrong = signature("another", BODY);
    let mut heard = Vec::new();
    for _ in 0..65 {
        heard.push(tried(&mut hook, &[("x-signature", &wrong)]).await);
    }
    assert!(heard[..60].iter().all(|status| *status == 401), "{heard:?}");
    assert!(heard.contains(&429), "{heard:?}");
    let right = signature(SECRET, BODY);
    assert_eq!(tried(&mut hook, &[("x-signature", &right)]).await, 200, "from the same address");
    assert_eq!(tried(&mut hook, &[("x-signature", &right)]).await, 429, "over the rate");
}

#[tokio::test]
async fn everything_that_is_asked_for_must_be_right() {
    let settings = "key = '/id'\nbearer = { file = 'secret' }\n\
                    hmac = { header = 'X-Signature', secret = { file = 'secret' } }";
    let mut hook = Hook::new(settings).await;
    let signed = signature(SECRET, BODY);
    let (token, sign) = (("authorization", "Bearer open sesame"), ("x-signature", signed.as_str()));
    assert_eq!(tried(&mut hook, &[token, sign]).await, 200);
    assert_eq!(tried(&mut hook, &[token]).await, 401);
    assert_eq!(tried(&mut hook, &[sign]).await, 401);
}

#[tokio::test]
async fn two_secrets_are_right_while_one_is_changed_and_a_changed_file_is_taken_up() {
    let folder = crate::room::data();
    std::fs::write(folder.path().join("next"), "friend").expect("a file");
    let settings = "key = '/id'\nbearer = [{ file = 'secret' }, { file = 'next' }]";
    let mut hook = Hook::at(settings, folder, crate::hook::keep(None).await).await;
    for (value, status) in [("Bearer open sesame", 200), ("Bearer friend", 200), ("Bearer foe", 401)] {
        assert_eq!(tried(&mut hook, &[("authorization", value)]).await, status, "{value}");
    }
    std::fs::write(hook.data.path().join("secret"), "new").expect("a file");
    let began = std::time::Instant::now();
    while tried(&mut hook, &[("authorization", "Bearer new")]).await != 200 {
        assert!(began.elapsed() < DEADLINE, "the new secret is not taken up");
    }
    let old = tried(&mut hook, &[("authorization", "Bearer open sesame")]).await;
    assert!([401, 429].contains(&old), "{old}");
}

#[tokio::test]
async fn a_secret_that_was_taken_away_lets_nobody_in_and_is_told_by_its_key() {
    let mut hook = Hook::new("key = '/id'\nbearer = { file = 'secret' }").await;
    assert_eq!(tried(&mut hook, &[("authorization", "Bearer open sesame")]).await, 200);
    std::fs::remove_file(hook.data.path().join("secret")).expect("a file");
    let began = std::time::Instant::now();
    let error = loop {
        if let Err(error) = hook.source.next().await {
            break error;
        }
        assert!(began.elapsed() < DEADLINE, "nobody was told");
    };
    assert!(error.to_string().contains("`bearer`") && !error.to_string().contains("sesame"), "{error}");
}
