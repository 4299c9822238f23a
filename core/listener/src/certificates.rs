//! The certificates of an address: those that the hub shows, and those by which it knows who sends; and what cannot be used
//! of them, by the settings `tls.certificate`, `tls.key` and `tls.client_ca`. Reads none.

use std::net::SocketAddr;
use std::path::PathBuf;

use postroom_connector::{CertificateAt, CertificateRole, SettingsError};

use crate::{TlsError, Wanted};

const CERTIFICATE: &str = "tls.certificate";
const CLIENT_CA: &str = "tls.client_ca";
const KEY: &str = "tls.key";

impl Wanted {
    /// The certificates that are shown to senders, and those by which senders are known.
    pub fn certificates(&self) -> Vec<CertificateAt> {
        let Some(tls) = &self.tls else { return Vec::new() };
        let own = CertificateAt::file(CERTIFICATE, CertificateRole::Own, &tls.certificate);
        let clients = tls.client_ca.as_ref();
        let clients =
            clients.map(|path| CertificateAt::file(CLIENT_CA, CertificateRole::ClientAuthority, path));
        [own].into_iter().chain(clients).collect()
    }

    /// What of the `troubles` of addresses is one of this address, by its setting.
    pub fn troubles(&self, troubles: &[(SocketAddr, TlsError)]) -> Vec<SettingsError> {
        let Some(tls) = &self.tls else { return Vec::new() };
        let here = troubles.iter().filter(|(address, _)| *address == self.address);
        let key = |path: &PathBuf| match path {
            path if *path == tls.key => KEY,
            path if tls.client_ca.as_ref() == Some(path) => CLIENT_CA,
            _ => CERTIFICATE,
        };
        here.map(|(_, error)| SettingsError::new(key(&error.path), error.to_string())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Limits, Tls};

    fn wanted(tls: Option<Tls>) -> Wanted {
        let address = "127.0.0.1:8443".parse().expect("an address");
        Wanted { system: String::new(), address, path: "/in".to_owned(), tls, limits: Limits::default() }
    }

    fn with_tls() -> Wanted {
        wanted(Some(Tls {
            certificate: "/data/hub.pem".into(),
            key: "/data/hub.key".into(),
            client_ca: Some("/data/ca.pem".into()),
        }))
    }

    #[test]
    fn an_address_shows_one_certificate_and_knows_senders_by_another() {
        assert_eq!(
            with_tls().certificates(),
            [
                CertificateAt::file("tls.certificate", CertificateRole::Own, "/data/hub.pem"),
                CertificateAt::file("tls.client_ca", CertificateRole::ClientAuthority, "/data/ca.pem"),
            ]
        );
        assert_eq!(wanted(None).certificates(), []);
    }

    #[test]
    fn what_cannot_be_used_at_this_address_is_told_with_its_key_and_of_another_address_nothing() {
        let trouble = |address: &str, path: &str| {
            let error = TlsError { path: path.into(), words: "is none".to_owned() };
            (address.parse().expect("an address"), error)
        };
        let troubles = [
            trouble("127.0.0.1:8443", "/data/hub.pem"),
            trouble("127.0.0.1:8444", "/data/hub.pem"),
            trouble("127.0.0.1:8443", "/data/hub.key"),
            trouble("127.0.0.1:8443", "/data/ca.pem"),
        ];
        let told = with_tls().troubles(&troubles);
        let keys: Vec<_> = told.iter().map(|error| error.key.as_str()).collect();
        assert_eq!(keys, ["tls.certificate", "tls.key", "tls.client_ca"]);
        assert_eq!(told[1].words, "/data/hub.key: is none");
        assert_eq!(wanted(None).troubles(&troubles), []);
    }
}
