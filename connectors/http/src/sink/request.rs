//! A kind of request as the settings describe it, and what it is for one handover.

use postroom_connector::{ConnectorError, Failure, Handover, SettingsError};
use postroom_request::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use postroom_request::{Method, Plain};

use super::address::Address;
use super::body::{Body, JSON, WrittenBody};
use super::soap::{SOAP_ACTION, Soap, WrittenSoap};

/// What the settings say of a request, as they were written.
pub(crate) struct Written {
    pub(crate) url: String,
    pub(crate) method: Option<String>,
    pub(crate) content_type: Option<String>,
    pub(crate) body: Option<WrittenBody>,
    pub(crate) soap: Option<WrittenSoap>,
}

/// Where the settings of a request stand, and what it may be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Terms {
    /// What stands before each key.
    pub(crate) prefix: &'static str,
    /// The methods; the first where none is written.
    pub(crate) methods: &'static [Method],
    pub(crate) purpose: Purpose,
    pub(crate) plain: Plain,
}

/// What a request is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// To hand something over.
    Deliver,
    /// To find out whether it arrived.
    LookUp,
}

/// A kind of request.
#[derive(Debug)]
pub(crate) struct Request {
    method: Method,
    address: Address,
    head: HeaderMap,
    body: Body,
    purpose: Purpose,
    soap: bool,
}

/// A request for one handover. It can be sent more than once.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    pub(crate) address: String,
    pub(crate) head: HeaderMap,
    pub(crate) body: Option<Vec<u8>>,
    pub(crate) purpose: Purpose,
}

impl Request {
    /// Reads what was written.
    pub(crate) fn read(written: Written, terms: Terms) -> Result<Self, SettingsError> {
        let key = |name: &str| format!("{}{name}", terms.prefix);
        let method = method(&key("method"), written.method.as_deref(), terms.methods)?;
        let soap = written.soap.map(|soap| Soap::read(&key("soap"), soap)).transpose()?;
        let (body, media) = match written.body {
            Some(body) => Body::read(&key("body"), body, soap.as_ref())?,
            None if soap.is_some() => {
                return Err(SettingsError::new(key("body"), "`soap` goes with a template of the body"));
            }
            None if [Method::GET, Method::DELETE].contains(&method) => (Body::Nothing, String::new()),
            None => (Body::Json, JSON.to_owned()),
        };
        if soap.is_some() && written.content_type.is_some() {
            return Err(SettingsError::new(key("content_type"), "`soap` has its own"));
        }
        let mut head = HeaderMap::new();
        let media = written.content_type.unwrap_or(media);
        if !media.is_empty() {
            let media = HeaderValue::from_str(&media).map_err(|_| {
                SettingsError::new(key("content_type"), "a media type such as `application/json`")
            })?;
            head.insert(CONTENT_TYPE, media);
        }
        if let Some(action) = soap.as_ref().and_then(Soap::action_header) {
            head.insert(SOAP_ACTION, action);
        }
        let address = Address::read(&key("url"), &written.url, terms.plain)?;
        let soap = soap.is_some();
        Ok(Self { method, address, head, body, purpose: terms.purpose, soap })
    }

    /// Whether it says which handover it is about.
    pub(crate) fn tells_handovers_apart(&self) -> bool {
        self.address.is_filled_in() || !matches!(self.body, Body::Nothing)
    }

    /// Whether SOAP is spoken.
    pub(crate) fn is_soap(&self) -> bool {
        self.soap
    }

    /// The request for a handover.
    ///
    /// # Errors
    /// Permanent, where none can be made of it.
    pub(crate) fn call(&self, handover: &Handover) -> Result<Call, ConnectorError> {
        Ok(Call {
            method: self.method.clone(),
            address: self.address.of(handover)?,
            head: self.head.clone(),
            body: self.body.of(handover)?,
            purpose: self.purpose,
        })
    }
}

impl Call {
    /// The same with a header more.
    pub(crate) fn with(mut self, name: &'static str, value: &str) -> Result<Self, ConnectorError> {
        let value = HeaderValue::from_str(value).map_err(|error| {
            ConnectorError::new(Failure::Permanent, format!("`{name}` is not fit for a header"), error)
        })?;
        self.head.insert(name, value);
        Ok(self)
    }
}

fn method(key: &str, written: Option<&str>, methods: &[Method]) -> Result<Method, SettingsError> {
    let names: Vec<String> = methods.iter().map(|method| format!("`{method}`")).collect();
    let found = match written {
        None => methods.first(),
        Some(name) => methods.iter().find(|method| method.as_str() == name),
    };
    found.cloned().ok_or_else(|| SettingsError::new(key, format!("one of {}", names.join(", "))))
}
