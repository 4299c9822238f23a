//! Secrets of which two may be right at the same time, so that one can be changed without a gap.

use secrecy::{ExposeSecret, SecretString};
use subtle::{Choice, ConstantTimeEq};

use crate::{SecretFrom, Settings, SettingsError};

/// Most secrets that are right at the same time.
const MOST_SECRETS: usize = 2;

/// Where the secrets are, and which setting says so.
#[derive(Debug, Clone)]
pub struct SecretsFrom {
    key: String,
    places: Vec<SecretFrom>,
}

/// The secrets.
#[derive(Debug)]
pub struct Secrets(Vec<SecretString>);

impl SecretsFrom {
    /// From `{ file = "..." }`, `{ env = "NAME" }`, or a list of the two that are right for now.
    ///
    /// # Errors
    /// When it is anything else; the words do not repeat it.
    pub fn read(key: &str, value: toml::Value) -> Result<Self, SettingsError> {
        let values = match value {
            toml::Value::Array(values) => values,
            one => vec![one],
        };
        if !(1..=MOST_SECRETS).contains(&values.len()) {
            let words = format!("one secret, or a list of at most {MOST_SECRETS}");
            return Err(SettingsError::new(key, words));
        }
        let places =
            values.into_iter().map(|value| SecretFrom::read(key, value)).collect::<Result<_, _>>()?;
        Ok(Self { key: key.to_owned(), places })
    }

    /// Reads the secrets; blocking.
    ///
    /// # Errors
    /// When one is not there, or is no text.
    pub fn secrets(&self, settings: &Settings) -> Result<Secrets, SettingsError> {
        let read = self.places.iter().map(|from| settings.secret(&self.key, from));
        Ok(Secrets(read.collect::<Result<_, _>>()?))
    }
}

impl Secrets {
    /// Whether `given` is what `expected` makes of one of the secrets. Every secret is tried, whichever it is, and compared in
    /// a time that tells nothing of where it differs.
    pub fn any(&self, given: &[u8], expected: impl Fn(&[u8]) -> Vec<u8>) -> bool {
        let tries = self.0.iter().map(|secret| expected(secret.expose_secret().as_bytes()).ct_eq(given));
        tries.fold(Choice::from(0), |any, one| any | one).into()
    }
}
