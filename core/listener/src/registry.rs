//! Which addresses are listened to: one listener an address, begun with its first claim and ended with its last.

use std::collections::{BTreeSet, HashMap};
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};

use tokio::net::TcpListener;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

use crate::claims::{Routes, path_fault};
use crate::limits::RELEASE_TIMEOUT;
use crate::serving::Serving;
use crate::tls::Material;
use crate::{Claim, Patience, Tls, TlsError, Wanted};

/// Why a path cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// The path is no path.
    #[error("the path `{path}`: {words}")]
    Path {
        /// The path.
        path: String,
        /// What is wrong.
        words: &'static str,
    },
    /// Somebody else has it.
    #[error("the path `{path}` at {address} is claimed already")]
    Taken {
        /// The address.
        address: SocketAddr,
        /// The path.
        path: String,
    },
    /// Somebody else listens there with other TLS.
    #[error("{address} is listened to with other TLS settings")]
    OtherTls {
        /// The address.
        address: SocketAddr,
    },
    /// The certificate cannot be used.
    #[error("the certificate of {address}")]
    Tls {
        /// The address.
        address: SocketAddr,
        /// Which file, and why.
        #[source]
        fault: TlsError,
    },
    /// The address cannot be listened to.
    #[error("listening at {address}")]
    Listening {
        /// The address.
        address: SocketAddr,
        /// Why.
        #[source]
        error: io::Error,
    },
}

/// The listeners of a process, or of a test.
#[derive(Debug, Clone, Default)]
pub struct Listeners(Arc<Registry>);

#[derive(Debug, Default)]
pub(crate) struct Registry {
    patience: Patience,
    state: Mutex<State>,
    /// One begins to listen after the other.
    opening: tokio::sync::Mutex<()>,
}

#[derive(Debug, Default)]
struct State {
    open: HashMap<SocketAddr, Open>,
    /// Addresses that were given up: cancelled when they are free.
    closing: HashMap<SocketAddr, CancellationToken>,
    /// Paths that somebody will claim, whether the address is listened to or not.
    expected: HashMap<SocketAddr, BTreeSet<String>>,
}

/// An address that is listened to.
#[derive(Debug)]
struct Open {
    tls: Option<Tls>,
    routes: Arc<Routes>,
    trouble: Arc<Mutex<Option<TlsError>>>,
    stop: CancellationToken,
    closed: CancellationToken,
}

impl Listeners {
    /// The listeners of this process.
    pub fn shared() -> &'static Self {
        static SHARED: LazyLock<Listeners> = LazyLock::new(Listeners::default);
        &SHARED
    }

    /// Listeners of their own, with this patience.
    pub fn new(patience: Patience) -> Self {
        Self(Arc::new(Registry { patience, ..Registry::default() }))
    }

    /// Holds a path of an address, and begins to listen where nobody does yet. Port 0 is a free port of its own.
    ///
    /// # Errors
    /// Where the path is somebody else's, the address is listened to with other TLS, or it cannot be listened to.
    pub async fn claim(&self, wanted: Wanted) -> Result<Claim, ClaimError> {
        if let Some(words) = path_fault(&wanted.path) {
            return Err(ClaimError::Path { path: wanted.path, words });
        }
        let _one_by_one = self.0.opening.lock().await;
        if let Some(held) = self.0.hold(wanted.address, &wanted) {
            return held;
        }
        let address = self.0.open(&wanted).await?;
        // Nobody else has seen it yet, so it is there.
        let gone = ClaimError::Listening { address, error: io::ErrorKind::NotConnected.into() };
        self.0.hold(address, &wanted).unwrap_or(Err(gone))
    }

    /// Says that a path of an address will be claimed: until then its senders are told to come again, where the address is
    /// listened to for others.
    pub fn expect(&self, address: SocketAddr, path: &str) {
        let mut state = self.0.lock();
        state.expected.entry(address).or_default().insert(path.to_owned());
        if let Some(open) = state.open.get(&address) {
            open.routes.expect(path);
        }
    }

    /// Certificates that were replaced by something that cannot be used: the ones before go on being shown.
    pub fn troubles(&self) -> Vec<(SocketAddr, TlsError)> {
        let state = self.0.lock();
        let trouble = |open: &Open| open.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone();
        state.open.iter().filter_map(|(address, open)| Some((*address, trouble(open)?))).collect()
    }
}

impl Registry {
    /// A path of an address that is listened to; nothing where it is not.
    fn hold(self: &Arc<Self>, address: SocketAddr, wanted: &Wanted) -> Option<Result<Claim, ClaimError>> {
        let state = self.lock();
        let open = state.open.get(&address)?;
        if open.tls != wanted.tls {
            return Some(Err(ClaimError::OtherTls { address }));
        }
        let path = wanted.path.clone();
        Some(match open.routes.hold(wanted) {
            None => Err(ClaimError::Taken { address, path }),
            Some(requests) => Ok(Claim { requests, address, path, registry: Arc::clone(self) }),
        })
    }

    /// Begins to listen: the address with its port.
    async fn open(&self, wanted: &Wanted) -> Result<SocketAddr, ClaimError> {
        self.until_free(wanted.address).await;
        let failed = |error| ClaimError::Listening { address: wanted.address, error };
        let certificate = match wanted.tls.clone() {
            None => None,
            Some(tls) => {
                let material = Material::load(tls).await;
                Some(material.map_err(|fault| ClaimError::Tls { address: wanted.address, fault })?)
            }
        };
        let listener = TcpListener::bind(wanted.address).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let expected = self.lock().expected.get(&address).cloned().unwrap_or_default();
        let open = Open {
            tls: wanted.tls.clone(),
            routes: Arc::new(Routes::expecting(expected)),
            trouble: Arc::default(),
            stop: CancellationToken::new(),
            closed: CancellationToken::new(),
        };
        let serving = Serving {
            routes: Arc::clone(&open.routes),
            patience: self.patience,
            certificate,
            trouble: Arc::clone(&open.trouble),
            stop: open.stop.clone(),
        };
        tokio::spawn(serving.run(listener, open.closed.clone().drop_guard()));
        self.lock().open.insert(address, open);
        Ok(address)
    }

    /// Waits until an address that was given up is free.
    async fn until_free(&self, address: SocketAddr) {
        let closed = self.lock().closing.get(&address).cloned();
        if let Some(closed) = closed {
            // Where it takes longer, listening says so.
            let _ = timeout(RELEASE_TIMEOUT, closed.cancelled()).await;
            self.lock().closing.remove(&address);
        }
    }

    /// Lets a path go, and the address with the last one.
    pub(crate) fn release(&self, address: SocketAddr, path: &str) {
        let mut state = self.lock();
        if state.open.get(&address).is_some_and(|open| open.routes.let_go(path))
            && let Some(open) = state.open.remove(&address)
        {
            open.stop.cancel();
            state.closing.insert(address, open.closed);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
