//! Who may send: every proof that the settings ask for must be there, and why one is not is told to nobody.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use postroom_connector::{Settings, SettingsError};
use postroom_listener::header::AUTHORIZATION;
use postroom_listener::{Asked, ClientCertificate};

use super::signature::Scheme;
use crate::source::secrets::{Secrets, SecretsFrom};

/// What the settings ask of a sender.
#[derive(Debug, Clone)]
pub(super) enum Proof {
    Hmac(Scheme, SecretsFrom),
    Bearer(SecretsFrom),
    Basic(String, SecretsFrom),
    Certificate(Known),
}

/// The certificate of a client, by one of its names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Known {
    /// SHA-256 of the certificate, in hex of lower case.
    Fingerprint(String),
    /// The distinguished name of its subject.
    Subject(String),
}

/// The proofs with their secrets.
pub(super) struct Gate(Vec<(Proof, Option<Secrets>)>);

impl Gate {
    /// Reads the secrets; blocking.
    pub(super) fn new(proofs: &[Proof], settings: &Settings) -> Result<Self, SettingsError> {
        let with_secrets = |proof: &Proof| {
            let secrets = match proof {
                Proof::Hmac(_, from) | Proof::Bearer(from) | Proof::Basic(_, from) => {
                    Some(from.secrets(settings)?)
                }
                Proof::Certificate(_) => None,
            };
            Ok((proof.clone(), secrets))
        };
        proofs.iter().map(with_secrets).collect::<Result<_, _>>().map(Self)
    }

    /// Whether the sender has proved everything; no proof asked for is nobody let in.
    pub(super) fn admits(&self, asked: &Asked, now: DateTime<Utc>) -> bool {
        !self.0.is_empty()
            && self.0.iter().all(|(proof, secrets)| match (proof, secrets) {
                (Proof::Hmac(scheme, _), Some(secrets)) => {
                    scheme.holds(secrets, &asked.headers, &asked.body, now)
                }
                (Proof::Bearer(_), Some(secrets)) => credentials(asked, "bearer")
                    .is_some_and(|given| secrets.any(given.as_bytes(), <[u8]>::to_vec)),
                (Proof::Basic(user, _), Some(secrets)) => credentials(asked, "basic")
                    .is_some_and(|given| secrets.any(given.as_bytes(), |secret| basic(user, secret))),
                (Proof::Certificate(known), _) => {
                    asked.client_certificate.as_deref().is_some_and(|shown| known.is(shown))
                }
                (_, None) => false,
            })
    }

    /// What a sender is asked for who gave nothing right, where it may wait to be asked.
    pub(super) fn challenge(&self) -> Option<&'static str> {
        let basic = |(proof, _): &(Proof, Option<Secrets>)| matches!(proof, Proof::Basic(..));
        self.0.iter().any(basic).then_some("Basic realm=\"hooks\"")
    }
}

impl Known {
    fn is(&self, shown: &ClientCertificate) -> bool {
        match self {
            Self::Fingerprint(fingerprint) => *fingerprint == shown.fingerprint,
            Self::Subject(subject) => !shown.subject.is_empty() && *subject == shown.subject,
        }
    }
}

/// What stands behind the scheme in `Authorization`.
fn credentials<'a>(asked: &'a Asked, scheme: &str) -> Option<&'a str> {
    let mut values = asked.headers.get_all(AUTHORIZATION).iter();
    let (given, credentials) = values.next()?.to_str().ok()?.split_once(' ')?;
    (given.eq_ignore_ascii_case(scheme) && values.next().is_none()).then_some(credentials.trim())
}

fn basic(user: &str, password: &[u8]) -> Vec<u8> {
    STANDARD.encode([user.as_bytes(), b":", password].concat()).into_bytes()
}
