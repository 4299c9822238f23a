//! Who may send: every proof that the settings ask for must be there, and why one is not is told to nobody.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, Utc};
use postroom_connector::{Secrets, SecretsFrom, Settings, SettingsError};
use postroom_listener::{Asked, Known};

use super::signature::Scheme;

/// What the settings ask of a sender.
#[derive(Debug, Clone)]
pub(super) enum Proof {
    Hmac(Scheme, SecretsFrom),
    Bearer(SecretsFrom),
    Basic(String, SecretsFrom),
    Certificate(Known),
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
                (Proof::Bearer(_), Some(secrets)) => asked
                    .credentials("bearer")
                    .is_some_and(|given| secrets.any(given.as_bytes(), <[u8]>::to_vec)),
                (Proof::Basic(user, _), Some(secrets)) => asked
                    .credentials("basic")
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

fn basic(user: &str, password: &[u8]) -> Vec<u8> {
    STANDARD.encode([user.as_bytes(), b":", password].concat()).into_bytes()
}
