//! What was refused is counted for its system.

use std::collections::BTreeMap;
use std::time::Duration;

use postroom_connector::{Refusals, Refused};
use postroom_listener::{Answer, Limits, Listeners, StatusCode};

use crate::client::{asked, claim, get, post, send, status};

#[tokio::test]
async fn each_request_that_is_refused_is_counted_by_its_reason_and_no_other_is() {
    let limits = Limits { body_bytes: 10, waiting: 1, reply: Duration::from_secs(600) };
    let mut held = claim(&Listeners::default(), "/in", limits).await;
    let address = held.address();
    assert_eq!(status(&send(address, &get("/nobody")).await), 404);
    assert_eq!(status(&send(address, &post("/in", "longer than ten")).await), 413);
    for code in [200, 204, 400, 401, 403, 404, 405, 409, 415, 422, 429, 429] {
        let code = StatusCode::from_u16(code).expect("a status");
        let client = tokio::spawn(send(address, post("/in", "1").leak()));
        asked(&mut held).await.reply.send(Answer::new(code));
        assert_eq!(status(&client.await.expect("an answer")), code.as_u16());
    }
    let client = tokio::spawn(send(address, post("/in", "1").leak()));
    drop(asked(&mut held).await);
    assert_eq!(status(&client.await.expect("an answer")), 503);
    let expected = [
        (Refused::NotProved, 2),
        (Refused::TooMany, 2),
        (Refused::TooLong, 1),
        (Refused::NotUnderstood, 4),
        (Refused::NotThere, 2),
        (Refused::NotNow, 1),
    ];
    let expected = expected.map(|(why, requests)| (("counted".to_owned(), why), requests));
    let mut counted = Refusals::shared().take();
    counted.retain(|(system, _), _| system == "counted");
    assert_eq!(counted, BTreeMap::from(expected));
}
