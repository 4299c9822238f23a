//! Who may send: by a signature, and by what any listener may ask for. Every proof that the settings ask for must be there.

use chrono::{DateTime, Utc};
use postroom_connector::{Secrets, SecretsFrom, Settings, SettingsError};
use postroom_listener::{self as listener, Asked, Proof};

use super::signature::Scheme;

/// How a sender signs.
#[derive(Debug, Clone)]
pub(super) struct Signed {
    pub(super) scheme: Scheme,
    pub(super) secret: SecretsFrom,
}

/// What the settings ask of a sender.
#[derive(Debug, Clone)]
pub(super) struct Proofs {
    pub(super) hmac: Option<Signed>,
    pub(super) others: Vec<Proof>,
}

/// The proofs with their secrets.
pub(super) struct Gate {
    hmac: Option<(Scheme, Secrets)>,
    /// `None` where a signature is all that is asked for.
    others: Option<listener::Gate>,
}

impl Gate {
    /// Reads the secrets; blocking.
    pub(super) fn new(proofs: &Proofs, settings: &Settings) -> Result<Self, SettingsError> {
        let with_secrets = |signed: &Signed| Ok((signed.scheme.clone(), signed.secret.secrets(settings)?));
        let hmac = proofs.hmac.as_ref().map(with_secrets).transpose()?;
        let is_all = hmac.is_some() && proofs.others.is_empty();
        let others = (!is_all).then(|| listener::Gate::new(&proofs.others, settings)).transpose()?;
        Ok(Self { hmac, others })
    }

    /// Whether the sender has proved everything; no proof asked for is nobody let in.
    pub(super) fn admits(&self, asked: &Asked, now: DateTime<Utc>) -> bool {
        let is_signed =
            |(scheme, secrets): &(Scheme, Secrets)| scheme.holds(secrets, &asked.headers, &asked.body, now);
        self.hmac.as_ref().is_none_or(is_signed) && self.others.as_ref().is_none_or(|gate| gate.admits(asked))
    }

    /// What a sender is asked for who gave nothing right, where it may wait to be asked.
    pub(super) fn challenge(&self) -> Option<&'static str> {
        self.others.as_ref().and_then(listener::Gate::challenge)
    }
}
