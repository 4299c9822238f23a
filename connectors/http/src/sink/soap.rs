//! SOAP 1.1 and 1.2: what goes around a body, and the faults that come back. Pure.

use postroom_connector::{Failure, SettingsError};
use postroom_request::header::{HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::Value;

/// The header of SOAP 1.1 that tells what is asked for (SOAP 1.1, 6.1.1).
pub(crate) const SOAP_ACTION: HeaderName = HeaderName::from_static("soapaction");

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WrittenSoap {
    version: String,
    action: Option<String>,
}

/// How a target speaks SOAP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Soap {
    version: Version,
    action: Option<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    V1_1,
    V1_2,
}

impl Soap {
    /// Reads what the setting `key` says.
    pub(crate) fn read(key: &str, written: WrittenSoap) -> Result<Self, SettingsError> {
        let version = match written.version.as_str() {
            "1.1" => Version::V1_1,
            "1.2" => Version::V1_2,
            _ => return Err(SettingsError::new(format!("{key}.version"), "`1.1` or `1.2`")),
        };
        let fits =
            |action: &String| action.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"\\".contains(&byte));
        if !written.action.iter().all(fits) {
            return Err(SettingsError::new(format!("{key}.action"), "an address, without quotes and spaces"));
        }
        Ok(Self { version, action: written.action })
    }

    /// The media type of what is sent.
    pub(crate) fn content_type(&self) -> String {
        match (self.version, &self.action) {
            (Version::V1_1, _) => "text/xml; charset=utf-8".to_owned(),
            (Version::V1_2, None) => "application/soap+xml; charset=utf-8".to_owned(),
            (Version::V1_2, Some(action)) => {
                format!("application/soap+xml; charset=utf-8; action=\"{action}\"")
            }
        }
    }

    /// The header that tells what is asked for, where the version has one.
    pub(crate) fn action_header(&self) -> Option<HeaderValue> {
        let action = self.action.as_deref().unwrap_or_default();
        match self.version {
            Version::V1_1 => HeaderValue::from_str(&format!("\"{action}\"")).ok(),
            Version::V1_2 => None,
        }
    }

    /// The template of a whole envelope: `template` itself where it is one, on the lines that it has.
    pub(crate) fn enveloped(&self, template: &str) -> String {
        if template.contains(":Envelope") || template.contains("<Envelope") {
            return template.to_owned();
        }
        let namespace = match self.version {
            Version::V1_1 => "http://schemas.xmlsoap.org/soap/envelope/",
            Version::V1_2 => "http://www.w3.org/2003/05/soap-envelope",
        };
        let opening = format!("<soap:Envelope xmlns:soap=\"{namespace}\"><soap:Body>");
        format!("<?xml version=\"1.0\" encoding=\"utf-8\"?>{opening}{template}</soap:Body></soap:Envelope>")
    }
}

/// Whether the content of an answer is an envelope.
pub(crate) fn is_envelope(content: &Value) -> bool {
    content.get("Body").is_some()
}

/// A fault that a target answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SoapFault {
    /// Its code, where it is one of SOAP's own: any other may repeat what was sent.
    pub(crate) code: Option<&'static str>,
    /// What it means; none where only the status tells.
    pub(crate) failure: Option<Failure>,
    /// Whether it says no to what the message means; none where only the status tells.
    pub(crate) says_no: Option<bool>,
}

/// Codes that blame what was sent for what it means, and not for its form.
const SAYING_NO: [&str; 2] = ["Client", "Sender"];

/// SOAP's own codes (SOAP 1.1, 4.4.1; SOAP 1.2, 5.4.6), and whether the same message may be taken later.
const CODES: [(&str, Failure); 7] = [
    ("Client", Failure::Permanent),
    ("Sender", Failure::Permanent),
    ("VersionMismatch", Failure::Permanent),
    ("MustUnderstand", Failure::Permanent),
    ("DataEncodingUnknown", Failure::Permanent),
    ("Server", Failure::Transient),
    ("Receiver", Failure::Transient),
];

/// The fault in the content of an answer.
pub(crate) fn fault(content: &Value) -> Option<SoapFault> {
    let fault = content.pointer("/Body/Fault")?;
    let code = fault.get("faultcode").or_else(|| fault.pointer("/Code/Value"));
    // `faultcode` may declare its prefix, and is then no plain text.
    let text =
        code.and_then(|code| code.as_str().or_else(|| code.get("#text")?.as_str())).unwrap_or_default();
    let local = text.trim().rsplit(':').next().unwrap_or_default();
    let general = local.split('.').next().unwrap_or_default();
    let known = CODES.iter().find(|(code, _)| *code == general);
    Some(SoapFault {
        code: known.map(|(code, _)| *code),
        failure: known.map(|(_, failure)| *failure),
        says_no: known.map(|(code, _)| SAYING_NO.contains(code)),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn soap(version: &str, action: Option<&str>) -> Result<Soap, SettingsError> {
        Soap::read("soap", WrittenSoap { version: version.to_owned(), action: action.map(str::to_owned) })
    }

    #[test]
    fn each_version_tells_its_action_in_its_own_way() {
        let old = soap("1.1", Some("urn:Move")).expect("settings");
        assert_eq!(old.content_type(), "text/xml; charset=utf-8");
        assert_eq!(old.action_header().expect("a header"), "\"urn:Move\"");
        assert_eq!(soap("1.1", None).expect("settings").action_header().expect("a header"), "\"\"");
        let new = soap("1.2", Some("urn:Move")).expect("settings");
        assert_eq!(new.content_type(), "application/soap+xml; charset=utf-8; action=\"urn:Move\"");
        assert_eq!(new.action_header(), None);
        assert_eq!(soap("2", None).expect_err("an error").key, "soap.version");
        assert_eq!(soap("1.1", Some("a\" b")).expect_err("an error").key, "soap.action");
    }

    #[test]
    fn a_template_that_is_no_envelope_is_put_into_one() {
        let soap = soap("1.1", None).expect("settings");
        let wrapped = soap.enveloped("<m:Move/>");
        assert!(wrapped.contains("<soap:Body><m:Move/></soap:Body>"), "{wrapped}");
        assert!(wrapped.contains("\"http://schemas.xmlsoap.org/soap/envelope/\""), "{wrapped}");
        for whole in ["<s:Envelope xmlns:s='urn:s'/>", "<Envelope/>"] {
            assert_eq!(soap.enveloped(whole), whole);
        }
    }

    #[test]
    fn the_code_of_a_fault_tells_whether_to_try_again() {
        use Failure::{Permanent, Transient};
        for (fault_in, code, failure) in [
            (json!({"faultcode": "soap:Client", "faultstring": "Zebediah"}), Some("Client"), Some(Permanent)),
            (json!({"faultcode": {"#text": " s:Client.Auth "}}), Some("Client"), Some(Permanent)),
            (json!({"faultcode": "Server"}), Some("Server"), Some(Transient)),
            (json!({"Code": {"Value": "env:Sender"}}), Some("Sender"), Some(Permanent)),
            (json!({"Code": {"Value": "env:Receiver"}}), Some("Receiver"), Some(Transient)),
            (json!({"faultcode": "ns:Zebediah"}), None, None),
            (json!(""), None, None),
        ] {
            let content = json!({"Body": {"Fault": fault_in}});
            let says_no = failure.map(|failure| failure == Permanent);
            assert_eq!(fault(&content), Some(SoapFault { code, failure, says_no }), "{content}");
        }
        for none in [json!({"Body": {"Moved": ""}}), json!("text"), Value::Null] {
            assert_eq!(fault(&none), None, "{none}");
        }
    }
}
