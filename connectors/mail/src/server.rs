//! Which mail server, how it is met, and as whom: the table `server` of the settings.

use std::fs::File;
use std::io::{self, Read};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use postroom_connector::{
    CertificateAt, CertificateRole, ExposeSecret, PeerOf, SecretFrom, Settings, SettingsError, parse_duration,
};
use serde::Deserialize;

/// How long a mail may take, from the first try to connect, unless the settings say otherwise.
const TIMEOUT: Duration = Duration::from_secs(60);
/// Longest time a mail may take: it stays within one attempt of the hub.
const LONGEST_TIMEOUT: Duration = Duration::from_secs(100);
/// Shortest time a mail may take: half of it is left to connect.
const SHORTEST_TIMEOUT: Duration = Duration::from_millis(100);
/// Largest file of certificates, in bytes.
const MAX_CA_BYTES: u64 = 1024 * 1024;
const PASSWORD: &str = "server.password";
const CA: &str = "server.ca";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Written {
    host: String,
    port: Option<u16>,
    #[serde(default)]
    tls: TlsMode,
    #[serde(default)]
    plain: bool,
    ca: Option<PathBuf>,
    hello: Option<String>,
    user: Option<String>,
    password: Option<toml::Value>,
    timeout: Option<String>,
}

/// How the line is protected.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum TlsMode {
    /// From the first byte (RFC 8314).
    #[default]
    Required,
    /// After STARTTLS, which a server must offer.
    StartTls,
    Off,
}

impl TlsMode {
    const fn port(self) -> u16 {
        match self {
            Self::Required => 465,
            Self::StartTls => 587,
            Self::Off => 25,
        }
    }
}

/// Settings of the server; no secret is read yet.
#[derive(Debug, Clone)]
pub(crate) struct ServerSettings {
    host: String,
    port: u16,
    tls: TlsMode,
    ca: Option<PathBuf>,
    hello: ClientId,
    login: Option<(String, SecretFrom)>,
    timeout: Duration,
}

/// A server that can be met.
pub(crate) struct Server {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) tls: Tls,
    /// What the hub calls itself.
    pub(crate) hello: ClientId,
    pub(crate) login: Option<Credentials>,
    /// How long a mail may take.
    pub(crate) timeout: Duration,
    /// Whose certificate it shows.
    pub(crate) peer: PeerOf,
}

/// How the line is protected, and by whose certificates.
pub(crate) enum Tls {
    FromTheStart(TlsParameters),
    Started(TlsParameters),
    Off,
}

impl ServerSettings {
    pub(crate) fn new(written: Written) -> Result<Self, SettingsError> {
        let Written { host, port, tls, plain, ca, hello, user, password, timeout } = written;
        if host.is_empty() || host.chars().any(|c| c.is_whitespace() || c.is_control() || c == '/') {
            return Err(SettingsError::new("server.host", "the name of a mail server, without a port"));
        }
        if tls == TlsMode::Off && !plain && !is_loopback(&host) {
            let words = "without TLS anybody can read the mail: `required`, `starttls`, or `plain = true`";
            return Err(SettingsError::new("server.tls", words));
        }
        if tls == TlsMode::Off && ca.is_some() {
            return Err(SettingsError::new(CA, "`ca` goes with TLS"));
        }
        let login = match (user, password) {
            (Some(user), Some(password)) => Some((user, SecretFrom::read(PASSWORD, password)?)),
            (None, None) => None,
            (Some(_), None) => return Err(SettingsError::new(PASSWORD, "`user` needs a `password`")),
            (None, Some(_)) => return Err(SettingsError::new("server.user", "`password` needs a `user`")),
        };
        Ok(Self {
            host,
            port: port.unwrap_or(tls.port()),
            tls,
            ca,
            hello: client_id(hello)?,
            login,
            timeout: timeout_of(timeout.as_deref())?,
        })
    }

    /// The authorities that the settings name.
    pub(crate) fn certificates(&self, settings: &Settings) -> Vec<CertificateAt> {
        let ca = self.ca.iter().map(|path| settings.path(path));
        ca.map(|path| CertificateAt::file(CA, CertificateRole::Authority, path)).collect()
    }

    /// The files that it is made from.
    pub(crate) fn files(&self, settings: &Settings) -> Vec<PathBuf> {
        let password = self.login.as_ref().and_then(|(_, from)| from.file());
        password.into_iter().chain(self.ca.as_deref()).map(|path| settings.path(path)).collect()
    }

    /// The server, with its secret and its certificates read.
    pub(crate) fn open(&self, settings: &Settings) -> Result<Server, SettingsError> {
        let login = match &self.login {
            Some((user, from)) => {
                let password = settings.secret(PASSWORD, from)?;
                Some(Credentials::new(user.clone(), password.expose_secret().to_owned()))
            }
            None => None,
        };
        let tls = match self.tls {
            TlsMode::Required => Tls::FromTheStart(self.parameters(settings)?),
            TlsMode::StartTls => Tls::Started(self.parameters(settings)?),
            TlsMode::Off => Tls::Off,
        };
        let (host, hello) = (self.host.clone(), self.hello.clone());
        let peer = PeerOf::new(settings, "target.server");
        Ok(Server { host, port: self.port, tls, hello, login, timeout: self.timeout, peer })
    }

    fn parameters(&self, settings: &Settings) -> Result<TlsParameters, SettingsError> {
        let mut parameters = TlsParameters::builder(self.host.clone());
        if let Some(path) = &self.ca {
            let path = settings.path(path);
            let wrong = || {
                let words = format!("{} holds no certificates, or cannot be read", path.display());
                SettingsError::new(CA, words)
            };
            let pem = read(&path).map_err(|_| wrong())?;
            let certificate = Certificate::from_pem(&pem).map_err(|_| wrong())?;
            parameters =
                parameters.certificate_store(CertificateStore::None).add_root_certificate(certificate);
        }
        parameters.build().map_err(|error| {
            SettingsError::new("server.tls", format!("the machine has no TLS to offer: {error}"))
        })
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_CA_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn is_loopback(host: &str) -> bool {
    host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

fn client_id(hello: Option<String>) -> Result<ClientId, SettingsError> {
    let Some(name) = hello else { return Ok(ClientId::default()) };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    if name.is_empty() || !name.bytes().all(plain) {
        return Err(SettingsError::new("server.hello", "the hub's own name, such as `hub.zedshire.example`"));
    }
    Ok(ClientId::Domain(name))
}

fn timeout_of(written: Option<&str>) -> Result<Duration, SettingsError> {
    let Some(text) = written else { return Ok(TIMEOUT) };
    parse_duration(text).filter(|timeout| (SHORTEST_TIMEOUT..=LONGEST_TIMEOUT).contains(timeout)).ok_or_else(
        || SettingsError::new("server.timeout", "a duration from `100ms` to `100s`, such as `60s`"),
    )
}
