//! What an answer of the endpoint means. Pure. Of a refusal it tells the code and never the description: that may quote
//! values.

use std::time::Duration;

use postroom_connector::{ConnectorError, Failure, Receipt};
use postroom_request::{Answer, Body, StatusCode};
use serde_json::{Map, Value};

use super::found::{items, text};
use super::outgoing::mark;
use crate::writing::Written;

/// How long to wait where the endpoint says that it is too much, and not for how long.
const BUSY_WAIT: Duration = Duration::from_secs(60);
/// What an answer to a report has at least one of, even if empty: anything else may come from a gateway or a page on the way.
const TELLING: [&str; 4] = ["service_request_id", "token", "service_notice", "account_id"];
/// Longest reference that is kept, in bytes.
const MAX_REFERENCE_BYTES: usize = 200;

/// Whether the endpoint took a report: its id, else its token, is the reference.
pub(super) fn receipt(answer: &Answer, written: Written) -> Result<Receipt, ConnectorError> {
    let unreadable = |detail: &str| {
        ConnectorError::new(Failure::Unknown, "the answer of the endpoint cannot be understood", detail)
    };
    if !answer.status.is_success() {
        return Err(refused(answer.status, answer.retry_after));
    }
    let body = match &answer.body {
        Body::Whole(body) => body,
        Body::TooLong => return Err(unreadable("it is too long")),
        Body::Cut(detail) => return Err(unreadable(detail)),
    };
    // An endpoint that says what is wrong inside a 200 has refused all the same.
    if let Some(status) = error_inside(written, body) {
        return Err(refused(status, answer.retry_after));
    }
    let items = items(written, "request", body).unwrap_or_default();
    let tells = |item: &&Map<String, Value>| TELLING.iter().any(|name| item.contains_key(*name));
    let item = items.first().filter(tells).ok_or_else(|| unreadable("it is no answer of GeoReport v2"))?;
    let reference = text(item, "service_request_id").or_else(|| text(item, "token"));
    Ok(Receipt { reference: reference.filter(|text| text.len() <= MAX_REFERENCE_BYTES) })
}

/// The request whose description ends with the mark of `id`, if the endpoint knows one.
pub(super) fn found(answer: &Answer, written: Written, id: &str) -> Result<Option<Receipt>, ConnectorError> {
    if !answer.status.is_success() {
        return Err(refused(answer.status, answer.retry_after));
    }
    let unreadable = |detail: &str| {
        ConnectorError::new(Failure::Transient, "the requests of the endpoint cannot be read", detail)
    };
    let body = match &answer.body {
        Body::Whole(body) => body,
        Body::TooLong => return Err(unreadable("it is too long")),
        Body::Cut(detail) => return Err(unreadable(detail)),
    };
    let items =
        items(written, "request", body).ok_or_else(|| unreadable("it is no answer of GeoReport v2"))?;
    let mark = mark(id);
    let is_it = |description: String| description.contains(&mark);
    let item = items.iter().find(|item| text(item, "description").is_some_and(is_it));
    Ok(item.map(|item| Receipt {
        reference: text(item, "service_request_id").filter(|text| text.len() <= MAX_REFERENCE_BYTES),
    }))
}

/// The code of the first error that stands in a body.
fn error_inside(written: Written, body: &[u8]) -> Option<StatusCode> {
    let items = items(written, "error", body)?;
    let item = items.first()?;
    let code: u16 = text(item, "code")?.parse().ok()?;
    text(item, "description")?;
    StatusCode::from_u16(code).ok().filter(|status| !status.is_success())
}

fn refused(status: StatusCode, retry_after: Option<Duration>) -> ConnectorError {
    let with = |failure, words| ConnectorError::new(failure, words, status.as_u16());
    match status {
        StatusCode::TOO_MANY_REQUESTS => with(Failure::Transient, "the endpoint has too much to do")
            .retry_after(Some(retry_after.unwrap_or(BUSY_WAIT))),
        // No message is to blame for the key.
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
            with(Failure::Down, "the endpoint refuses the API key")
        }
        // A gateway answers for a service that may have heard.
        StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT => {
            with(Failure::Unknown, "the gateway of the endpoint had no answer")
        }
        StatusCode::REQUEST_TIMEOUT => with(Failure::Transient, "the endpoint cannot take it now"),
        status if status.is_server_error() => {
            with(Failure::Transient, "the endpoint cannot take it now").retry_after(retry_after)
        }
        status if status.is_redirection() => {
            with(Failure::Permanent, "the endpoint answers with a redirect, which is not followed")
        }
        StatusCode::NOT_FOUND => with(
            Failure::Permanent,
            "the endpoint does not know the service, the jurisdiction or the address",
        ),
        _ => with(Failure::Permanent, "the endpoint refuses it"),
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;
    use postroom_request::header::HeaderMap;

    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer {
            status: StatusCode::from_u16(status).expect("a status"),
            headers: HeaderMap::new(),
            retry_after: None,
            body: Body::Whole(body.as_bytes().to_vec()),
            at: DateTime::UNIX_EPOCH,
        }
    }

    #[test]
    fn every_status_has_its_meaning() {
        use Failure::{Down, Permanent, Transient, Unknown};
        for (failure, statuses) in [
            (Transient, &[408, 429, 500, 503][..]),
            (Unknown, &[502, 504]),
            (Down, &[401, 403]),
            (Permanent, &[301, 307, 400, 404, 405, 410, 413, 422]),
        ] {
            for status in statuses {
                let error = receipt(&answer(*status, ""), Written::Json).expect_err("an error");
                assert_eq!(error.failure, failure, "{status}");
            }
        }
        let wait = receipt(&answer(429, ""), Written::Json).expect_err("an error").retry_after;
        assert_eq!(wait, Some(BUSY_WAIT));
    }

    #[test]
    fn the_id_is_the_reference_and_else_the_token_and_a_black_box_has_none() {
        let reference = |body: &str| receipt(&answer(200, body), Written::Json).expect("a receipt").reference;
        let id = "[{\"service_request_id\": 293944, \"token\": null, \"service_notice\": \"Soon\"}]";
        assert_eq!(reference(id).as_deref(), Some("293944"));
        assert_eq!(reference("[{\"token\": \"t-1\"}]").as_deref(), Some("t-1"));
        assert_eq!(reference("[{\"service_request_id\": null}]"), None);
    }

    #[test]
    fn an_error_inside_a_success_is_an_error_and_its_description_is_not_repeated() {
        let json = "[{\"code\": 400, \"description\": \"Ada Example is not known\"}]";
        let xml = "<errors><error><code>400</code><description>Ada Example</description></error></errors>";
        for (written, body) in [(Written::Json, json), (Written::Xml, xml)] {
            let error = receipt(&answer(200, body), written).expect_err(body);
            assert_eq!(
                (error.failure, error.to_string().as_str()),
                (Failure::Permanent, "the endpoint refuses it: 400")
            );
        }
    }

    #[test]
    fn a_success_that_cannot_be_understood_may_have_been_one() {
        for body in [
            "",
            "{",
            "[]",
            "[1]",
            "[{}]",
            "{\"status\": \"maintenance\"}",
            "<html/>",
            "<service_requests><request><status>open</status></request></service_requests>",
        ] {
            for written in [Written::Json, Written::Xml] {
                let error = receipt(&answer(200, body), written).expect_err(body);
                assert_eq!(error.failure, Failure::Unknown, "{body}");
            }
        }
        let cut = Answer { body: Body::Cut("reset".to_owned()), ..answer(200, "") };
        assert_eq!(receipt(&cut, Written::Json).expect_err("an error").failure, Failure::Unknown);
        assert_eq!(found(&cut, Written::Json, "id").expect_err("an error").failure, Failure::Transient);
    }

    #[test]
    fn a_request_is_found_by_the_mark_in_its_description_only() {
        let list = "[{\"service_request_id\": 1, \"description\": \"(Ref id-10)\"}, {\"service_request_id\": 2, \
                    \"description\": \"A hole\\n(Ref id-1)\"}, {\"service_request_id\": 3, \"description\": null}]";
        let find = |id: &str| found(&answer(200, list), Written::Json, id).expect("an answer");
        assert_eq!(find("id-1").and_then(|receipt| receipt.reference).as_deref(), Some("2"));
        assert_eq!(find("id-2"), None);
    }
}
