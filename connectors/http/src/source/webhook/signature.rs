//! A signature over a body (HMAC, RFC 2104), as the many senders of webhooks write it. Pure.

use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, KeyInit, Mac};
use postroom_connector::Secrets;
use postroom_listener::HeaderMap;
use postroom_listener::header::HeaderName;
use sha1::Sha1;
use sha2::{Sha256, Sha512};

/// How a signature is written, and over what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Scheme {
    pub(super) header: HeaderName,
    pub(super) algorithm: Algorithm,
    pub(super) encoding: SignatureEncoding,
    /// What stands before the signature, such as `sha256=`.
    pub(super) prefix: String,
    /// Where the time is, that is signed with the body: `{timestamp}.{body}`.
    pub(super) timestamp: Option<Timestamp>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Algorithm {
    Sha1,
    Sha256,
    Sha512,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SignatureEncoding {
    Hex,
    Base64,
}

/// The time of a request: seconds since 1970, or RFC 3339.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Timestamp {
    pub(super) header: HeaderName,
    /// How far it may be from now, before or after.
    pub(super) tolerance: Duration,
}

impl Scheme {
    /// Whether the body was signed with one of the secrets, and not too long ago.
    pub(super) fn holds(
        &self,
        secrets: &Secrets,
        headers: &HeaderMap,
        body: &[u8],
        now: DateTime<Utc>,
    ) -> bool {
        let Some(given) = text(headers, &self.header).and_then(|text| text.strip_prefix(&self.prefix)) else {
            return false;
        };
        let given = match self.encoding {
            SignatureEncoding::Hex => given.to_ascii_lowercase(),
            SignatureEncoding::Base64 => given.to_owned(),
        };
        let stamp = match &self.timestamp {
            None => String::new(),
            Some(timestamp) => match timestamp.signed(headers, now) {
                None => return false,
                Some(text) => format!("{text}."),
            },
        };
        secrets.any(given.as_bytes(), |secret| self.sign(secret, &[stamp.as_bytes(), body]).into_bytes())
    }

    fn sign(&self, secret: &[u8], parts: &[&[u8]]) -> String {
        let mac = match self.algorithm {
            Algorithm::Sha1 => mac::<Hmac<Sha1>>(secret, parts),
            Algorithm::Sha256 => mac::<Hmac<Sha256>>(secret, parts),
            Algorithm::Sha512 => mac::<Hmac<Sha512>>(secret, parts),
        };
        match self.encoding {
            SignatureEncoding::Hex => mac.iter().map(|byte| format!("{byte:02x}")).collect(),
            SignatureEncoding::Base64 => STANDARD.encode(mac),
        }
    }
}

impl Timestamp {
    /// The time as it was signed, where it is near enough to `now`.
    fn signed<'h>(&self, headers: &'h HeaderMap, now: DateTime<Utc>) -> Option<&'h str> {
        let text = text(headers, &self.header)?;
        let at = match text.parse::<i64>() {
            Ok(seconds) => DateTime::from_timestamp(seconds, 0)?,
            Err(_) => DateTime::parse_from_rfc3339(text).ok()?.to_utc(),
        };
        let tolerance = TimeDelta::from_std(self.tolerance).ok()?;
        (now.signed_duration_since(at).abs() <= tolerance).then_some(text)
    }
}

/// The one value of a header; none where it stands more than once.
fn text<'h>(headers: &'h HeaderMap, name: &HeaderName) -> Option<&'h str> {
    let mut values = headers.get_all(name).iter();
    let first = values.next()?.to_str().ok()?;
    values.next().is_none().then_some(first)
}

fn mac<M: Mac + KeyInit>(secret: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    // A secret of any length is a key of HMAC.
    let Ok(mut mac) = <M as KeyInit>::new_from_slice(secret) else { return Vec::new() };
    for part in parts {
        mac.update(part);
    }
    mac.finalize().into_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use postroom_connector::{SecretsFrom, Settings};
    use postroom_listener::header::HeaderValue;

    use super::*;

    const SIGNATURE: HeaderName = HeaderName::from_static("x-signature");
    const TIME: HeaderName = HeaderName::from_static("x-time");
    /// The second case of RFC 2202 and RFC 4231.
    const KEY: &str = "Jefe";
    const DATA: &[u8] = b"what do ya want for nothing?";

    fn secrets() -> Secrets {
        let data = tempfile::tempdir().expect("a folder");
        std::fs::write(data.path().join("secret"), KEY).expect("a file");
        let from = toml::Value::Table("file = 'secret'".parse().expect("TOML"));
        let settings =
            Settings { table: toml::Table::new(), data: data.path().to_owned(), system: "till".to_owned() };
        SecretsFrom::read("hmac.secret", from).and_then(|from| from.secrets(&settings)).expect("a secret")
    }

    fn scheme(algorithm: Algorithm, encoding: SignatureEncoding) -> Scheme {
        Scheme { header: SIGNATURE, algorithm, encoding, prefix: String::new(), timestamp: None }
    }

    fn headers(signature: &'static str, time: &'static str) -> HeaderMap {
        [(SIGNATURE, signature), (TIME, time)]
            .map(|(name, text)| (name, HeaderValue::from_static(text)))
            .into_iter()
            .collect()
    }

    #[test]
    fn signatures_are_those_of_the_standard() {
        use Algorithm::{Sha1, Sha256, Sha512};
        use SignatureEncoding::{Base64, Hex};
        let secrets = secrets();
        for (algorithm, encoding, signature) in [
            (Sha1, Hex, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79"),
            (Sha1, Base64, "7/zfauXrL6LSdBbV8YTfnCWafHk="),
            (Sha256, Hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"),
            (Sha256, Base64, "W9zBRr9gdU5qBCQmCJV1x1oAPwidJzmDnexYuWTsOEM="),
            (
                Sha512,
                Hex,
                "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1\
                 a34d4a6b4b636e070a38bce737",
            ),
        ] {
            let scheme = scheme(algorithm, encoding);
            let holds = |body: &[u8]| scheme.holds(&secrets, &headers(signature, "0"), body, Utc::now());
            assert!(holds(DATA), "{algorithm:?} {encoding:?}");
            assert!(!holds(b"what do ya want for something?"));
        }
    }

    #[test]
    fn the_time_is_signed_with_the_body() {
        let timestamp = Timestamp { header: TIME, tolerance: Duration::from_secs(300) };
        let scheme =
            Scheme { timestamp: Some(timestamp), ..scheme(Algorithm::Sha256, SignatureEncoding::Hex) };
        let signature = "8bf4bab82972f519c62eab705abd744e0bc4e8a7e292de99189f49e03834693a";
        let (secrets, at) = (secrets(), 1_767_225_600);
        let holds = |time, now| {
            let now = DateTime::from_timestamp(now, 0).expect("a time");
            scheme.holds(&secrets, &headers(signature, time), DATA, now)
        };
        assert!(holds("1767225600", at) && holds("1767225600", at + 300) && holds("1767225600", at - 300));
        assert!(!holds("1767225600", at + 301) && !holds("1767225600", at - 301));
        assert!(!holds("1767225601", at) && !holds("2026-01-01T00:00:00Z", at) && !holds("soon", at));
    }
}
