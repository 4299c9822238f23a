//! By what a system that is asked knows the hub, and by what the hub knows the system: certificates and tokens, as with a target.

use std::path::PathBuf;
use std::time::Duration;

use postroom_connector::{
    CertificateAt, ConnectorError, Failure, Fresh, SecretFrom, Settings, SettingsError,
};
use postroom_request::header::AUTHORIZATION;
use postroom_request::{Answer, Client, Peer, Plain, RequestBuilder, StatusCode, Trust};
use tokio::time::Instant;

use crate::sink::oauth2::{Oauth2, TokenRequest, Tokens, WrittenOauth2};

/// The certificates and tokens as they are written, in the table `poll`.
pub(super) struct WrittenAccess {
    pub(super) ca: Option<toml::Value>,
    pub(super) certificate: Option<toml::Value>,
    pub(super) key: Option<toml::Value>,
    pub(super) oauth2: Option<WrittenOauth2>,
}

/// Where everything is, not read yet.
#[derive(Debug, Clone)]
pub(super) struct Access {
    trust: Trust,
    oauth2: Option<Oauth2>,
}

/// Everything, read.
struct Opened {
    client: Client,
    token: Option<TokenRequest>,
}

/// The way to a system.
pub(super) struct Line {
    opened: Fresh<Opened>,
    tokens: Tokens,
    /// Longest time to the end of an answer, with that for a token.
    timeout: Duration,
}

impl Access {
    pub(super) fn read(written: WrittenAccess, plain: Plain) -> Result<Self, SettingsError> {
        let WrittenAccess { ca, certificate, key, oauth2 } = written;
        let oauth2 = oauth2.map(|written| Oauth2::read(written, plain)).transpose().map_err(in_poll)?;
        Ok(Self { trust: Trust::read(ca, certificate, key).map_err(in_poll)?, oauth2 })
    }

    /// The certificates among it.
    pub(super) fn certificates(&self, settings: &Settings) -> Vec<CertificateAt> {
        let mut named = self.trust.certificates(settings);
        for at in &mut named {
            at.key = format!("poll.{}", at.key);
        }
        named
    }

    /// Reads everything, and again what changes.
    ///
    /// # Errors
    /// The first setting whose secret or certificate is not there, or is none.
    pub(super) fn open(self, settings: &Settings, timeout: Duration) -> Result<Line, SettingsError> {
        let (files, settings) = (self.files(settings), settings.clone());
        let opened = Fresh::new(files, move || self.opened(&settings, timeout).map_err(in_poll))?;
        Ok(Line { opened, tokens: Tokens::default(), timeout })
    }

    fn files(&self, settings: &Settings) -> Vec<PathBuf> {
        let secrets = self.trust.secrets().chain(self.oauth2.as_ref().map(Oauth2::secret));
        secrets.filter_map(SecretFrom::file).map(|path| settings.path(path)).collect()
    }

    fn opened(&self, settings: &Settings, timeout: Duration) -> Result<Opened, SettingsError> {
        let client = self.trust.client(settings, "source.poll.url", timeout)?;
        let token = self.oauth2.as_ref().map(|oauth2| {
            let beside = self.trust.client_beside(settings, "source.poll.oauth2.token_url", timeout)?;
            oauth2.open(settings, beside)
        });
        Ok(Opened { client, token: token.transpose()? })
    }
}

impl Line {
    /// Sends what `make` makes and reads its answer. A token that the system refuses is replaced once, and the same asked again.
    ///
    /// # Errors
    /// Where no answer came.
    pub(super) async fn ask(
        &self,
        peer: Peer,
        make: impl Fn(&Client) -> RequestBuilder,
    ) -> Result<Answer, ConnectorError> {
        let limit = Instant::now() + self.timeout;
        let opened = self.opened.current().map_err(|error| {
            ConnectorError::new(Failure::Down, "what the system knows the hub by cannot be read", error)
        })?;
        let request = || {
            let left = limit.saturating_duration_since(Instant::now());
            make(&opened.client).timeout(left)
        };
        let Some(token_request) = &opened.token else { return peer.ask(request()).await };
        let token = self.tokens.get(token_request, None, limit).await?;
        let answer = peer.ask(request().header(AUTHORIZATION, token.clone())).await?;
        if answer.status != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        let token = self.tokens.get(token_request, Some(&token), limit).await?;
        peer.ask(request().header(AUTHORIZATION, token)).await
    }
}

/// An error of a setting, by its key in the table `poll`.
fn in_poll(error: SettingsError) -> SettingsError {
    if error.key.starts_with("poll.") {
        return error;
    }
    SettingsError { key: format!("poll.{}", error.key), ..error }
}
