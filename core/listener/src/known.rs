//! By what a client is known: its certificate by one of its names, or what it gives in `Authorization`. Pure, and without a
//! secret: whether what was given is right, a gate says.

use crate::header::AUTHORIZATION;
use crate::{Asked, ClientCertificate};

/// The certificate of a client, by one of its names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// SHA-256 of the certificate, in hex of lower case.
    Fingerprint(String),
    /// The distinguished name of its subject.
    Subject(String),
}

impl Known {
    /// By either of its names; a fingerprint may have colons, and be in upper case.
    ///
    /// # Errors
    /// What would be right.
    pub fn read(fingerprint: Option<String>, subject: Option<String>) -> Result<Self, &'static str> {
        match (fingerprint, subject) {
            (Some(fingerprint), None) => {
                let hex = fingerprint.replace(':', "").to_ascii_lowercase();
                if hex.len() != 64 || !hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
                    return Err("`fingerprint` is the SHA-256 of the certificate, in hex");
                }
                Ok(Self::Fingerprint(hex))
            }
            (None, Some(subject)) if !subject.is_empty() => Ok(Self::Subject(subject)),
            _ => Err("either `fingerprint` or `subject`"),
        }
    }

    /// Whether it is the certificate that was shown.
    pub fn is(&self, shown: &ClientCertificate) -> bool {
        match self {
            Self::Fingerprint(fingerprint) => *fingerprint == shown.fingerprint,
            Self::Subject(subject) => !shown.subject.is_empty() && *subject == shown.subject,
        }
    }
}

impl Asked {
    /// What stands behind the scheme in `Authorization`; nothing where that stands more than once.
    pub fn credentials(&self, scheme: &str) -> Option<&str> {
        let mut values = self.headers.get_all(AUTHORIZATION).iter();
        let (given, credentials) = values.next()?.to_str().ok()?.split_once(' ')?;
        (given.eq_ignore_ascii_case(scheme) && values.next().is_none()).then_some(credentials.trim())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_is_known_by_one_of_its_names_and_an_empty_name_is_nobodys() {
        let shown = ClientCertificate { fingerprint: "0a".repeat(32), subject: "CN=till".to_owned() };
        let nameless = ClientCertificate { subject: String::new(), ..shown.clone() };
        let by_print = Known::read(Some(["0A"; 32].join(":")), None).expect("a fingerprint");
        let by_name = Known::read(None, Some("CN=till".to_owned())).expect("a name");
        assert!(by_print.is(&shown) && by_name.is(&shown));
        assert!(!by_name.is(&nameless) && !Known::Subject(String::new()).is(&nameless));
        for (fingerprint, subject) in
            [(None, None), (Some("0a"), None), (None, Some("")), (Some("0a"), Some("CN=till"))]
        {
            assert!(Known::read(fingerprint.map(str::to_owned), subject.map(str::to_owned)).is_err());
        }
    }
}
