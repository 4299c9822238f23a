//! Sinks and handovers for the tests of the sink.

use std::path::{Path, PathBuf};
use std::time::Duration;

use postroom_connector::{Handover, Outgoing, Settings, Sink, SinkKind};
use postroom_connector_http::HttpSink;
use postroom_event::DispatchId;
use serde_json::Value;
use tokio::time::{Instant, interval};

/// Longest wait for a condition.
const DEADLINE: Duration = Duration::from_secs(30);
/// A name that no error may hold.
pub(crate) const CANARY: &str = "Zebediah Quillfeather";

/// A sink by settings in TOML; files of secrets lie in `data`.
pub(crate) fn sink_in(data: &Path, text: &str) -> Box<dyn Sink> {
    let table = text.parse().expect("TOML");
    let settings = Settings { table, data: data.to_owned(), system: "till".to_owned() };
    HttpSink.check(&settings).expect("settings");
    HttpSink.build(&settings).expect("a sink")
}

/// The same without files.
pub(crate) fn sink(text: &str) -> Box<dyn Sink> {
    sink_in(Path::new("/data"), text)
}

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

/// Tries until it is done, or fails at the deadline.
pub(crate) async fn until(what: &str, mut done: impl AsyncFnMut() -> bool) {
    let (began, mut pace) = (Instant::now(), interval(Duration::from_millis(100)));
    while !done().await {
        assert!(began.elapsed() < DEADLINE, "{what} did not happen within {DEADLINE:?}");
        pace.tick().await;
    }
}

/// Writes a file beside its place and renames it, as whoever replaces a secret does.
pub(crate) fn replace(file: &Path, text: &str) -> PathBuf {
    let beside = file.with_extension("new");
    std::fs::write(&beside, text).expect("a file");
    std::fs::rename(&beside, file).expect("a file");
    file.to_owned()
}
