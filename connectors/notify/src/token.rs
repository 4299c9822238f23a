//! The API key, and the token that each request carries: a JWT (RFC 7519) of who asks and when, signed with HMAC-SHA-256.
//!
//! Made by hand: two fixed parts and a signature are less than the crate `jsonwebtoken`, whose cryptography brings `rsa`.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

const HEADER: &str = r#"{"alg":"HS256","typ":"JWT"}"#;
/// Length of a UUID as text, in bytes.
const UUID_BYTES: usize = 36;

/// An API key: who asks, and the secret, ready to sign.
#[derive(Clone)]
pub(crate) struct Key {
    service: String,
    signer: Hmac<Sha256>,
}

impl Key {
    /// Reads a key as Notify shows it: its name, the service and the secret, joined by `-`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (rest, secret) = last_uuid(text)?;
        let (_, service) = last_uuid(rest.strip_suffix('-')?)?;
        let signer = Hmac::new_from_slice(secret.as_bytes()).ok()?;
        Some(Self { service: service.to_owned(), signer })
    }

    /// A token of `now`; Notify takes it for half a minute.
    pub(crate) fn token(&self, now: DateTime<Utc>) -> String {
        let claims = format!(r#"{{"iss":"{}","iat":{}}}"#, self.service, now.timestamp());
        let signed = format!("{}.{}", URL_SAFE_NO_PAD.encode(HEADER), URL_SAFE_NO_PAD.encode(claims));
        let mut signer = self.signer.clone();
        signer.update(signed.as_bytes());
        let signature = URL_SAFE_NO_PAD.encode(signer.finalize().into_bytes());
        format!("{signed}.{signature}")
    }
}

fn last_uuid(text: &str) -> Option<(&str, &str)> {
    let (rest, uuid) = text.split_at_checked(text.len().checked_sub(UUID_BYTES)?)?;
    is_uuid(uuid).then_some((rest, uuid))
}

/// Whether `text` is a UUID as Notify writes them.
pub(crate) fn is_uuid(text: &str) -> bool {
    let is_in_place = |(at, byte): (usize, u8)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => byte.is_ascii_hexdigit(),
    };
    text.len() == UUID_BYTES && text.bytes().enumerate().all(is_in_place)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVICE: &str = "26785a09-ab16-4eb0-8407-a37497a57506";
    const SECRET: &str = "3d844edf-8d35-48ac-975b-e847b4f122b0";

    #[test]
    fn a_key_is_read_from_its_end_whatever_its_name_is() {
        for name in ["live", "my-key-2026", ""] {
            let key = Key::parse(&format!("{name}-{SERVICE}-{SECRET}")).expect("a key");
            assert_eq!(key.service, SERVICE);
        }
        for wrong in [
            "",
            "key",
            SECRET,
            &format!("{SERVICE}{SECRET}"),
            &format!("name-{SERVICE}-{}", &SECRET[1..]),
            &format!("name-{}-{SECRET}", SERVICE.replace('a', "x")),
            &format!("name-{SERVICE}-{}é", &SECRET[2..]),
        ] {
            assert!(Key::parse(wrong).is_none(), "{wrong}");
        }
    }

    #[test]
    fn a_token_is_signed_as_the_standard_says() {
        let now = DateTime::from_timestamp(1_784_894_400, 0).expect("an instant");
        let key = Key::parse(&format!("name-{SERVICE}-{SECRET}")).expect("a key");
        // As PyJWT 2 makes it, on which Notify's own code stands.
        let token = "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJpc3MiOiIyNjc4NWEwOS1hYjE2LTRlYjAtODQwNy1hMzc0OTdhNTc1MDYi\
                     LCJpYXQiOjE3ODQ4OTQ0MDB9.3IknSWdx1II0ICI48ROJ1O0GRGIaN0jpHFdiKInS30s";
        assert_eq!(key.token(now), token);
    }
}
