//! Whom a client trusts, and as whom it comes: the settings `ca`, `certificate` and `key`.

use std::time::Duration;

use postroom_connector::{
    CertificateAt, CertificateRole, ExposeSecret, PeerOf, SecretFrom, Settings, SettingsError,
};
use reqwest::Client;
use rustls::RootCertStore;

use crate::client::with_tls;
use crate::tls::{self, Identity};

/// Where the certificates are, not read yet. Nothing in it: whom the machine trusts, and as nobody.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// The authorities that the certificate of whoever is asked is from, in place of those that the machine trusts.
    ca: Option<SecretFrom>,
    /// The certificate of the hub and its key.
    identity: Option<(SecretFrom, SecretFrom)>,
}

impl Trust {
    /// Reads what the settings of these names say.
    ///
    /// # Errors
    /// Where one names no place of a secret, or a certificate or a key stands alone.
    pub fn read(
        ca: Option<toml::Value>,
        certificate: Option<toml::Value>,
        key: Option<toml::Value>,
    ) -> Result<Self, SettingsError> {
        let identity = match (certificate, key) {
            (None, None) => None,
            (Some(certificate), Some(key)) => {
                Some((SecretFrom::read("certificate", certificate)?, SecretFrom::read("key", key)?))
            }
            (Some(_), None) => return Err(SettingsError::new("key", "a certificate has its key")),
            (None, Some(_)) => return Err(SettingsError::new("certificate", "a key has its certificate")),
        };
        Ok(Self { ca: ca.map(|ca| SecretFrom::read("ca", ca)).transpose()?, identity })
    }

    /// Where everything is that is read, for [`Fresh`](postroom_connector::Fresh).
    pub fn secrets(&self) -> impl Iterator<Item = &SecretFrom> {
        self.identity.iter().flat_map(|(certificate, key)| [certificate, key]).chain(&self.ca)
    }

    /// The certificates among it.
    pub fn certificates(&self, settings: &Settings) -> Vec<CertificateAt> {
        let own = self.identity.as_ref().map(|(certificate, _)| certificate);
        let own = own.map(|from| CertificateAt::named("certificate", CertificateRole::Own, settings, from));
        let ca = self.ca.as_ref();
        let ca = ca.map(|from| CertificateAt::named("ca", CertificateRole::Authority, settings, from));
        own.into_iter().chain(ca).collect()
    }

    /// Reads it, and makes a client for whoever `setting` names, with its side, as [`client`](crate::client) does.
    ///
    /// # Errors
    /// The first setting whose certificate is not there, or is none.
    pub fn client(
        &self,
        settings: &Settings,
        setting: &'static str,
        timeout: Duration,
    ) -> Result<Client, SettingsError> {
        let roots = match self.authorities(settings)? {
            None => tls::roots_of_the_machine(),
            Some(ca) => tls::with_authorities(RootCertStore::empty(), &ca)?,
        };
        self.with_roots(settings, setting, timeout, roots)
    }

    /// The same for an address of somebody else, such as a token endpoint: its certificate may be one that everybody trusts.
    ///
    /// # Errors
    /// As [`Trust::client`].
    pub fn client_beside(
        &self,
        settings: &Settings,
        setting: &'static str,
        timeout: Duration,
    ) -> Result<Client, SettingsError> {
        let roots = tls::roots_of_the_machine();
        let roots = match self.authorities(settings)? {
            None => roots,
            Some(ca) => tls::with_authorities(roots, &ca)?,
        };
        self.with_roots(settings, setting, timeout, roots)
    }

    fn authorities(&self, settings: &Settings) -> Result<Option<String>, SettingsError> {
        let ca = self.ca.as_ref().map(|ca| settings.secret("ca", ca)).transpose()?;
        Ok(ca.map(|ca| ca.expose_secret().to_owned()))
    }

    fn with_roots(
        &self,
        settings: &Settings,
        setting: &'static str,
        timeout: Duration,
        roots: RootCertStore,
    ) -> Result<Client, SettingsError> {
        let identity = match &self.identity {
            None => None,
            Some((certificate, key)) => {
                let certificate = settings.secret("certificate", certificate)?;
                let key = settings.secret("key", key)?;
                Some(Identity::read(certificate.expose_secret(), key.expose_secret())?)
            }
        };
        let peer = PeerOf::new(settings, setting);
        with_tls(peer.key(), timeout, tls::config(roots, identity, peer)?)
    }
}
