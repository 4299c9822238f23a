//! A wire to the broker that a test cuts and mends.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

/// A wire on loopback; it lasts as long as the test's process.
pub struct Proxy {
    port: u16,
    wire: Arc<Mutex<Wire>>,
}

#[derive(Default)]
struct Wire {
    whole: bool,
    /// Connections that came while it was cut.
    turned_away: usize,
    open: Vec<TcpStream>,
}

impl Proxy {
    /// A wire to the broker at `url`, cut at first.
    pub fn to(url: &str) -> Self {
        let backend = backend(url);
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        let port = listener.local_addr().expect("its number").port();
        let wire = Arc::new(Mutex::new(Wire::default()));
        let shared = Arc::clone(&wire);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                join(client, backend, &shared);
            }
        });
        Self { port, wire }
    }

    /// The URL of the broker at the end of this wire.
    pub fn url(&self, url: &str) -> String {
        let broker = backend(url);
        url.replace(&format!(":{}", broker.port()), &format!(":{}", self.port))
            .replace("localhost", "127.0.0.1")
    }

    /// Cuts the wire: what is on it is lost, and nothing gets through.
    pub fn cut(&self) {
        let mut wire = lock(&self.wire);
        wire.whole = false;
        for end in wire.open.drain(..) {
            // An end that is gone already is cut.
            let _ = end.shutdown(Shutdown::Both);
        }
    }

    /// Lets everything through from now on.
    pub fn mend(&self) {
        lock(&self.wire).whole = true;
    }

    /// How many connections were tried while the wire was cut.
    pub fn turned_away(&self) -> usize {
        lock(&self.wire).turned_away
    }
}

fn lock(wire: &Mutex<Wire>) -> MutexGuard<'_, Wire> {
    wire.lock().unwrap_or_else(PoisonError::into_inner)
}

fn join(client: TcpStream, backend: SocketAddr, shared: &Mutex<Wire>) {
    let mut wire = lock(shared);
    if !wire.whole {
        wire.turned_away += 1;
        return;
    }
    let Ok(server) = TcpStream::connect(backend) else { return };
    let ends = [&client, &server, &client, &server]
        .map(|end| end.try_clone().expect("a second hold on a connection"));
    wire.open.extend([client, server]);
    let [from_client, to_server, to_client, from_server] = ends;
    thread::spawn(move || carry(from_client, to_server));
    thread::spawn(move || carry(from_server, to_client));
}

fn carry(mut from: TcpStream, mut to: TcpStream) {
    let mut piece = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut piece) {
        if to.write_all(&piece[..length]).is_err() {
            break;
        }
    }
    // The other end must hear that this one is gone.
    let _ = to.shutdown(Shutdown::Both);
}

fn backend(url: &str) -> SocketAddr {
    let place = url.rsplit('@').next().expect("a url with a place");
    let place = place.split('/').next().expect("a url with a place").replace("localhost", "127.0.0.1");
    let place = if place.contains(':') { place } else { format!("{place}:5672") };
    place.parse().expect("a url with the address of the broker")
}
