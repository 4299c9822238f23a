//! Who may ask: every proof that the settings ask for must be there, and why one is not is told to nobody.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use postroom_connector::{Secrets, SecretsFrom, Settings, SettingsError};
use serde::Deserialize;

use crate::{Asked, Known, Tls};

/// The table `basic`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenBasic {
    user: String,
    password: toml::Value,
}

/// The table `client_certificate`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenCertificate {
    fingerprint: Option<String>,
    subject: Option<String>,
}

/// The settings that say how a client proves who it is.
pub struct WrittenProofs {
    /// `bearer`: a token, or two while one is changed.
    pub bearer: Option<toml::Value>,
    /// `basic`.
    pub basic: Option<WrittenBasic>,
    /// `client_certificate`.
    pub client_certificate: Option<WrittenCertificate>,
}

/// What the settings ask of a client; no secret is read yet.
#[derive(Debug, Clone)]
pub enum Proof {
    /// A token.
    Bearer(SecretsFrom),
    /// A name and its password.
    Basic(String, SecretsFrom),
    /// A certificate, which an authority of the address has signed.
    Certificate(Known),
}

/// A proof with its secrets.
enum Lock {
    Bearer(Secrets),
    Basic(String, Secrets),
    Certificate(Known),
}

/// The proofs with their secrets.
pub struct Gate(Vec<Lock>);

impl WrittenProofs {
    /// The proofs, of which there may be none; `tls` is that of the address.
    ///
    /// # Errors
    /// The first setting that is wrong.
    pub fn read(self, tls: Option<&Tls>) -> Result<Vec<Proof>, SettingsError> {
        let certificate = self.client_certificate.map(|written| certificate(written, tls)).transpose()?;
        let authorization = authorization(self.bearer, self.basic)?;
        Ok(certificate.into_iter().chain(authorization).collect())
    }
}

fn certificate(written: WrittenCertificate, tls: Option<&Tls>) -> Result<Proof, SettingsError> {
    let wrong = |words: &str| SettingsError::new("client_certificate", words);
    if tls.is_none_or(|tls| tls.client_ca.is_none()) {
        return Err(wrong(
            "a client proves itself by a certificate where `tls.client_ca` says who signed it",
        ));
    }
    Known::read(written.fingerprint, written.subject).map(Proof::Certificate).map_err(wrong)
}

fn authorization(
    bearer: Option<toml::Value>,
    basic: Option<WrittenBasic>,
) -> Result<Option<Proof>, SettingsError> {
    match (bearer, basic) {
        (Some(_), Some(_)) => Err(SettingsError::new("bearer", "either `bearer` or `basic`")),
        (Some(bearer), None) => Ok(Some(Proof::Bearer(SecretsFrom::read("bearer", bearer)?))),
        (None, Some(basic)) if basic.user.is_empty() || basic.user.contains(':') => {
            Err(SettingsError::new("basic.user", "a name without a colon"))
        }
        (None, Some(basic)) => {
            let password = SecretsFrom::read("basic.password", basic.password)?;
            Ok(Some(Proof::Basic(basic.user, password)))
        }
        (None, None) => Ok(None),
    }
}

impl Gate {
    /// Reads the secrets; blocking.
    ///
    /// # Errors
    /// The first that cannot be read.
    pub fn new(proofs: &[Proof], settings: &Settings) -> Result<Self, SettingsError> {
        let lock = |proof: &Proof| {
            Ok(match proof {
                Proof::Bearer(from) => Lock::Bearer(from.secrets(settings)?),
                Proof::Basic(user, from) => Lock::Basic(user.clone(), from.secrets(settings)?),
                Proof::Certificate(known) => Lock::Certificate(known.clone()),
            })
        };
        proofs.iter().map(lock).collect::<Result<_, _>>().map(Self)
    }

    /// Whether the client has proved everything; no proof asked for is nobody let in.
    pub fn admits(&self, asked: &Asked) -> bool {
        !self.0.is_empty() && self.0.iter().all(|lock| lock.opens(asked))
    }

    /// What a client is asked for in `WWW-Authenticate` that gave nothing right.
    pub fn challenge(&self) -> Option<&'static str> {
        self.0.iter().find_map(|lock| match lock {
            Lock::Bearer(_) => Some("Bearer realm=\"postroom\""),
            Lock::Basic(..) => Some("Basic realm=\"postroom\""),
            Lock::Certificate(_) => None,
        })
    }
}

impl Lock {
    fn opens(&self, asked: &Asked) -> bool {
        let given = |scheme| asked.credentials(scheme).map(str::as_bytes);
        match self {
            Self::Bearer(secrets) => given("bearer").is_some_and(|given| secrets.any(given, <[u8]>::to_vec)),
            Self::Basic(user, secrets) => {
                given("basic").is_some_and(|given| secrets.any(given, |secret| basic(user, secret)))
            }
            Self::Certificate(known) => {
                asked.client_certificate.as_deref().is_some_and(|shown| known.is(shown))
            }
        }
    }
}

fn basic(user: &str, password: &[u8]) -> Vec<u8> {
    STANDARD.encode([user.as_bytes(), b":", password].concat()).into_bytes()
}
