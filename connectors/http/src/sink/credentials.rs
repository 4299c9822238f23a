//! By what a target knows the hub, and by what the hub knows the target: read from where the settings name it.

use std::path::PathBuf;
use std::time::Duration;

use postroom_connector::{
    CertificateAt, CertificateRole, ExposeSecret, PeerOf, SecretFrom, Settings, SettingsError,
};
use reqwest::Client;
use reqwest::header::HeaderMap;
use rustls::{ClientConfig, RootCertStore};

use super::headers::Headers;
use super::oauth2::{Oauth2, TokenRequest};
use super::request::Purpose;
use crate::exchange::client_with;
use crate::tls::{self, Identity};

/// Where everything is.
#[derive(Debug, Clone)]
pub(crate) struct Credentials {
    pub(crate) headers: Headers,
    /// Headers of a look-up, over those of every request.
    pub(crate) look_up: Headers,
    /// The certificate of the hub and its key.
    pub(crate) identity: Option<(SecretFrom, SecretFrom)>,
    /// The authorities that the target's certificate is from, in place of those that the machine trusts.
    pub(crate) ca: Option<SecretFrom>,
    pub(crate) oauth2: Option<Oauth2>,
}

/// Everything, read.
pub(crate) struct Opened {
    pub(crate) client: Client,
    headers: HeaderMap,
    look_up: HeaderMap,
    pub(crate) token: Option<TokenRequest>,
}

impl Opened {
    /// The headers of a request.
    pub(crate) fn headers(&self, purpose: Purpose) -> &HeaderMap {
        match purpose {
            Purpose::Deliver => &self.headers,
            Purpose::LookUp => &self.look_up,
        }
    }
}

impl Credentials {
    /// Reads `certificate` and `key`, which go together.
    pub(crate) fn identity(
        certificate: Option<toml::Value>,
        key: Option<toml::Value>,
    ) -> Result<Option<(SecretFrom, SecretFrom)>, SettingsError> {
        match (certificate, key) {
            (None, None) => Ok(None),
            (Some(certificate), Some(key)) => {
                Ok(Some((SecretFrom::read("certificate", certificate)?, SecretFrom::read("key", key)?)))
            }
            (Some(_), None) => Err(SettingsError::new("key", "a certificate has its key")),
            (None, Some(_)) => Err(SettingsError::new("certificate", "a key has its certificate")),
        }
    }

    /// The files that all of it is read from.
    pub(crate) fn files(&self, settings: &Settings) -> Vec<PathBuf> {
        let pair = self.identity.iter().flat_map(|(certificate, key)| [certificate, key]);
        let secrets = self.headers.secrets().chain(self.look_up.secrets()).chain(pair).chain(&self.ca);
        let secrets = secrets.chain(self.oauth2.as_ref().map(Oauth2::secret));
        secrets.filter_map(SecretFrom::file).map(|path| settings.path(path)).collect()
    }

    /// The certificates among them.
    pub(crate) fn certificates(&self, settings: &Settings) -> Vec<CertificateAt> {
        let own = self.identity.as_ref().map(|(certificate, _)| certificate);
        let own = own.map(|from| CertificateAt::named("certificate", CertificateRole::Own, settings, from));
        let ca = self.ca.as_ref();
        let ca = ca.map(|from| CertificateAt::named("ca", CertificateRole::Authority, settings, from));
        own.into_iter().chain(ca).collect()
    }

    /// Reads everything.
    ///
    /// # Errors
    /// The first setting whose secret or certificate is not there, or is none.
    pub(crate) fn open(&self, settings: &Settings, timeout: Duration) -> Result<Opened, SettingsError> {
        let identity = match &self.identity {
            None => None,
            Some((certificate, key)) => {
                let certificate = settings.secret("certificate", certificate)?;
                let key = settings.secret("key", key)?;
                Some(Identity::read(certificate.expose_secret(), key.expose_secret())?)
            }
        };
        let ca = self.ca.as_ref().map(|ca| settings.secret("ca", ca)).transpose()?;
        let ca = ca.as_ref().map(ExposeSecret::expose_secret);
        let roots = match ca {
            None => tls::roots_of_the_machine(),
            Some(ca) => tls::with_authorities(RootCertStore::empty(), ca)?,
        };
        let peer = |setting| PeerOf { system: settings.system.clone(), setting };
        let client = client(timeout, tls_of(roots, identity.as_ref(), peer("target.url"))?)?;
        let token = match &self.oauth2 {
            None => None,
            Some(oauth2) => {
                // A token endpoint is somebody else's: it may have a certificate that everybody trusts.
                let roots = tls::roots_of_the_machine();
                let roots = ca.map_or(Ok(roots.clone()), |ca| tls::with_authorities(roots, ca))?;
                let tls = tls_of(roots, identity.as_ref(), peer("target.oauth2.token_url"))?;
                let client = self::client(timeout, tls)?;
                Some(oauth2.open(settings, client)?)
            }
        };
        let mut headers = HeaderMap::new();
        self.headers.put(&mut headers, settings)?;
        let mut look_up = headers.clone();
        self.look_up.put(&mut look_up, settings)?;
        Ok(Opened { client, headers, look_up, token })
    }
}

fn tls_of(
    roots: RootCertStore,
    identity: Option<&Identity>,
    peer: PeerOf,
) -> Result<ClientConfig, SettingsError> {
    tls::config(roots, identity, Some(peer)).map_err(|error| {
        SettingsError::new("certificate", format!("the certificate does not go with its key: {error}"))
    })
}

fn client(timeout: Duration, tls: ClientConfig) -> Result<Client, SettingsError> {
    client_with(timeout, tls)
        .map_err(|error| SettingsError::new("url", format!("no client can be made for it: {error}")))
}
