//! A look at the certificate of a server that is met over TLS by a library which does not tell it: a connection of its own, which
//! ends with the handshake. Nothing is said on it but that TLS is asked for, so that whoever answers is heard; whom to trust is
//! known to the library, which talks to the server in earnest.

use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, Error, SignatureScheme};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout};
use tokio_rustls::TlsConnector;

use crate::{PeerOf, Presented};

/// Longest that a look may take.
const LOOK_TIMEOUT: Duration = Duration::from_secs(5);
/// Shortest time from one look to the next.
const LOOK_EVERY: Duration = Duration::from_secs(3_600);
/// Shortest time from a look that failed to the next.
const LOOK_AGAIN: Duration = Duration::from_secs(60);

/// What is said before TLS begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opening {
    /// Nothing, e.g. AMQP.
    None,
    /// An `SSLRequest` of PostgreSQL, and its answer.
    Postgres,
    /// The greeting of MySQL or MariaDB, and the `SSLRequest` that answers it.
    MySql,
}

/// A server that is met over TLS.
#[derive(Debug)]
pub struct TlsServer {
    peer: PeerOf,
    host: String,
    port: u16,
    opening: Opening,
    /// When the next look may begin.
    next: Mutex<Option<Instant>>,
}

impl TlsServer {
    /// The server at `host`, whose certificate is noted as that of `peer`.
    pub fn new(peer: PeerOf, host: impl Into<String>, port: u16, opening: Opening) -> Self {
        Self { peer, host: host.into(), port, opening, next: Mutex::default() }
    }

    /// Whose certificate it shows.
    pub fn peer(&self) -> &PeerOf {
        &self.peer
    }

    /// Notes in [`Presented`] until when what it shows now holds, unless it was looked at less than an hour ago. It
    /// takes 5 s at most; that it fails is told by whoever meets the server in earnest.
    pub async fn look(&self) {
        let now = Instant::now();
        if !self.is_due(now) {
            return;
        }
        if let Ok(Ok(())) = timeout(LOOK_TIMEOUT, self.meet()).await {
            *self.next.lock().unwrap_or_else(PoisonError::into_inner) = Some(now + LOOK_EVERY);
        }
    }

    fn is_due(&self, now: Instant) -> bool {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        let is_due = next.is_none_or(|next| next <= now);
        if is_due {
            *next = Some(now + LOOK_AGAIN);
        }
        is_due
    }

    async fn meet(&self) -> io::Result<()> {
        let provider = Arc::new(ring::default_provider());
        let looking = Arc::new(Looking { peer: self.peer.clone(), provider: Arc::clone(&provider) });
        let config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(io::Error::other)?
            .dangerous()
            .with_custom_certificate_verifier(looking)
            .with_no_client_auth();
        let name = ServerName::try_from(self.host.clone()).map_err(io::Error::other)?;
        let mut line = TcpStream::connect((self.host.as_str(), self.port)).await?;
        match self.opening {
            Opening::None => {}
            Opening::Postgres => open_postgres(&mut line).await?,
            Opening::MySql => open_mysql(&mut line).await?,
        }
        let mut line = TlsConnector::from(Arc::new(config)).connect(name, line).await?;
        line.shutdown().await
    }
}

/// PostgreSQL, "SSL Session Encryption" of its protocol.
async fn open_postgres(line: &mut TcpStream) -> io::Result<()> {
    const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 0x04, 0xd2, 0x16, 0x2f];
    line.write_all(&SSL_REQUEST).await?;
    if line.read_u8().await? == b'S' { Ok(()) } else { Err(io::ErrorKind::Unsupported.into()) }
}

/// MySQL, "Protocol::HandshakeV10" and "Protocol::SSLRequest".
async fn open_mysql(line: &mut TcpStream) -> io::Result<()> {
    /// Largest greeting, in bytes: its one text is the version of the server.
    const MAX_GREETING: usize = 1_024;
    const VERSION: u8 = 10;
    const PROTOCOL_41: u32 = 0x200;
    const SSL: u32 = 0x800;
    const SECURE_CONNECTION: u32 = 0x8000;
    const MAX_PACKET: u32 = 0xff_ffff;
    const UTF8MB4: u8 = 45;

    let mut head = [0; 4];
    line.read_exact(&mut head).await?;
    let length = usize::from(head[0]) | usize::from(head[1]) << 8 | usize::from(head[2]) << 16;
    if !(1..=MAX_GREETING).contains(&length) {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut greeting = vec![0; length];
    line.read_exact(&mut greeting).await?;
    if greeting[0] != VERSION {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    let mut request = vec![32, 0, 0, head[3].wrapping_add(1)];
    request.extend((PROTOCOL_41 | SSL | SECURE_CONNECTION).to_le_bytes());
    request.extend(MAX_PACKET.to_le_bytes());
    request.push(UTF8MB4);
    request.extend([0; 23]);
    line.write_all(&request).await
}

/// Hears everybody who proves to have the key of what he shows, and notes it.
#[derive(Debug)]
struct Looking {
    peer: PeerOf,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Looking {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Presented::shared().note(&self.peer, end_entity);
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};
    use rustls::ServerConfig;
    use rustls::pki_types::PrivateKeyDer;
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    use super::*;

    /// TLS as a server, by a certificate that ends with the last second of the year before, and that nobody trusts.
    fn acceptor(year: i32) -> TlsAcceptor {
        let mut params = CertificateParams::new(vec!["another.example".to_owned()]).expect("a name");
        params.not_after = date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate").der().clone();
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key");
        let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .and_then(|config| config.with_no_client_auth().with_single_cert(vec![certificate], key));
        TlsAcceptor::from(Arc::new(config.expect("TLS")))
    }

    async fn server(name: &str, opening: Opening) -> (TcpListener, TlsServer) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let peer = PeerOf { system: name.to_owned(), setting: "broker.url" };
        (listener, TlsServer::new(peer, "127.0.0.1", port, opening))
    }

    fn noted(server: &TlsServer) -> Option<String> {
        Presented::shared().all().get(server.peer()).map(chrono::DateTime::to_rfc3339)
    }

    #[tokio::test]
    async fn what_a_server_shows_is_noted_and_nothing_is_said_to_it() {
        let (listener, server) = server("shows", Opening::None).await;
        let said = async {
            let (line, _) = listener.accept().await.expect("a connection");
            let mut line = acceptor(2041).accept(line).await.expect("TLS");
            let mut said = Vec::new();
            line.read_to_end(&mut said).await.expect("an end in good order");
            said
        };
        let ((), said) = tokio::join!(server.look(), said);
        assert_eq!(noted(&server).as_deref(), Some("2041-01-01T00:00:00+00:00"));
        assert!(said.is_empty(), "{said:?}");
    }

    /// Lets time pass, which else only waits for the other side.
    async fn pass(time: Duration) {
        tokio::time::pause();
        tokio::time::advance(time).await;
        tokio::time::resume();
    }

    #[tokio::test]
    async fn a_server_is_looked_at_once_an_hour_and_again_soon_where_that_failed() {
        let (listener, server) = server("hourly", Opening::None).await;
        let accept = async |year| {
            let (line, _) = listener.accept().await.expect("a connection");
            let mut line = acceptor(year).accept(line).await.expect("TLS");
            line.read_to_end(&mut Vec::new()).await.expect("an end in good order");
        };
        let year = || noted(&server).map(|noted| noted[..4].to_owned());
        let refuse = async { drop(listener.accept().await.expect("a connection")) };
        tokio::join!(server.look(), refuse);
        assert_eq!(year(), None);
        pass(LOOK_AGAIN).await;
        tokio::join!(server.look(), accept(2041));
        assert_eq!(year().as_deref(), Some("2041"));
        pass(LOOK_EVERY / 2).await;
        server.look().await;
        pass(LOOK_EVERY / 2).await;
        tokio::join!(server.look(), accept(2042));
        assert_eq!(year().as_deref(), Some("2042"), "and nobody came between");
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_says_nothing_is_left_when_the_time_is_up() {
        for opening in [Opening::None, Opening::Postgres, Opening::MySql] {
            let (_listener, server) = server("silent", opening).await;
            let begun = Instant::now();
            server.look().await;
            assert!(begun.elapsed() < LOOK_TIMEOUT * 2, "{opening:?}");
            assert_eq!(noted(&server), None);
        }
    }

    #[tokio::test]
    async fn a_server_that_wants_no_tls_or_sends_something_else_is_asked_for_no_more() {
        for (opening, answer) in [
            (Opening::Postgres, &b"N"[..]),
            (Opening::MySql, b"\x03\0\0\0\xff\x10\x04"),
            (Opening::MySql, b"\0\0\0\0"),
            (Opening::MySql, b"\xff\xff\xff\0"),
        ] {
            let (listener, server) = server("plain", opening).await;
            let answering = async {
                let (mut line, _) = listener.accept().await.expect("a connection");
                line.write_all(answer).await.expect("said");
                let mut said = Vec::new();
                // One that ends before it has read all is cut.
                let _ = line.read_to_end(&mut said).await;
                said.len()
            };
            let ((), said) = tokio::join!(server.look(), answering);
            let expected = if opening == Opening::Postgres { 8 } else { 0 };
            assert_eq!((said, noted(&server)), (expected, None), "{answer:?}");
        }
    }
}
