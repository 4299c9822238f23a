//! One address: takes connections, a bounded number at the same time, and closes them in good order.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::{CancellationToken, DropGuard};

use crate::answering::{Door, Visitor, answer};
use crate::claims::Routes;
use crate::limits::{ACCEPT_PAUSE, CERTIFICATE_LOOK, CLOSING_TIMEOUT, MAX_HEAD_BYTES, MOST_HEADERS};
use crate::tls::{Material, client};
use crate::{Patience, TlsError};

/// What the listener of an address works with.
pub(crate) struct Serving {
    pub(crate) routes: Arc<Routes>,
    pub(crate) patience: Patience,
    pub(crate) certificate: Option<Material>,
    /// Why the certificate that stands in the files now is not used.
    pub(crate) trouble: Arc<Mutex<Option<TlsError>>>,
    pub(crate) stop: CancellationToken,
}

impl Serving {
    /// Takes connections until it is stopped; `closed` is dropped when the address is free again. What was taken by then
    /// goes on to the end of its answer.
    pub(crate) async fn run(mut self, listener: TcpListener, closed: DropGuard) {
        let places = Arc::new(Semaphore::new(self.patience.connections));
        let bytes = Arc::new(Semaphore::new(self.patience.body_bytes.min(Semaphore::MAX_PERMITS)));
        let door = Arc::new(Door { routes: Arc::clone(&self.routes), body: self.patience.body, bytes });
        let mut look = interval(CERTIFICATE_LOOK);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = self.stop.cancelled() => break,
                _ = look.tick(), if self.certificate.is_some() => self.look_at_certificate().await,
                taken = take(&listener, &places) => {
                    let Some((stream, peer, place)) = taken else { continue };
                    let line = Line {
                        peer,
                        acceptor: self.certificate.as_ref().map(Material::acceptor),
                        patience: self.patience,
                        door: Arc::clone(&door),
                        stop: self.stop.clone(),
                        _place: place,
                    };
                    tokio::spawn(line.open(stream));
                }
            }
        }
        drop(listener);
        drop(closed);
    }

    /// Takes up a certificate that was replaced. One that cannot be used is left alone, and told.
    async fn look_at_certificate(&mut self) {
        let Some(certificate) = &self.certificate else { return };
        let changed = certificate.changed().await;
        let mut trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner);
        match changed {
            Ok(changed) => {
                *trouble = None;
                self.certificate = changed.or(self.certificate.take());
            }
            Err(error) => *trouble = Some(error),
        }
    }
}

/// The next connection, once there is a place for it.
async fn take(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => Some((stream, peer, place)),
        Err(_) => {
            // Gone again before it was taken, or the machine has no more: both pass.
            sleep(ACCEPT_PAUSE).await;
            None
        }
    }
}

/// One connection, and its place.
struct Line {
    peer: SocketAddr,
    acceptor: Option<TlsAcceptor>,
    patience: Patience,
    door: Arc<Door>,
    stop: CancellationToken,
    _place: OwnedSemaphorePermit,
}

impl Line {
    async fn open(self, stream: TcpStream) {
        // Answers are small and awaited; where it cannot be had, they are late.
        let _ = stream.set_nodelay(true);
        let Some(acceptor) = &self.acceptor else {
            let visitor = Visitor { peer: self.peer, certificate: None };
            return self.converse(stream, visitor).await;
        };
        let Ok(Ok(stream)) = timeout(self.patience.handshake, acceptor.accept(stream)).await else { return };
        let shown = stream.get_ref().1.peer_certificates().and_then(<[_]>::first);
        let certificate = shown.map(|certificate| Arc::new(client(certificate)));
        self.converse(stream, Visitor { peer: self.peer, certificate }).await;
    }

    /// Answers one request after the other, until the client leaves, is too slow, or the connection is old.
    async fn converse(&self, stream: impl AsyncRead + AsyncWrite + Unpin, visitor: Visitor) {
        let door = &self.door;
        let service = service_fn(move |request| answer(Arc::clone(door), visitor.clone(), request));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(self.patience.head)
            .max_headers(MOST_HEADERS)
            .max_buf_size(MAX_HEAD_BYTES)
            .serve_connection(TokioIo::new(stream), service);
        tokio::pin!(connection);
        tokio::select! {
            // However it ended, there is nobody to tell.
            _ = connection.as_mut() => return,
            () = sleep(self.patience.connection) => {}
            () = self.stop.cancelled() => {}
        }
        connection.as_mut().graceful_shutdown();
        let _ = timeout(CLOSING_TIMEOUT, connection).await;
    }
}
