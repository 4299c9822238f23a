//! A way to a server that can be ordered to lose what is said at a commit.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// What is said to end a transaction.
const COMMIT: &[u8] = b"COMMIT";

/// What the way does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Does {
    /// It carries everything.
    Carries,
    /// It lets nobody through.
    Closes,
    /// It cuts the line when a commit is said, which does not arrive.
    CutsBefore,
    /// The commit arrives, and the line is cut when the server answers.
    CutsAfter,
    /// The commit arrives, and its answer does not.
    Swallows,
    /// The commit arrives, and so does a byte of its answer.
    Halves,
}

pub(crate) struct Proxy {
    pub(crate) port: u16,
    does: Arc<Mutex<Does>>,
}

impl Proxy {
    /// A way to the server at `port`.
    pub(crate) async fn to(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
        let proxy = Self {
            port: listener.local_addr().expect("an address").port(),
            does: Arc::new(Mutex::new(Does::Carries)),
        };
        let does = Arc::clone(&proxy.does);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if *does.lock().expect("an order") != Does::Closes {
                    tokio::spawn(carry(client, port, Arc::clone(&does)));
                }
            }
        });
        proxy
    }

    pub(crate) fn order(&self, does: Does) {
        *self.does.lock().expect("an order") = does;
    }
}

/// Carries until either side closes, or as it is ordered.
async fn carry(client: TcpStream, port: u16, does: Arc<Mutex<Does>>) {
    let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
    let ((mut from_client, to_client), (from_server, mut to_server)) =
        (client.into_split(), server.into_split());
    let committed = Arc::new(Mutex::new(None));
    let back = tokio::spawn(answers(from_server, to_client, Arc::clone(&committed)));
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from_client.read(&mut bytes).await {
        let now = *does.lock().expect("an order");
        if bytes[..count].windows(COMMIT.len()).any(|part| part == COMMIT) && now != Does::Carries {
            if now == Does::CutsBefore {
                break;
            }
            *committed.lock().expect("a note") = Some(now);
        }
        if to_server.write_all(&bytes[..count]).await.is_err() {
            break;
        }
    }
    back.abort();
}

/// Carries the answers of the server, until one is to be lost.
async fn answers(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, committed: Arc<Mutex<Option<Does>>>) {
    let mut bytes = vec![0; 64 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes).await {
        let lost = *committed.lock().expect("a note");
        let carried = match lost {
            None => to.write_all(&bytes[..count]).await,
            Some(Does::Swallows) => Ok(()),
            Some(does) => {
                let told = if does == Does::Halves { 1 } else { 0 };
                let _ = to.write_all(&bytes[..told]).await;
                return;
            }
        };
        if carried.is_err() {
            return;
        }
    }
}
