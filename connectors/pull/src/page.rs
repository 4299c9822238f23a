//! A page of what is on offer, as JSON within a number of bytes; and whether its reader has it already.

use postroom_connector::Outgoing;
use postroom_listener::header::{CACHE_CONTROL, ETAG, HeaderValue, IF_NONE_MATCH};
use postroom_listener::{Answer, HeaderMap, StatusCode};
use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::shelf::Seen;

/// Longest page, in bytes, but for its first message.
const PAGE_BYTES: usize = 8 * 1024 * 1024;

/// One message, as a system sees it.
#[derive(Serialize)]
struct Message<'a> {
    dispatch: String,
    event_type: &'a str,
    subject: &'a str,
    message: &'a Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<&'a str>,
}

/// A page, and what tells it from another.
pub(crate) struct Page {
    pub(crate) body: Vec<u8>,
    pub(crate) etag: String,
}

impl Page {
    /// What was seen, as much of it as has room; `more` says whether something is behind it.
    pub(crate) fn of(seen: &[Seen], more: bool) -> Self {
        let mut body = b"{\"messages\":[".to_vec();
        let mut taken = 0_usize;
        for one in seen {
            let message = written(&one.outgoing);
            if taken > 0 && body.len() + message.len() > PAGE_BYTES {
                break;
            }
            if taken > 0 {
                body.push(b',');
            }
            body.extend_from_slice(&message);
            taken += 1;
        }
        body.push(b']');
        let last = taken.checked_sub(1).and_then(|last| seen.get(last));
        if let Some(last) = last.filter(|_| more || taken < seen.len()) {
            body.extend_from_slice(format!(",\"next\":\"{}\"", last.place).as_bytes());
        }
        body.push(b'}');
        let hash: String = Sha256::digest(&body).iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        Self { body, etag: format!("\"{hash}\"") }
    }

    /// The answer to a request with these headers: that nothing has changed, where its sender has this page.
    pub(crate) fn answer(self, headers: &HeaderMap) -> Answer {
        let given = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
        let mut etags = given.flat_map(|value| value.split(',')).map(str::trim);
        let known = etags.any(|etag| etag.strip_prefix("W/").unwrap_or(etag) == self.etag || etag == "*");
        let answer = match known {
            true => Answer::new(StatusCode::NOT_MODIFIED),
            false => {
                Answer::new(StatusCode::OK).body(HeaderValue::from_static("application/json"), self.body)
            }
        };
        // What is of persons stays out of the stores on the way.
        let answer = answer.header(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        match HeaderValue::from_str(&self.etag) {
            Ok(etag) => answer.header(ETAG, etag),
            Err(_) => answer,
        }
    }
}

fn written(outgoing: &Outgoing) -> Vec<u8> {
    let message = Message {
        dispatch: outgoing.dispatch.to_string(),
        event_type: &outgoing.event_type,
        subject: &outgoing.subject,
        message: &outgoing.message,
        traceparent: outgoing.traceparent.as_deref(),
    };
    // Texts and JSON can always be written.
    serde_json::to_vec(&message).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use postroom_event::DispatchId;
    use serde_json::json;

    use super::*;

    fn seen(count: u64, letters: usize) -> Vec<Seen> {
        let outgoing = |number: u64| Outgoing {
            dispatch: DispatchId::new("/shop", &number.to_string(), "to-till"),
            event_type: "parcel.moved.v1".to_owned(),
            subject: format!("parcel:{number}"),
            message: Arc::new(json!({"note": "x".repeat(letters)})),
            traceparent: None,
        };
        (1..=count).map(|place| Seen { place, outgoing: Arc::new(outgoing(place)) }).collect()
    }

    fn read(page: &Page) -> (usize, Option<String>) {
        let value: Value = serde_json::from_slice(&page.body).expect("JSON");
        let next = value.get("next").map(|next| next.as_str().expect("a text").to_owned());
        (value["messages"].as_array().expect("a list").len(), next)
    }

    #[test]
    fn a_page_says_where_the_next_begins_only_where_there_is_one() {
        assert_eq!(read(&Page::of(&[], false)), (0, None));
        assert_eq!(read(&Page::of(&seen(2, 1), false)), (2, None));
        assert_eq!(read(&Page::of(&seen(2, 1), true)), (2, Some("2".to_owned())));
    }

    #[test]
    fn a_page_is_no_longer_than_its_bytes_and_one_message_has_always_room() {
        let page = Page::of(&seen(5, PAGE_BYTES / 3), false);
        assert_eq!(read(&page), (2, Some("2".to_owned())));
        assert!(page.body.len() <= PAGE_BYTES);
        assert_eq!(read(&Page::of(&seen(2, PAGE_BYTES), false)), (1, Some("1".to_owned())));
    }

    #[test]
    fn a_page_is_told_from_another_by_what_it_holds() {
        let etag = |seen: &[Seen]| Page::of(seen, false).etag;
        assert_eq!(etag(&seen(2, 1)), etag(&seen(2, 1)));
        assert_ne!(etag(&seen(2, 1)), etag(&seen(1, 1)));
    }
}
