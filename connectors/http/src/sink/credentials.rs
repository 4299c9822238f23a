//! By what a target knows the hub, and by what the hub knows the target: read from where the settings name it.

use std::path::PathBuf;
use std::time::Duration;

use postroom_connector::{CertificateAt, SecretFrom, Settings, SettingsError};
use postroom_request::header::HeaderMap;
use postroom_request::{Client, Trust};

use super::oauth2::{Oauth2, TokenRequest};
use super::request::Purpose;
use crate::headers::Headers;

/// Where everything is.
#[derive(Debug, Clone)]
pub(crate) struct Credentials {
    pub(crate) headers: Headers,
    /// Headers of a look-up, over those of every request.
    pub(crate) look_up: Headers,
    pub(crate) trust: Trust,
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
    /// The files that all of it is read from.
    pub(crate) fn files(&self, settings: &Settings) -> Vec<PathBuf> {
        let secrets = self.headers.secrets().chain(self.look_up.secrets()).chain(self.trust.secrets());
        let secrets = secrets.chain(self.oauth2.as_ref().map(Oauth2::secret));
        secrets.filter_map(SecretFrom::file).map(|path| settings.path(path)).collect()
    }

    /// The certificates among them.
    pub(crate) fn certificates(&self, settings: &Settings) -> Vec<CertificateAt> {
        self.trust.certificates(settings)
    }

    /// Reads everything.
    ///
    /// # Errors
    /// The first setting whose secret or certificate is not there, or is none.
    pub(crate) fn open(&self, settings: &Settings, timeout: Duration) -> Result<Opened, SettingsError> {
        let client = self.trust.client(settings, "target.url", timeout)?;
        let token = match &self.oauth2 {
            None => None,
            Some(oauth2) => {
                let client = self.trust.client_beside(settings, "target.oauth2.token_url", timeout)?;
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
