//! OAuth 2 by client credentials (RFC 6749, 4.4): a token is asked for once, kept until shortly before its end, and asked
//! for again when the target does not take it any more. Knows no message.

use std::time::Duration;

use postroom_connector::{ConnectorError, ExposeSecret, Failure, SecretFrom, Settings, SettingsError};
use postroom_request::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use postroom_request::{Answer, Body, Client, Peer, Plain, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout_at};

use super::address::{Address, percent_encode};
use super::body::JSON;
use super::template::Escaping;
use crate::headers::{basic, sensitive};

/// How long a token is used whose endpoint does not say how long it is good.
const LIFE: Duration = Duration::from_secs(5 * 60);
/// How long a token is used at most.
const LONGEST_LIFE: Duration = Duration::from_secs(24 * 60 * 60);
/// How long before its end a token is not used any more; a tenth of its life, where that is less.
const MARGIN: Duration = Duration::from_secs(30);
/// How errors call the endpoint, and how much of its answer is read.
const ENDPOINT: Peer = Peer { name: "the token endpoint", max_answer_bytes: 64 * 1024 };
const SECRET: &str = "oauth2.client_secret";
/// The codes of a refusal (RFC 6749, 5.2); anything else is not repeated.
const CODES: [&str; 6] = [
    "invalid_client",
    "invalid_grant",
    "invalid_request",
    "invalid_scope",
    "unauthorized_client",
    "unsupported_grant_type",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenOauth2 {
    token_url: String,
    client_id: String,
    client_secret: toml::Value,
    scope: Option<String>,
    credentials: Option<String>,
}

/// Where tokens come from, the secret not read yet.
#[derive(Debug, Clone)]
pub(crate) struct Oauth2 {
    address: String,
    client_id: String,
    client_secret: SecretFrom,
    scope: Option<String>,
    place: Place,
}

/// Where the endpoint wants the credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Header,
    Body,
}

/// A request for a token. It holds the secret, and is never shown.
pub(crate) struct TokenRequest {
    client: Client,
    address: String,
    authorization: Option<HeaderValue>,
    form: String,
}

impl Oauth2 {
    pub(crate) fn read(written: WrittenOauth2, plain: Plain) -> Result<Self, SettingsError> {
        let address = Address::read("oauth2.token_url", &written.token_url, plain)?;
        if address.is_filled_in() {
            return Err(SettingsError::new("oauth2.token_url", "nothing is filled in here"));
        }
        let place = match written.credentials.as_deref() {
            None | Some("header") => Place::Header,
            Some("body") => Place::Body,
            Some(_) => return Err(SettingsError::new("oauth2.credentials", "`header` or `body`")),
        };
        Ok(Self {
            address: written.token_url,
            client_id: written.client_id,
            client_secret: SecretFrom::read(SECRET, written.client_secret)?,
            scope: written.scope,
            place,
        })
    }

    /// Where the secret is.
    pub(crate) fn secret(&self) -> &SecretFrom {
        &self.client_secret
    }

    /// With the secret read, and sent by `client`.
    pub(crate) fn open(&self, settings: &Settings, client: Client) -> Result<TokenRequest, SettingsError> {
        let secret = settings.secret(SECRET, &self.client_secret)?;
        let (id, secret) = (encoded(&self.client_id), encoded(secret.expose_secret()));
        let mut form = "grant_type=client_credentials".to_owned();
        if let Some(scope) = &self.scope {
            form = format!("{form}&scope={}", encoded(scope));
        }
        let mut authorization = None;
        match self.place {
            Place::Header => {
                authorization = Some(sensitive(SECRET, HeaderValue::from_str(&basic(&id, &secret)))?);
            }
            Place::Body => form = format!("{form}&client_id={id}&client_secret={secret}"),
        }
        Ok(TokenRequest { client, address: self.address.clone(), authorization, form })
    }
}

fn encoded(text: &str) -> String {
    let mut encoded = String::new();
    percent_encode(text, &mut encoded);
    encoded
}

/// The token in use.
#[derive(Default)]
pub(crate) struct Tokens(Mutex<Option<Token>>);

struct Token {
    authorization: HeaderValue,
    until: Instant,
}

impl Tokens {
    /// The token in use, as the value of `Authorization`; a new one, where there is none, it is near its end, or it is the
    /// one that the target `refused`. One request for a token is under way at a time.
    ///
    /// # Errors
    /// Down, where no token is to be had before `limit`; permanent, where the endpoint refuses. Nothing was sent to the
    /// target then.
    pub(crate) async fn get(
        &self,
        request: &TokenRequest,
        refused: Option<&HeaderValue>,
        limit: Instant,
    ) -> Result<HeaderValue, ConnectorError> {
        let got = timeout_at(limit, async {
            let mut held = self.0.lock().await;
            let good = |token: &&Token| token.until > Instant::now() && refused != Some(&token.authorization);
            if let Some(token) = held.as_ref().filter(good) {
                return Ok(token.authorization.clone());
            }
            *held = None;
            let token = request.send().await?;
            Ok(held.insert(token).authorization.clone())
        });
        got.await.unwrap_or_else(|_| Err(down("the token endpoint did not answer in time", "")))
    }
}

impl TokenRequest {
    async fn send(&self) -> Result<Token, ConnectorError> {
        let asked = Instant::now();
        let mut request = self
            .client
            .post(&self.address)
            .header(CONTENT_TYPE, Escaping::Form.content_type())
            .header(ACCEPT, JSON)
            .body(self.form.clone());
        if let Some(authorization) = &self.authorization {
            request = request.header(AUTHORIZATION, authorization.clone());
        }
        let answer = ENDPOINT
            .ask(request)
            .await
            .map_err(|error| down("the token endpoint gives no answer", &error.to_string()))?;
        granted(&answer, asked)
    }
}

fn down(words: &str, detail: &str) -> ConnectorError {
    ConnectorError::new(Failure::Down, words, detail)
}

/// What the answer of a token endpoint, which was `asked` then, means. Pure.
fn granted(answer: &Answer, asked: Instant) -> Result<Token, ConnectorError> {
    let Body::Whole(bytes) = &answer.body else {
        return Err(down("the answer of the token endpoint did not come whole", ""));
    };
    let body: Value = serde_json::from_slice(bytes).unwrap_or_default();
    let status = answer.status;
    if !status.is_success() {
        let not_now = [StatusCode::REQUEST_TIMEOUT, StatusCode::TOO_MANY_REQUESTS].contains(&status);
        let code = body.get("error").and_then(Value::as_str);
        let code = code.and_then(|code| CODES.into_iter().find(|known| *known == code)).unwrap_or_default();
        if status.is_client_error() && !not_now {
            let words = format!("the token endpoint refuses the hub: {}", status.as_u16());
            return Err(ConnectorError::new(Failure::Down, words, code));
        }
        return Err(down(&format!("the token endpoint gives no token now: {}", status.as_u16()), code));
    }
    let authorization = body.get("access_token").and_then(Value::as_str).filter(|token| !token.is_empty());
    let authorization = authorization.map(|token| HeaderValue::from_str(&format!("Bearer {token}")));
    let Some(Ok(mut authorization)) = authorization else {
        return Err(down("the answer of the token endpoint holds no token", ""));
    };
    authorization.set_sensitive(true);
    let life = life(body.get("expires_in"));
    Ok(Token { authorization, until: asked + life - MARGIN.min(life / 10) })
}

/// How long a token is good: a number of seconds, which some write as a text.
fn life(expires_in: Option<&Value>) -> Duration {
    let seconds = expires_in.and_then(|value| match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    });
    seconds.map_or(LIFE, Duration::from_secs).min(LONGEST_LIFE)
}

#[cfg(test)]
mod tests {
    use super::super::handed::answer;
    use super::*;

    #[test]
    fn a_token_endpoint_that_gives_no_token_is_down_and_tells_no_secret() {
        for (status, body) in [
            (401, r#"{"error": "invalid_client", "error_description": "quite-secret"}"#),
            (400, r#"{"error": "quite-secret"}"#),
            (403, "quite-secret"),
            (429, ""),
            (500, "quite-secret"),
            (302, ""),
            (200, "quite-secret"),
            (200, r#"{"access_token": ""}"#),
            (200, "{\"access_token\": \"quite-secret\\n\"}"),
        ] {
            let error = granted(&answer(status, body), Instant::now()).map(drop).expect_err(body);
            assert_eq!(error.failure, Failure::Down, "{status} {body}");
            assert!(!error.to_string().contains("quite-secret"), "{error}");
        }
        let refused = granted(&answer(401, r#"{"error": "invalid_client"}"#), Instant::now()).map(drop);
        let told = refused.expect_err("an error").to_string();
        assert_eq!(told, "the token endpoint refuses the hub: 401: invalid_client");
    }

    #[test]
    fn a_token_is_used_until_shortly_before_its_end() {
        let asked = Instant::now();
        for (expires_in, used) in [
            ("3600", Duration::from_secs(3570)),
            ("\"3600\"", Duration::from_secs(3570)),
            ("100", Duration::from_secs(90)),
            ("0", Duration::ZERO),
            ("null", LIFE - MARGIN),
            ("99999999999", LONGEST_LIFE - MARGIN),
        ] {
            let body = format!(r#"{{"access_token": "abc", "expires_in": {expires_in}}}"#);
            let token = granted(&answer(200, &body), asked).expect("a token");
            assert_eq!(token.until - asked, used, "{expires_in}");
            assert!(token.authorization == "Bearer abc" && token.authorization.is_sensitive());
        }
    }
}
