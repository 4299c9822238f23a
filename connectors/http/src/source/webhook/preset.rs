//! What well-known senders have in common, and signatures as the settings describe them. Pure.

use std::time::Duration;

use postroom_connector::{SecretsFrom, SettingsError, parse_duration};
use postroom_listener::header::HeaderName;

use super::gate::Signed;
use super::settings::{WrittenHmac, WrittenTimestamp};
use super::signature::{Algorithm, Scheme, SignatureEncoding, Timestamp};
use crate::source::content::WrittenKey;

/// How far the time of a request may be from now, unless the settings say otherwise.
const TOLERANCE: Duration = Duration::from_secs(300);
/// The furthest that the settings may say.
const MOST_TOLERANCE: Duration = Duration::from_secs(86_400);

/// A sender that is known by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Preset {
    /// GOV.UK Pay: a hex HMAC-SHA-256 in `Pay-Signature`, an id for each message.
    GovukPay,
    /// GOV.UK Notify's delivery receipts: a bearer token; one notification comes once for each status.
    GovukNotify,
}

impl Preset {
    pub(super) fn of(name: &str) -> Result<Self, SettingsError> {
        match name {
            "govuk-pay" => Ok(Self::GovukPay),
            "govuk-notify" => Ok(Self::GovukNotify),
            _ => Err(SettingsError::new("preset", "`govuk-pay` or `govuk-notify`")),
        }
    }

    /// What makes a record of this sender the same again.
    pub(super) fn key(self) -> WrittenKey {
        match self {
            Self::GovukPay => WrittenKey::One("/webhook_message_id".to_owned()),
            Self::GovukNotify => WrittenKey::Several(vec!["/id".to_owned(), "/status".to_owned()]),
        }
    }

    fn header(self) -> Option<&'static str> {
        match self {
            Self::GovukPay => Some("Pay-Signature"),
            Self::GovukNotify => None,
        }
    }
}

/// The proof by a signature.
pub(super) fn hmac(written: WrittenHmac, preset: Option<Preset>) -> Result<Signed, SettingsError> {
    let secret = SecretsFrom::read("hmac.secret", written.secret)?;
    let header = written.header.as_deref().or_else(|| preset.and_then(Preset::header)).unwrap_or_default();
    let scheme = Scheme {
        header: header_name("hmac.header", header)?,
        algorithm: algorithm(written.algorithm.as_deref())?,
        encoding: encoding(written.encoding.as_deref())?,
        prefix: written.prefix.unwrap_or_default(),
        timestamp: written.timestamp.map(timestamp).transpose()?,
    };
    Ok(Signed { scheme, secret })
}

fn header_name(key: &str, text: &str) -> Result<HeaderName, SettingsError> {
    HeaderName::try_from(text)
        .map_err(|_| SettingsError::new(key, "the name of a header, such as `X-Signature`"))
}

fn algorithm(written: Option<&str>) -> Result<Algorithm, SettingsError> {
    match written {
        None | Some("sha256") => Ok(Algorithm::Sha256),
        Some("sha1") => Ok(Algorithm::Sha1),
        Some("sha512") => Ok(Algorithm::Sha512),
        Some(_) => Err(SettingsError::new("hmac.algorithm", "`sha256`, `sha512` or `sha1`")),
    }
}

fn encoding(written: Option<&str>) -> Result<SignatureEncoding, SettingsError> {
    match written {
        None | Some("hex") => Ok(SignatureEncoding::Hex),
        Some("base64") => Ok(SignatureEncoding::Base64),
        Some(_) => Err(SettingsError::new("hmac.encoding", "`hex` or `base64`")),
    }
}

fn timestamp(written: WrittenTimestamp) -> Result<Timestamp, SettingsError> {
    let header = header_name("hmac.timestamp.header", &written.header)?;
    let tolerance = match written.tolerance {
        None => TOLERANCE,
        Some(text) => {
            parse_duration(&text).filter(|tolerance| *tolerance <= MOST_TOLERANCE).ok_or_else(|| {
                SettingsError::new("hmac.timestamp.tolerance", "a duration up to `1d`, such as `5min`")
            })?
        }
    };
    Ok(Timestamp { header, tolerance })
}
