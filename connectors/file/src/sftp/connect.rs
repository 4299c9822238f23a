//! From nothing to an open session: the line, the server's key, our own, and the subsystem. What the server is not told
//! before its key was found to be one of the settings: who we are, and anything secret.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use postroom_connector::{ConnectorError, ExposeSecret, Failure, SecretString, Settings};
use russh::Preferred;
use russh::client::{self, AuthResult, Handle};
use russh::keys::ssh_key::{HashAlg, PublicKey};
use russh::keys::{Algorithm, EcdsaCurve, PrivateKey, PrivateKeyWithHashAlg, decode_secret_key};
use russh_sftp::client::RawSftpSession;
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::bounded::Bounded;
use super::session::{Line, Session};
use super::settings::{Access, Login};
use super::trouble::told;
use crate::failure::interrupted;

/// How often a line on which nothing comes is tried, and after how many tries without an answer it is given up.
const KEEPALIVE: (Duration, usize) = (Duration::from_secs(15), 3);
const SUBSYSTEM: &str = "sftp";
/// Kinds of keys by which a server may be known. The library's default names RSA, which it was built without.
static HOST_KEYS: [Algorithm; 4] = [
    Algorithm::Ed25519,
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 },
    Algorithm::Ecdsa { curve: EcdsaCurve::NistP521 },
];

/// What shows who we are, read anew for every connection, so that a change counts from the next on.
enum Credential {
    Password(SecretString),
    Key(Box<PrivateKey>),
}

/// Knows the server by its key.
pub(super) struct Pinned {
    known: Vec<String>,
    /// The fingerprint that was shown and is not known.
    unknown: Arc<Mutex<Option<String>>>,
}

impl client::Handler for Pinned {
    type Error = russh::Error;

    async fn check_server_key(&mut self, key: &PublicKey) -> Result<bool, Self::Error> {
        let shown = key.fingerprint(HashAlg::Sha256).to_string();
        let is_known = self.known.contains(&shown);
        if !is_known {
            *self.unknown.lock().unwrap_or_else(PoisonError::into_inner) = Some(shown);
        }
        Ok(is_known)
    }
}

/// Opens a session, within the time of the settings for the whole of it.
pub(super) async fn connect(access: &Access, settings: &Settings) -> Result<Session, ConnectorError> {
    let credential = read_credential(access.login.clone(), settings.clone()).await?;
    let opened = timeout(access.timeout, open(access, credential)).await;
    opened.unwrap_or_else(|_| {
        Err(ConnectorError::new(Failure::Down, CONNECTING, "the server was not ready within `sftp.timeout`"))
    })
}

const CONNECTING: &str = "connecting to the SFTP server";

async fn open(access: &Access, credential: Credential) -> Result<Session, ConnectorError> {
    let stream = TcpStream::connect((access.host.as_str(), access.port)).await.map_err(unreachable)?;
    stream.set_nodelay(true).map_err(unreachable)?;
    let stream = stream.into_std().map_err(unreachable)?;
    let line = Line(stream.try_clone().map_err(unreachable)?);
    let stream = TcpStream::from_std(stream).map_err(unreachable)?;

    let unknown = Arc::new(Mutex::new(None));
    let pinned = Pinned { known: access.host_keys.clone(), unknown: Arc::clone(&unknown) };
    let config = client::Config {
        keepalive_interval: Some(KEEPALIVE.0),
        keepalive_max: KEEPALIVE.1,
        inactivity_timeout: None,
        preferred: Preferred { key: Cow::Borrowed(&HOST_KEYS), ..Preferred::DEFAULT },
        ..client::Config::default()
    };
    let mut ssh = client::connect_stream(Arc::new(config), stream, pinned)
        .await
        .map_err(|error| not_agreed(&error, &access.host_keys, &unknown))?;
    show_who_we_are(&mut ssh, access, credential).await?;

    let channel = ssh.channel_open_session().await.map_err(|error| no_subsystem(&error))?;
    channel.request_subsystem(true, SUBSYSTEM).await.map_err(|error| no_subsystem(&error))?;
    let (stream, end) = Bounded::new(channel.into_stream());
    let raw = RawSftpSession::new(stream);
    // Its own limit is in whole seconds; ours ends sooner.
    raw.set_timeout(access.timeout.as_secs() + 1);
    Session::begin(raw, (ssh, line, end), access.timeout).await.map_err(told(CONNECTING))
}

fn unreachable(error: std::io::Error) -> ConnectorError {
    ConnectorError::new(Failure::Down, CONNECTING, error)
}

fn not_agreed(error: &russh::Error, known: &[String], unknown: &Mutex<Option<String>>) -> ConnectorError {
    if let Some(shown) = unknown.lock().unwrap_or_else(PoisonError::into_inner).take() {
        let words = "the server's key is not the one of `sftp.host_key`; nothing was sent to it";
        let detail = format!("it shows {shown}, the settings say {}", known.join(" or "));
        return ConnectorError::new(Failure::Down, words, detail);
    }
    ConnectorError::new(Failure::Down, CONNECTING, error)
}

fn no_subsystem(error: &russh::Error) -> ConnectorError {
    ConnectorError::new(Failure::Down, "the server opens no SFTP session", error)
}

async fn show_who_we_are(
    ssh: &mut Handle<Pinned>,
    access: &Access,
    credential: Credential,
) -> Result<(), ConnectorError> {
    let (key, shown) = match credential {
        Credential::Password(password) => {
            ("sftp.password", ssh.authenticate_password(access.user.as_str(), password.expose_secret()).await)
        }
        Credential::Key(private) => {
            let key = PrivateKeyWithHashAlg::new(Arc::new(*private), None);
            ("sftp.key", ssh.authenticate_publickey(access.user.as_str(), key).await)
        }
    };
    match shown {
        Ok(AuthResult::Success) if !ssh.is_closed() => Ok(()),
        Ok(AuthResult::Failure { .. }) if !ssh.is_closed() => {
            let words = format!("the server does not let us in: `sftp.user` with `{key}` is not accepted");
            Err(ConnectorError::new(Failure::Down, words, ""))
        }
        Ok(_) => Err(ConnectorError::new(Failure::Down, CONNECTING, "the connection is lost")),
        Err(error) => Err(ConnectorError::new(Failure::Down, CONNECTING, error)),
    }
}

/// Reads the secrets; to open a key takes a while.
async fn read_credential(login: Login, settings: Settings) -> Result<Credential, ConnectorError> {
    spawn_blocking(move || match login {
        Login::Password(from) => secret(&settings, "sftp.password", &from).map(Credential::Password),
        Login::Key { key, passphrase } => {
            let text = secret(&settings, "sftp.key", &key)?;
            let read = |from| secret(&settings, "sftp.passphrase", from);
            let passphrase = passphrase.as_ref().map(read).transpose()?;
            let opened =
                decode_secret_key(text.expose_secret(), passphrase.as_ref().map(ExposeSecret::expose_secret));
            // What is wrong with it is not told: the words of the library may repeat a part of it.
            opened.map(|private| Credential::Key(Box::new(private))).map_err(|_| {
                let words = "`sftp.key` is no Ed25519 or ECDSA key that can be read, or `sftp.passphrase` does not open it";
                ConnectorError::new(Failure::Down, words, "")
            })
        }
    })
    .await
    .map_err(interrupted)?
}

fn secret(
    settings: &Settings,
    key: &str,
    from: &postroom_connector::SecretFrom,
) -> Result<SecretString, ConnectorError> {
    let told = |error| ConnectorError::new(Failure::Down, "the settings are wrong", error);
    settings.secret(key, from).map_err(told)
}
