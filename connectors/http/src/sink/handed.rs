//! Handovers and answers for the tests of this folder.

use std::time::Duration;

use chrono::Utc;
use postroom_connector::{Handover, Outgoing};
use postroom_event::DispatchId;
use postroom_request::header::HeaderMap;
use postroom_request::{Answer, Body, StatusCode};
use serde_json::Value;

/// A handover of one message.
pub(crate) fn handover(message: Value) -> Handover {
    let dispatch = DispatchId::new("/yard", "1", "route");
    let item = Outgoing {
        dispatch,
        event_type: "parcel.moved.v1".to_owned(),
        subject: "parcel:1".to_owned(),
        message: message.into(),
        traceparent: None,
    };
    Handover { id: dispatch.to_string(), items: vec![item] }
}

/// An answer that came whole and asks for seven seconds.
pub(crate) fn answer(status: u16, body: &str) -> Answer {
    Answer {
        status: StatusCode::from_u16(status).expect("a status"),
        headers: HeaderMap::new(),
        retry_after: Some(Duration::from_secs(7)),
        body: Body::Whole(body.as_bytes().to_vec()),
        at: Utc::now(),
    }
}
