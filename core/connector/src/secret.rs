//! Secrets: the settings name where one is and never hold it. Knows no connector.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use secrecy::SecretString;
use serde::Deserialize;

use crate::{Settings, SettingsError};

/// Longest secret in a file, in bytes: a certificate chain with its key has room.
const MAX_SECRET_BYTES: u64 = 64 * 1024;

/// Where a secret is: `{ file = "..." }` or `{ env = "NAME" }`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretFrom {
    /// A file, under the data folder unless its path is absolute; a line feed at its end does not count.
    File(PathBuf),
    /// A variable of the hub's environment.
    Env(String),
}

impl SecretFrom {
    /// The file as it was written, where the secret is in one.
    pub fn file(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Env(_) => None,
        }
    }

    /// Reads what the setting `key` says.
    ///
    /// # Errors
    /// When it is anything else; the words do not repeat it, as it may be the secret itself.
    pub fn read(key: &str, value: toml::Value) -> Result<Self, SettingsError> {
        Self::deserialize(value).map_err(|_| {
            SettingsError::new(key, "a secret is named by `{ file = \"...\" }` or `{ env = \"NAME\" }`")
        })
    }
}

impl Settings {
    /// Reads the secret that the setting `key` names.
    ///
    /// # Errors
    /// When there is none, or it is no text; the words never hold it.
    pub fn secret(&self, key: &str, from: &SecretFrom) -> Result<SecretString, SettingsError> {
        let (text, place) = match from {
            SecretFrom::Env(name) => (std::env::var(name).ok(), format!("the variable `{name}`")),
            SecretFrom::File(path) => {
                let path = self.path(path);
                (read(&path).ok(), format!("the file {}", path.display()))
            }
        };
        match text.as_deref().map(str::trim_end) {
            None | Some("") => {
                Err(SettingsError::new(key, format!("{place} holds no secret, or cannot be read")))
            }
            Some(secret) => Ok(secret.into()),
        }
    }
}

fn read(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(MAX_SECRET_BYTES).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use secrecy::ExposeSecret;

    use super::*;

    #[test]
    fn a_secret_is_read_from_where_it_is_named_and_never_shown() {
        let data = tempfile::tempdir().expect("a folder");
        std::fs::write(data.path().join("token"), "quite secret\n").expect("a file");
        let settings =
            Settings { table: toml::Table::new(), data: data.path().to_owned(), system: "till".to_owned() };
        let from = |text: &str| {
            SecretFrom::read("bearer", toml::Value::Table(text.parse().expect("TOML"))).expect("a place")
        };
        let secret = settings.secret("bearer", &from("file = 'token'")).expect("a secret");
        assert_eq!(secret.expose_secret(), "quite secret");
        assert!(!format!("{secret:?}").contains("quite"));
        for none in ["file = 'absent'", "env = 'POSTROOM_TEST_NO_SUCH_VARIABLE'"] {
            let error = settings.secret("bearer", &from(none)).expect_err("an error");
            assert_eq!(error.key, "bearer", "{none}");
        }
        let written = SecretFrom::read("bearer", "quite secret".into()).expect_err("an error");
        assert!(!written.to_string().contains("quite"), "{written}");
    }
}
