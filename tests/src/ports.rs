//! Ports of this machine for servers that are started later, or again: each for one test alone, whichever process it is in.

#![expect(clippy::expect_used, reason = "support for tests: what goes wrong here fails the test")]

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};

use uuid::Uuid;

/// The kernel gives none of these to whoever connects, or asks for any.
const PORTS: Range<u16> = 20_000..32_000;

/// Locks of the ports that are this process's, until it ends.
static TAKEN: Mutex<Vec<File>> = Mutex::new(Vec::new());

/// A port to which nothing is bound, and which nobody else who asks here is given while this process lives.
pub fn free() -> u16 {
    let count = PORTS.end - PORTS.start;
    let first = u16::try_from(Uuid::new_v4().as_u128() % u128::from(count)).expect("a number below");
    let mut ports = (0..count).map(|step| PORTS.start + (first + step) % count);
    ports.find(|port| take(*port)).expect("a free port")
}

/// Such a port, on loopback.
pub fn address() -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], free()))
}

/// Takes a port, if it can be locked and nothing is bound to it; whether it did.
fn take(port: u16) -> bool {
    let folder = std::env::temp_dir().join("postroom-ports");
    fs::create_dir_all(&folder).expect("a folder for locks");
    let lock = File::create(folder.join(port.to_string())).expect("a lock");
    let is_free = lock.try_lock().is_ok() && TcpListener::bind(("127.0.0.1", port)).is_ok();
    if is_free {
        TAKEN.lock().unwrap_or_else(PoisonError::into_inner).push(lock);
    }
    is_free
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_port_is_given_once() {
        let given: BTreeSet<u16> = (0..500).map(|_| free()).collect();
        assert_eq!(given.len(), 500);
    }
}
