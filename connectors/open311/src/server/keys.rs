//! API keys of those who may report: each app has one, and it can be changed while the hub runs.

use postroom_connector::{ExposeSecret, SecretFrom, SecretString, Settings, SettingsError};
use subtle::{Choice, ConstantTimeEq};

const KEY: &str = "api_keys";
/// Most keys.
const MOST_KEYS: usize = 50;

/// Where the keys are.
#[derive(Debug, Clone)]
pub(super) struct KeysFrom(Vec<SecretFrom>);

/// The keys.
#[derive(Debug)]
pub(super) struct Keys(Vec<SecretString>);

impl KeysFrom {
    /// From `{ file = "..." }`, `{ env = "NAME" }`, or a list of such.
    pub(super) fn read(value: toml::Value) -> Result<Self, SettingsError> {
        let values = match value {
            toml::Value::Array(values) => values,
            one => vec![one],
        };
        if !(1..=MOST_KEYS).contains(&values.len()) {
            return Err(SettingsError::new(KEY, format!("from 1 to {MOST_KEYS} secrets")));
        }
        values.into_iter().map(|value| SecretFrom::read(KEY, value)).collect::<Result<_, _>>().map(Self)
    }

    /// Reads the keys; blocking.
    pub(super) fn keys(&self, settings: &Settings) -> Result<Keys, SettingsError> {
        self.0.iter().map(|from| settings.secret(KEY, from)).collect::<Result<_, _>>().map(Keys)
    }
}

impl Keys {
    /// Whether `given` is one of them; each is tried, in a time that tells nothing of where it differs.
    pub(super) fn admit(&self, given: &str) -> bool {
        let tries = self.0.iter().map(|key| key.expose_secret().as_bytes().ct_eq(given.as_bytes()));
        tries.fold(Choice::from(0), |any, one| any | one).into()
    }
}
