//! An OpenTelemetry collector on loopback, which keeps what it is sent.

use std::io::{BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;

use super::http::message;

/// A collector that takes everything.
pub struct Collector {
    address: SocketAddr,
    requests: Requests,
}

/// The bodies of what was sent.
type Requests = Arc<Mutex<Vec<Vec<u8>>>>;

impl Collector {
    /// A collector on a free port.
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address");
        let requests = Requests::default();
        let kept = Arc::clone(&requests);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let mut reader = BufReader::new(stream);
                while let Some((_, body)) = message(&mut reader) {
                    kept.lock().unwrap_or_else(PoisonError::into_inner).push(body);
                    let answer = b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
                    if reader.get_mut().write_all(answer).is_err() {
                        break;
                    }
                }
            }
        });
        Self { address, requests }
    }

    /// What `otlp` under `[telemetry]` says of it.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The bodies of all requests so far.
    pub fn requests(&self) -> Vec<Vec<u8>> {
        self.requests.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The spans so far.
    pub fn spans(&self) -> Vec<Span> {
        let requests = self.requests().into_iter();
        let requests = requests.map(|body| ExportTraceServiceRequest::decode(body.as_slice()).expect("OTLP"));
        let scopes = requests.flat_map(|request| request.resource_spans).flat_map(|spans| spans.scope_spans);
        scopes.flat_map(|scope| scope.spans).collect()
    }
}
