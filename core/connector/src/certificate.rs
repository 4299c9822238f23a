//! Certificates that settings name: where each is, what it is for, and until when it holds. Knows no connector and no line,
//! and repeats nothing of what a file holds.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use chrono::{DateTime, Utc};
use x509_parser::parse_x509_certificate;
use x509_parser::pem::Pem;

use crate::{SecretFrom, Settings, SettingsError};

/// Largest file of certificates that is looked at, in bytes: all authorities of a machine have room.
const MAX_CERTIFICATE_BYTES: u64 = 1024 * 1024;
/// What stands before a certificate in PEM (RFC 7468).
const LABEL: &str = "CERTIFICATE";

/// What a certificate is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateRole {
    /// The hub shows it.
    Own,
    /// The certificates of peers that the hub asks are signed with it.
    Authority,
    /// The certificates of clients that ask the hub are signed with it.
    ClientAuthority,
}

impl CertificateRole {
    /// The role as metrics and logs name it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Own => "own",
            Self::Authority => "authority",
            Self::ClientAuthority => "client-authority",
        }
    }
}

/// Where a certificate is, or a chain or list of them, as PEM.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificateAt {
    /// The setting that names it.
    pub key: String,
    /// What it is for.
    pub role: CertificateRole,
    /// A path is not looked for below the data folder any more.
    place: SecretFrom,
}

impl CertificateAt {
    /// In a file.
    pub fn file(key: impl Into<String>, role: CertificateRole, path: impl Into<PathBuf>) -> Self {
        Self { key: key.into(), role, place: SecretFrom::File(path.into()) }
    }

    /// Where the setting `key` says.
    pub fn named(key: &str, role: CertificateRole, settings: &Settings, from: &SecretFrom) -> Self {
        match from {
            SecretFrom::File(path) => Self::file(key, role, settings.path(path)),
            SecretFrom::Env(_) => Self { key: key.to_owned(), role, place: from.clone() },
        }
    }

    /// Until when all of what stands there now holds: the end of whatever ends first. Blocking.
    ///
    /// # Errors
    /// When it cannot be read, or holds no certificate; the words tell the place, and nothing of what it holds.
    pub fn until(&self) -> Result<DateTime<Utc>, SettingsError> {
        let (read, place) = match &self.place {
            SecretFrom::File(path) => (file(path), format!("the file {}", path.display())),
            SecretFrom::Env(name) => (
                std::env::var(name).map(String::into_bytes).map_err(io::Error::other),
                format!("the variable `{name}`"),
            ),
        };
        let told = |words: String| SettingsError::new(&self.key, format!("{place} {words}"));
        // What a variable holds that is no text stands in its error.
        let pem = read.map_err(|error| told(format!("cannot be read: {}", error.kind())))?;
        end_of_first(&pem).map_err(|words| told(words.to_owned()))
    }
}

fn file(path: &PathBuf) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_CERTIFICATE_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_CERTIFICATE_BYTES {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    Ok(bytes)
}

/// The end of the first certificate of a PEM text to end. What else stands in it, such as a key, does not count.
fn end_of_first(pem: &[u8]) -> Result<DateTime<Utc>, &'static str> {
    let mut first = None;
    for block in Pem::iter_from_buffer(pem) {
        let block = block.map_err(|_| "is no PEM")?;
        if block.label != LABEL {
            continue;
        }
        let end = end(&block.contents).ok_or("holds a certificate that cannot be read")?;
        first = Some(first.map_or(end, |first: DateTime<Utc>| first.min(end)));
    }
    first.ok_or("holds no certificate as PEM")
}

/// Until when a certificate (DER) holds; nothing where it is none.
pub(crate) fn end(der: &[u8]) -> Option<DateTime<Utc>> {
    let (_, certificate) = parse_x509_certificate(der).ok()?;
    DateTime::from_timestamp(certificate.validity().not_after.timestamp(), 0)
}

#[cfg(test)]
mod tests {
    use rcgen::{CertificateParams, KeyPair, date_time_ymd};

    use super::*;

    /// A certificate that ends with the last second of the year before, and its key.
    fn certificate(year: i32) -> (String, String) {
        let mut params = CertificateParams::new(vec!["hub.example".to_owned()]).expect("a name");
        params.not_before = date_time_ymd(2020, 1, 1);
        params.not_after = date_time_ymd(year, 1, 1);
        let key = KeyPair::generate().expect("a key");
        (params.self_signed(&key).expect("a certificate").pem(), key.serialize_pem())
    }

    fn year(year: i32) -> DateTime<Utc> {
        format!("{year}-01-01T00:00:00Z").parse().expect("a time")
    }

    #[test]
    fn of_a_chain_the_certificate_that_ends_first_counts_and_a_key_beside_it_does_not() {
        let ((late, key), (soon, _)) = (certificate(2040), certificate(2031));
        let text = format!("a comment\n{key}{late}{soon}");
        assert_eq!(end_of_first(text.as_bytes()), Ok(year(2031)));
        assert_eq!(end_of_first(late.as_bytes()), Ok(year(2040)));
        // What has no end (RFC 5280, 4.1.2.5).
        assert!(end_of_first(certificate(9999).0.as_bytes()).is_ok());
    }

    #[test]
    fn what_holds_no_certificate_is_told_with_its_key_and_place_and_never_its_content() {
        let data = tempfile::tempdir().expect("a folder");
        let put = |name: &str, text: &[u8]| std::fs::write(data.path().join(name), text).expect("a file");
        put("words.pem", b"quite secret");
        put("key.pem", certificate(2031).1.as_bytes());
        put("cut.pem", &certificate(2031).0.as_bytes()[..200]);
        put("none.pem", b"-----BEGIN CERTIFICATE-----\ncXVpdGUgc2VjcmV0\n-----END CERTIFICATE-----\n");
        put("large.pem", &vec![b'a'; usize::try_from(MAX_CERTIFICATE_BYTES).expect("a size") + 1]);
        let settings =
            Settings { table: toml::Table::new(), data: data.path().to_owned(), system: "till".to_owned() };
        for (name, words) in [
            ("words.pem", "holds no certificate as PEM"),
            ("key.pem", "holds no certificate as PEM"),
            ("cut.pem", "is no PEM"),
            ("none.pem", "holds a certificate that cannot be read"),
            ("large.pem", "cannot be read: file too large"),
            ("absent.pem", "cannot be read: entity not found"),
        ] {
            let from = SecretFrom::File(name.into());
            let at = CertificateAt::named("server.ca", CertificateRole::Authority, &settings, &from);
            let error = at.until().expect_err(name);
            assert_eq!(error.key, "server.ca", "{name}");
            assert!(error.words.contains(name) && error.words.ends_with(words), "{error}");
            assert!(!error.to_string().contains("quite"), "{error}");
        }
        let nowhere = SecretFrom::Env("POSTROOM_TEST_NO_SUCH_VARIABLE".to_owned());
        let at = CertificateAt::named("certificate", CertificateRole::Own, &settings, &nowhere);
        let error = at.until().expect_err("an error");
        assert!(error.words.contains("`POSTROOM_TEST_NO_SUCH_VARIABLE` cannot be read"), "{error}");
    }
}
