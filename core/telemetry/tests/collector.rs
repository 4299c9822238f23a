//! A step on its way to a collector that is away at first. One test, because a process has one collector.

#![expect(clippy::expect_used, reason = "what goes wrong here fails the test")]

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::Span as Told;
use postroom_telemetry::{Failed, Span, TraceContext, Traces};
use prost::Message as _;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN: &str = "00f067aa0ba902b7";
/// Longest wait for a step to arrive.
const DEADLINE: Duration = Duration::from_secs(60);

/// A collector on loopback that gives every span it is sent.
fn collect(listener: TcpListener) -> Receiver<Told> {
    let (told, spans) = channel();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut reader = BufReader::new(stream);
            let mut length = None;
            let mut line = String::new();
            while reader.read_line(&mut line).is_ok_and(|read| read > 0) {
                if let Some(text) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = text.trim().parse::<usize>().ok();
                }
                if line == "\r\n"
                    && let Some(length) = length.take()
                {
                    let mut body = vec![0; length];
                    reader.read_exact(&mut body).expect("the whole body");
                    let request = ExportTraceServiceRequest::decode(body.as_slice()).expect("OTLP");
                    let scopes = request.resource_spans.into_iter().flat_map(|spans| spans.scope_spans);
                    for span in scopes.flat_map(|scope| scope.spans) {
                        told.send(span).expect("a test that listens");
                    }
                    let answer = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
                    reader.get_mut().write_all(answer.as_bytes()).expect("a client that listens");
                }
                line.clear();
            }
        }
    });
    spans
}

fn attributes(span: &Told) -> Vec<(&str, &str)> {
    let text = |value: &'_ Option<Value>| matches!(value, Some(Value::StringValue(_)));
    let each = span.attributes.iter().map(|attribute| {
        let value = attribute.value.as_ref().expect("a value");
        assert!(text(&value.value), "{attribute:?}");
        let Some(Value::StringValue(text)) = &value.value else { return (attribute.key.as_str(), "") };
        (attribute.key.as_str(), text.as_str())
    });
    each.collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_step_is_told_under_the_trace_of_its_sender_and_hands_its_own_place_on() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let endpoint = format!("http://{}", listener.local_addr().expect("its address"));
    let spans = collect(listener);
    let traces = Traces::start(&endpoint, "Zedshire").expect("a collector");

    let sent =
        TraceContext::read(&format!("00-{TRACE}-{SPAN}-01"), Some("name=Zebediah")).expect("a context");
    let mut taken = Span::take_in("shop", Some(&sent.parent));
    taken.tell_event("the-key");
    let hop = taken.parent().expect("a place in the trace");
    assert!(hop.starts_with(&format!("00-{TRACE}-")) && hop.ends_with("-01") && !hop.contains(SPAN), "{hop}");
    let mut delivered = Span::deliver("book", "the-dispatch", Some(&hop));
    delivered.tell_outcome("permanent", Failed::Yes);
    drop(delivered);
    drop(taken);
    let unsampled = Span::take_in("shop", Some(&format!("00-{TRACE}-{SPAN}-00"))).parent();
    assert!(unsampled.is_some_and(|hop| hop.ends_with("-00")), "a sender may want no steps of its trace");
    tokio::task::spawn_blocking(move || traces.stop()).await.expect("an end");

    let next = || spans.recv_timeout(DEADLINE).expect("a span");
    let (deliver, take_in) = (next(), next());
    let hex = |bytes: &[u8]| bytes.iter().map(|b| format!("{b:02x}")).collect::<String>();
    assert_eq!((take_in.name.as_str(), deliver.name.as_str()), ("take in", "deliver"));
    assert_eq!((hex(&take_in.trace_id), hex(&deliver.trace_id)), (TRACE.to_owned(), TRACE.to_owned()));
    assert_eq!(hex(&take_in.parent_span_id), SPAN);
    assert_eq!(deliver.parent_span_id, take_in.span_id);
    assert_eq!(attributes(&take_in), [("postroom.system", "shop"), ("postroom.event", "the-key")]);
    let told = [
        ("postroom.target", "book"),
        ("postroom.dispatch", "the-dispatch"),
        ("postroom.outcome", "permanent"),
    ];
    assert_eq!(attributes(&deliver), told);
    assert_eq!(take_in.trace_state + &deliver.trace_state, "", "what a sender wrote there is told to nobody");
    assert!(spans.try_recv().is_err(), "the unsampled step is not told");
}
