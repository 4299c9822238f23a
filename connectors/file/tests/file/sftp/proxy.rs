//! A line between a connector and its server that counts, and that a test can cut at a moment of its choice.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Instant;

use crate::room::DEADLINE;

/// Which way bytes go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Way {
    ToServer,
    ToClient,
}

/// Asked before bytes are handed on, with how many went that way before on this line: whether the line is cut instead.
type Gate = Box<dyn FnMut(Way, u64) -> bool + Send>;

#[derive(Default)]
struct Shared {
    gate: Mutex<Option<Gate>>,
    to_client: AtomicU64,
    connections: AtomicU64,
    open: AtomicU64,
}

pub(crate) struct Proxy {
    pub(crate) port: u16,
    shared: Arc<Shared>,
}

impl Proxy {
    /// A proxy before the server at `port`, which may go and come again.
    pub(crate) fn before(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let own = listener.local_addr().expect("an address").port();
        let shared = Arc::new(Shared::default());
        let kept = Arc::clone(&shared);
        thread::spawn(move || {
            while let Ok((client, _)) = listener.accept() {
                kept.connections.fetch_add(1, Ordering::SeqCst);
                let Ok(server) = TcpStream::connect(("127.0.0.1", port)) else { continue };
                kept.open.fetch_add(1, Ordering::SeqCst);
                let again = || (client.try_clone().expect("a socket"), server.try_clone().expect("a socket"));
                let (down, up) = (again(), again());
                let (one, other) = (Arc::clone(&kept), Arc::clone(&kept));
                thread::spawn(move || {
                    pump(&one, Way::ToClient, &down.1, &down.0);
                    one.open.fetch_sub(1, Ordering::SeqCst);
                });
                thread::spawn(move || pump(&other, Way::ToServer, &up.0, &up.1));
            }
        });
        Self { port: own, shared }
    }

    /// Cuts the line once, when `gate` says so.
    pub(crate) fn cut_when(&self, gate: impl FnMut(Way, u64) -> bool + Send + 'static) {
        *self.shared.gate.lock().expect("a gate") = Some(Box::new(gate));
    }

    /// Whether the line was cut since it was last told when.
    pub(crate) fn has_cut(&self) -> bool {
        self.shared.gate.lock().expect("a gate").is_none()
    }

    /// Bytes that came from the server, over all lines.
    pub(crate) fn bytes_to_client(&self) -> u64 {
        self.shared.to_client.load(Ordering::SeqCst)
    }

    pub(crate) fn connections(&self) -> u64 {
        self.shared.connections.load(Ordering::SeqCst)
    }

    /// Waits until no line is open.
    pub(crate) async fn all_closed(&self) {
        let begun = Instant::now();
        while self.shared.open.load(Ordering::SeqCst) > 0 {
            assert!(begun.elapsed() < DEADLINE, "a line stays open");
            tokio::task::yield_now().await;
        }
    }
}

fn pump(shared: &Shared, way: Way, mut from: &TcpStream, mut to: &TcpStream) {
    let mut bytes = vec![0; 16 * 1024];
    let mut before = 0;
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        let mut gate = shared.gate.lock().expect("a gate");
        if gate.as_mut().is_some_and(|gate| gate(way, before)) {
            *gate = None;
            break;
        }
        drop(gate);
        before += count as u64;
        if way == Way::ToClient {
            shared.to_client.fetch_add(count as u64, Ordering::SeqCst);
        }
        if to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    for line in [from, to] {
        // The other direction may have closed it.
        let _ = line.shutdown(Shutdown::Both);
    }
}
