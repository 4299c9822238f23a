//! Where a ledger is.

use std::path::{Path, PathBuf};

use crate::db::Home;

/// The parameter of the URL that names the authorities of the server.
pub const ROOT_CERTIFICATE: &str = "sslrootcert";
/// The parameter of the URL that names the hub's own certificate.
const CERTIFICATE: &str = "sslcert";
/// As sqlx knows them.
const ROOT_NAMES: [&str; 3] = [ROOT_CERTIFICATE, "ssl-root-cert", "ssl-ca"];
const NAMES: [&str; 2] = [CERTIFICATE, "ssl-cert"];
/// How a value begins that is no path but the certificate itself.
const INLINE: &str = "-----BEGIN";

/// Where a ledger is: in a file, or on a server when more than one hub runs.
#[derive(Debug, Clone)]
pub enum Place {
    /// SQLite in a file.
    File(PathBuf),
    /// PostgreSQL by its URL.
    Url(LedgerUrl),
}

/// `postgres://USER:PASSWORD@HOST:PORT/DATABASE?sslmode=...`. It is never printed: it may hold a password.
#[derive(Clone)]
pub struct LedgerUrl(String);

impl LedgerUrl {
    /// Takes the URL; it is checked when the ledger is opened.
    pub fn new(url: impl Into<String>) -> Self {
        Self(url.into())
    }

    /// The files of certificates that it names, or else the environment, as sqlx reads them: what names each, and where it is.
    pub fn certificates(&self) -> Vec<(&'static str, PathBuf)> {
        let url: Option<url::Url> = self.0.parse().ok();
        let named = |names: &[&str]| {
            let pairs = url.as_ref()?.query_pairs().filter(|(name, _)| names.contains(&name.as_ref()));
            pairs.last().map(|(_, value)| value.into_owned())
        };
        let all =
            [(ROOT_CERTIFICATE, &ROOT_NAMES[..], "PGSSLROOTCERT"), (CERTIFICATE, &NAMES[..], "PGSSLCERT")];
        let file = |(name, names, variable): (&'static str, &[&str], &str)| {
            let value = named(names).or_else(|| std::env::var(variable).ok())?;
            (!value.trim_start().starts_with(INLINE)).then(|| (name, value.into()))
        };
        all.into_iter().filter_map(file).collect()
    }

    /// Host and port of the server, where it is met with TLS only.
    pub fn tls_server(&self) -> Option<(String, u16)> {
        Home::server(&self.0).ok()?.tls_server()
    }

    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for LedgerUrl {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("LedgerUrl(..)")
    }
}

impl From<&Path> for Place {
    fn from(path: &Path) -> Self {
        Self::File(path.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_tells_the_files_of_its_certificates_and_nothing_else() {
        let url = LedgerUrl::new(
            "postgres://hub:hush@db.example/ledger?sslmode=verify-full&sslrootcert=%2Fetc%2Fca%20a.pem&ssl-cert=hub.pem",
        );
        assert_eq!(
            url.certificates(),
            [("sslrootcert", PathBuf::from("/etc/ca a.pem")), ("sslcert", PathBuf::from("hub.pem"))]
        );
        for none in ["postgres://hub:hush@db.example/ledger", "no URL"] {
            assert_eq!(LedgerUrl::new(none).certificates(), [], "{none}");
        }
    }
}
