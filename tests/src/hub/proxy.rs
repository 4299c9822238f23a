//! A wire to the broker that a test cuts, slows down, leaves half-open and mends.

use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// A wire on loopback; it lasts as long as the test's process.
pub struct Proxy {
    port: u16,
    wire: Arc<Mutex<Wire>>,
}

/// How the wire carries what comes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Carries {
    /// Nothing, and whoever connects is turned away.
    #[default]
    Cut,
    /// Everything at once.
    Whole,
    /// Each piece after so long.
    Slow(Duration),
    /// Nothing, and neither end is told.
    Swallows,
}

#[derive(Default)]
struct Wire {
    carries: Carries,
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
        wire.carries = Carries::Cut;
        wire.drop_all();
    }

    /// Lets everything through from now on; what was half-open is cut.
    pub fn mend(&self) {
        let mut wire = lock(&self.wire);
        if wire.carries == Carries::Swallows {
            wire.drop_all();
        }
        wire.carries = Carries::Whole;
    }

    /// Carries each piece after `delay` only, from now on.
    pub fn slow_down(&self, delay: Duration) {
        lock(&self.wire).carries = Carries::Slow(delay);
    }

    /// Carries nothing from now on, and tells neither end: half-open.
    pub fn swallow(&self) {
        lock(&self.wire).carries = Carries::Swallows;
    }

    /// How many connections were tried while the wire was cut.
    pub fn turned_away(&self) -> usize {
        lock(&self.wire).turned_away
    }
}

impl Wire {
    fn drop_all(&mut self) {
        for end in self.open.drain(..) {
            // An end that is gone already is cut.
            let _ = end.shutdown(Shutdown::Both);
        }
    }
}

fn lock(wire: &Mutex<Wire>) -> MutexGuard<'_, Wire> {
    wire.lock().unwrap_or_else(PoisonError::into_inner)
}

fn join(client: TcpStream, backend: SocketAddr, shared: &Arc<Mutex<Wire>>) {
    let mut wire = lock(shared);
    if wire.carries == Carries::Cut {
        wire.turned_away += 1;
        return;
    }
    let Ok(server) = TcpStream::connect(backend) else { return };
    let ends = [&client, &server, &client, &server]
        .map(|end| end.try_clone().expect("a second hold on a connection"));
    wire.open.extend([client, server]);
    let [from_client, to_server, to_client, from_server] = ends;
    let (there, back) = (Arc::clone(shared), Arc::clone(shared));
    thread::spawn(move || carry(from_client, to_server, &there));
    thread::spawn(move || carry(from_server, to_client, &back));
}

fn carry(mut from: TcpStream, mut to: TcpStream, wire: &Mutex<Wire>) {
    let mut piece = [0; 16 * 1024];
    while let Ok(length @ 1..) = from.read(&mut piece) {
        let carries = lock(wire).carries;
        match carries {
            Carries::Swallows => continue,
            Carries::Slow(delay) => wait(delay),
            Carries::Whole | Carries::Cut => {}
        }
        if to.write_all(&piece[..length]).is_err() {
            break;
        }
    }
    // The other end must hear that this one is gone.
    let _ = to.shutdown(Shutdown::Both);
}

fn wait(delay: Duration) {
    let until = Instant::now() + delay;
    while let Some(left) = until.checked_duration_since(Instant::now()) {
        thread::park_timeout(left);
    }
}

fn backend(url: &str) -> SocketAddr {
    let place = url.rsplit('@').next().expect("a url with a place");
    let place = place.split('/').next().expect("a url with a place").replace("localhost", "127.0.0.1");
    let place = if place.contains(':') { place } else { format!("{place}:5672") };
    place.parse().expect("a url with the address of the broker")
}
