//! What is kept of an event that could not be understood.

use sha2::{Digest, Sha256};

/// An event that could not be understood.
#[derive(Debug, Clone)]
pub struct InvalidEvent {
    /// The system whose ingress it came through.
    pub system: String,
    /// When.
    pub received_at: i64,
    /// The code of the rule that was broken.
    pub code: String,
    /// JSON pointer or attribute; empty for the whole.
    pub place: String,
    /// What an officer should read.
    pub words: String,
    /// AMQP content type.
    pub content_type: Option<String>,
    /// AMQP headers as texts.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Body,
    /// What its envelope claims, where that could be read.
    pub claims: Claims,
}

/// Which rule an event breaks, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The code of the rule.
    pub code: String,
    /// JSON pointer or attribute; empty for the whole.
    pub place: String,
    /// What an officer should read.
    pub words: String,
}

/// What the envelope of an invalid event claims.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct Claims {
    /// CloudEvents id.
    pub id: Option<String>,
    /// CloudEvents source.
    pub source: Option<String>,
    /// CloudEvents type.
    pub event_type: Option<String>,
    /// CloudEvents subject.
    pub subject: Option<String>,
}

/// A body, kept whole or, when oversized, as its hash and size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Body {
    /// The bytes, unless oversized.
    pub bytes: Option<Vec<u8>>,
    /// SHA-256 of the bytes.
    pub sha256: [u8; 32],
    /// Size in bytes.
    pub size: u64,
}

impl Body {
    /// Keeps `bytes` whole up to `limit` bytes, else their hash and size only.
    pub fn kept(bytes: &[u8], limit: usize) -> Self {
        Self {
            bytes: (bytes.len() <= limit).then(|| bytes.to_vec()),
            sha256: Sha256::digest(bytes).into(),
            size: bytes.len() as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_oversized_body_is_kept_as_its_hash_and_size() {
        let body = Body::kept(b"four", 3);
        assert_eq!((body.bytes, body.size), (None, 4));
        assert_eq!(Body::kept(b"four", 4).bytes.as_deref(), Some(b"four".as_slice()));
        assert_eq!(Body::kept(b"four", 4).sha256, body.sha256);
        assert_ne!(Body::kept(b"five", 4).sha256, body.sha256);
    }
}
