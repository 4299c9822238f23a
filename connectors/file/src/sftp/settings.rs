//! The table `sftp = { ... }`: which server, as whom, and how it is known; and how files of a server are taken. Opens
//! nothing and reads no secret.

use std::time::Duration;

use postroom_connector::{SecretFrom, SettingsError, parse_duration, words_of};
use russh::keys::ssh_key::Fingerprint;
use serde::Deserialize;

use super::names::fault_of;
use crate::settings::Place;

const PORT: u16 = 22;
/// How long the server may take to connect, and to answer each request, unless the settings say otherwise.
const TIMEOUT: Duration = Duration::from_secs(30);
/// Shortest and longest time that the settings may give it.
const TIMEOUTS: (Duration, Duration) = (Duration::from_millis(500), Duration::from_secs(50));
/// How often the folder is looked into, unless the settings say otherwise.
const EVERY: Duration = Duration::from_secs(10);
/// Shortest and longest time between two looks.
const LOOKS: (Duration, Duration) = (Duration::from_millis(100), Duration::from_secs(86_400));
/// Largest file that is taken, in MiB, unless the settings say otherwise.
const LARGEST_MIB: u64 = 1024;
/// Most that the settings may say, in MiB: 1 TiB.
const MOST_MIB: u64 = 1024 * 1024;
const MIB: u64 = 1024 * 1024;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    host: String,
    port: Option<u16>,
    user: String,
    folder: String,
    host_key: toml::Value,
    password: Option<toml::Value>,
    key: Option<toml::Value>,
    passphrase: Option<toml::Value>,
    timeout: Option<String>,
}

/// A folder of a server, and how it is reached.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) user: String,
    /// Absolute, without a slash at its end.
    pub(super) folder: String,
    /// Fingerprints of the keys by which the server is known; at least one.
    pub(super) host_keys: Vec<String>,
    pub(super) login: Login,
    pub(super) timeout: Duration,
}

/// How we show who we are.
#[derive(Debug, Clone)]
pub(super) enum Login {
    Password(SecretFrom),
    Key { key: SecretFrom, passphrase: Option<SecretFrom> },
}

impl Access {
    pub(crate) fn read(table: toml::Table) -> Result<Self, SettingsError> {
        let written = Written::deserialize(toml::Value::Table(table))
            .map_err(|error| SettingsError::new("sftp", words_of(&error)))?;
        for (key, text) in [("sftp.host", &written.host), ("sftp.user", &written.user)] {
            if text.is_empty() || text.contains(char::is_whitespace) {
                return Err(SettingsError::new(key, "a name without spaces"));
            }
        }
        Ok(Self {
            folder: folder(&written.folder)?,
            host_keys: host_keys(&written.host_key)?,
            login: login(written.password, written.key, written.passphrase)?,
            timeout: timeout(written.timeout.as_deref())?,
            port: written.port.unwrap_or(PORT),
            host: written.host,
            user: written.user,
        })
    }
}

fn folder(text: &str) -> Result<String, SettingsError> {
    let wrong = || SettingsError::new("sftp.folder", "an absolute path on the server, such as `/outgoing`");
    let path = text.strip_prefix('/').ok_or_else(wrong)?.trim_end_matches('/');
    let plain = |part: &str| part != "." && part != ".." && fault_of(part).is_none();
    if path.is_empty() || path.split('/').all(plain) { Ok(format!("/{path}")) } else { Err(wrong()) }
}

fn host_keys(written: &toml::Value) -> Result<Vec<String>, SettingsError> {
    let wrong = || {
        let words = "the fingerprint of the server's key such as `SHA256:...`, or a list of them: \
                     `ssh-keyscan HOST | ssh-keygen -lf -` shows it; ask the server's owner whether it is theirs";
        SettingsError::new("sftp.host_key", words)
    };
    let list = match written {
        toml::Value::Array(list) if !list.is_empty() => list.as_slice(),
        one => std::slice::from_ref(one),
    };
    let read = |value: &toml::Value| {
        let text = value.as_str().ok_or_else(wrong)?;
        let fingerprint: Fingerprint = text.parse().map_err(|_| wrong())?;
        if fingerprint.is_sha256() { Ok(fingerprint.to_string()) } else { Err(wrong()) }
    };
    list.iter().map(read).collect()
}

fn login(
    password: Option<toml::Value>,
    key: Option<toml::Value>,
    passphrase: Option<toml::Value>,
) -> Result<Login, SettingsError> {
    match (password, key, passphrase) {
        (Some(password), None, None) => Ok(Login::Password(SecretFrom::read("sftp.password", password)?)),
        (None, Some(key), passphrase) => {
            let read = |value| SecretFrom::read("sftp.passphrase", value);
            Ok(Login::Key {
                key: SecretFrom::read("sftp.key", key)?,
                passphrase: passphrase.map(read).transpose()?,
            })
        }
        (_, None, Some(_)) => Err(SettingsError::new("sftp.passphrase", "`passphrase` goes with `key`")),
        _ => Err(SettingsError::new("sftp.key", "either `key` or `password`")),
    }
}

fn timeout(written: Option<&str>) -> Result<Duration, SettingsError> {
    let Some(text) = written else { return Ok(TIMEOUT) };
    parse_duration(text)
        .filter(|timeout| (TIMEOUTS.0..=TIMEOUTS.1).contains(timeout))
        .ok_or_else(|| SettingsError::new("sftp.timeout", "a duration from `500ms` to `50s`, such as `30s`"))
}

/// How files of a server are taken, as the council wrote it.
pub(crate) struct WrittenInbox {
    pub(crate) after: Option<String>,
    pub(crate) every: Option<String>,
    pub(crate) largest_mib: Option<u64>,
}

/// How files of a server are taken.
#[derive(Debug, Clone)]
pub(crate) struct Inbox {
    pub(super) access: Access,
    pub(super) after: After,
    /// How often the folder is looked into.
    pub(super) every: Duration,
    /// Most bytes of a file that is taken.
    pub(super) largest: u64,
}

/// What becomes of a file that was taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    /// It is moved into `done` or `refused`.
    Move,
    /// It stays, and is remembered.
    Leave,
}

impl WrittenInbox {
    /// What was written for files at `place`.
    pub(crate) fn at(self, place: Place<Access>) -> Result<Place<Inbox>, SettingsError> {
        match place {
            Place::Folder(folder) => self.unsaid().map(|()| Place::Folder(folder)),
            Place::Sftp(access) => Ok(Place::Sftp(Inbox {
                access,
                after: after(self.after.as_deref())?,
                every: every(self.every.as_deref())?,
                largest: largest(self.largest_mib)?,
            })),
        }
    }

    /// Files of this machine have none of it.
    fn unsaid(&self) -> Result<(), SettingsError> {
        let said = [
            ("after", self.after.is_some()),
            ("every", self.every.is_some()),
            ("largest_mib", self.largest_mib.is_some()),
        ];
        match said.into_iter().find(|(_, is_said)| *is_said) {
            Some((key, _)) => Err(SettingsError::new(key, format!("`{key}` goes with `sftp`"))),
            None => Ok(()),
        }
    }
}

fn after(written: Option<&str>) -> Result<After, SettingsError> {
    match written {
        None | Some("move") => Ok(After::Move),
        Some("leave") => Ok(After::Leave),
        Some(_) => Err(SettingsError::new("after", "`move` or `leave`")),
    }
}

fn every(written: Option<&str>) -> Result<Duration, SettingsError> {
    let Some(text) = written else { return Ok(EVERY) };
    parse_duration(text)
        .filter(|every| (LOOKS.0..=LOOKS.1).contains(every))
        .ok_or_else(|| SettingsError::new("every", "a duration from `100ms` to `1d`, such as `10s`"))
}

fn largest(written: Option<u64>) -> Result<u64, SettingsError> {
    match written.unwrap_or(LARGEST_MIB) {
        mib @ 1..=MOST_MIB => Ok(mib * MIB),
        _ => Err(SettingsError::new("largest_mib", format!("a number from 1 to {MOST_MIB}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PINNED: &str = "SHA256:uNiVztksCsDhcc0u9e8BrrQXVUpKZIDTMczCvj3tD2s";

    fn access(text: &str) -> Result<Access, SettingsError> {
        Access::read(text.parse().expect("TOML"))
    }

    fn with(more: &str) -> String {
        format!("host = 'files.example'\nuser = 'hub'\n{more}")
    }

    fn pinned(more: &str) -> String {
        with(&format!("folder = '/outgoing/'\nhost_key = '{PINNED}'\n{more}"))
    }

    #[test]
    fn what_is_not_said_is_port_22_and_thirty_seconds() {
        let read = access(&pinned("key = { file = 'id' }")).expect("settings");
        assert_eq!((read.port, read.timeout, read.folder.as_str()), (22, TIMEOUT, "/outgoing"));
        assert_eq!(read.host_keys, [PINNED]);
        assert!(matches!(read.login, Login::Key { passphrase: None, .. }));
    }

    #[test]
    fn settings_that_cannot_work_are_refused_with_their_key_and_never_show_a_secret() {
        let key = "key = { file = 'id' }";
        for (wrong, expected) in [
            (pinned(""), "sftp.key"),
            (pinned(&format!("{key}\npassword = {{ env = 'A' }}")), "sftp.key"),
            (pinned("password = 'quite-secret'"), "sftp.password"),
            (pinned("password = { env = 'A' }\npassphrase = { env = 'B' }"), "sftp.passphrase"),
            (pinned("passphrase = { env = 'B' }"), "sftp.passphrase"),
            (pinned(&format!("{key}\npassphrase = 'quite-secret'")), "sftp.passphrase"),
            (pinned(&format!("{key}\ntimeout = '2min'")), "sftp.timeout"),
            (pinned(&format!("{key}\nfingerprint = 'x'")), "sftp"),
            (with(&format!("folder = '/o'\n{key}")), "sftp"),
            (with(&format!("folder = '/o'\nhost_key = []\n{key}")), "sftp.host_key"),
            (with(&format!("folder = '/o'\nhost_key = 'any'\n{key}")), "sftp.host_key"),
            (with(&format!("folder = '/o'\nhost_key = true\n{key}")), "sftp.host_key"),
            (with(&format!("folder = 'o'\nhost_key = '{PINNED}'\n{key}")), "sftp.folder"),
            (with(&format!("folder = '/o/../etc'\nhost_key = '{PINNED}'\n{key}")), "sftp.folder"),
            (format!("user = ''\nhost = 'h'\nfolder = '/o'\nhost_key = '{PINNED}'\n{key}"), "sftp.user"),
        ] {
            let error = access(&wrong).expect_err(&wrong);
            assert_eq!(error.key, expected, "{wrong}: {error}");
            assert!(!error.to_string().contains("quite-secret"), "{error}");
        }
    }

    #[test]
    fn how_files_are_taken_has_its_bounds() {
        let read = |after: &str, every: &str, largest_mib: u64| {
            let access = access(&pinned("key = { file = 'id' }")).expect("settings");
            let (after, every) = (Some(after.to_owned()), Some(every.to_owned()));
            WrittenInbox { after, every, largest_mib: Some(largest_mib) }.at(Place::Sftp(access))
        };
        assert!(read("leave", "1min", 1).is_ok());
        for (after, every, largest, key) in [
            ("delete", "1min", 1, "after"),
            ("move", "1", 1, "every"),
            ("move", "10ms", 1, "every"),
            ("move", "1min", 0, "largest_mib"),
            ("move", "1min", MOST_MIB + 1, "largest_mib"),
        ] {
            assert_eq!(read(after, every, largest).expect_err(key).key, key);
        }
    }
}
