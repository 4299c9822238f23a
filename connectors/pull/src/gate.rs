//! Who may fetch and answer: every proof that the settings ask for must be there, and why one is not is told to nobody.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use postroom_connector::{Secrets, SecretsFrom, Settings, SettingsError};
use postroom_listener::{Asked, Known};

/// What the settings ask of a system.
#[derive(Debug, Clone)]
pub(crate) enum Proof {
    Bearer(SecretsFrom),
    Basic(String, SecretsFrom),
    Certificate(Known),
}

/// A proof with its secrets.
enum Lock {
    Bearer(Secrets),
    Basic(String, Secrets),
    Certificate(Known),
}

/// The proofs with their secrets.
pub(crate) struct Gate(Vec<Lock>);

impl Gate {
    /// Reads the secrets; blocking.
    pub(crate) fn new(proofs: &[Proof], settings: &Settings) -> Result<Self, SettingsError> {
        let lock = |proof: &Proof| {
            Ok(match proof {
                Proof::Bearer(from) => Lock::Bearer(from.secrets(settings)?),
                Proof::Basic(user, from) => Lock::Basic(user.clone(), from.secrets(settings)?),
                Proof::Certificate(known) => Lock::Certificate(known.clone()),
            })
        };
        proofs.iter().map(lock).collect::<Result<_, _>>().map(Self)
    }

    /// Whether the system has proved everything; no proof asked for is nobody let in.
    pub(crate) fn admits(&self, asked: &Asked) -> bool {
        !self.0.is_empty() && self.0.iter().all(|lock| lock.opens(asked))
    }

    /// What a system is asked for that gave nothing right.
    pub(crate) fn challenge(&self) -> Option<&'static str> {
        self.0.iter().find_map(|lock| match lock {
            Lock::Bearer(_) => Some("Bearer realm=\"queues\""),
            Lock::Basic(..) => Some("Basic realm=\"queues\""),
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
