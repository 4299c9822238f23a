//! The way to a target: each request in its turn, with what the target knows the hub by, and within the time of one
//! attempt. Knows not what an answer means, but that 401 is one to a token.

use std::time::Duration;

use postroom_connector::{ConnectorError, Failure, Fresh, Settings, SettingsError};
use postroom_request::header::{AUTHORIZATION, HeaderValue};
use postroom_request::{Answer, StatusCode};
use tokio::time::Instant;

use super::TARGET;
use super::credentials::{Credentials, Opened};
use super::oauth2::Tokens;
use super::pace::Pace;
use super::request::Call;

/// Sends requests.
pub(crate) struct Line {
    opened: Fresh<Opened>,
    tokens: Tokens,
    pace: Option<Pace>,
    /// Longest time from the wait for a turn to the end of the answer.
    timeout: Duration,
}

impl Line {
    /// Opens it: reads every secret and certificate.
    ///
    /// # Errors
    /// The first setting whose secret or certificate cannot be read.
    pub(crate) fn open(
        credentials: Credentials,
        settings: &Settings,
        timeout: Duration,
        interval: Option<Duration>,
    ) -> Result<Self, SettingsError> {
        let (files, settings) = (credentials.files(settings), settings.clone());
        let opened = Fresh::new(files, move || credentials.open(&settings, timeout))?;
        Ok(Self { opened, tokens: Tokens::default(), pace: interval.map(Pace::new), timeout })
    }

    /// Sends a request and reads its answer. A token that the target refuses is replaced once, and the same request sent
    /// again.
    ///
    /// # Errors
    /// Where no answer came; what that means depends on what was sent by then.
    pub(crate) async fn send(&self, call: &Call) -> Result<Answer, ConnectorError> {
        let limit = Instant::now() + self.timeout;
        let opened = self.opened.current().map_err(|error| {
            ConnectorError::new(Failure::Down, "what the target knows the hub by cannot be read", error)
        })?;
        let Some(request) = &opened.token else { return self.once(&opened, call, None, limit).await };
        let token = self.tokens.get(request, None, limit).await?;
        let answer = self.once(&opened, call, Some(&token), limit).await?;
        if answer.status != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        let token = self.tokens.get(request, Some(&token), limit).await?;
        self.once(&opened, call, Some(&token), limit).await
    }

    async fn once(
        &self,
        opened: &Opened,
        call: &Call,
        token: Option<&HeaderValue>,
        limit: Instant,
    ) -> Result<Answer, ConnectorError> {
        if let Some(pace) = &self.pace {
            // Half of the time is left for the answer.
            pace.turn(limit - self.timeout / 2).await.map_err(|wait| {
                let words = "the rate of the settings leaves no turn for the request in time";
                ConnectorError::new(Failure::Transient, words, "").retry_after(Some(wait))
            })?;
        }
        let left = limit.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ConnectorError::new(Failure::Transient, "no time is left to send the request", ""));
        }
        let mut request = opened
            .client
            .request(call.method.clone(), &call.address)
            .headers(opened.headers(call.purpose).clone())
            .headers(call.head.clone())
            .timeout(left);
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, token.clone());
        }
        if let Some(body) = &call.body {
            request = request.body(body.clone());
        }
        TARGET.ask(request).await
    }
}
