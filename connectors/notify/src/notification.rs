//! A message as the body of a request. Pure.

use postroom_connector::{ConnectorError, Failure};
use serde_json::{Map, Value};

use crate::channel::Channel;
use crate::settings::Content;
use crate::token::is_uuid;

/// The field of a message whose values stand in what a resident gets.
pub(crate) const PERSONALISATION: &str = "personalisation";

/// The body that sends `message` by `channel` under `reference`.
///
/// # Errors
/// Where the message is not of the shape that [`Content`] needs: it never will be.
pub(crate) fn body(
    message: &Value,
    channel: Channel,
    content: &Content,
    reference: &str,
) -> Result<Value, ConnectorError> {
    let mut body = Map::new();
    let mut put = |key: &str, value: Value| body.insert(key.to_owned(), value);
    put("template_id", template(message, channel, content)?.into());
    put("reference", reference.into());
    match message.get(PERSONALISATION) {
        None | Some(Value::Null) => {}
        Some(Value::Object(values)) => {
            put(PERSONALISATION, Value::Object(values.clone()));
        }
        Some(_) => return refused("`personalisation` is an object"),
    }
    let (address, sender) = match channel {
        Channel::Email => {
            (Some("email_address"), content.email_reply_to_id.as_ref().map(|id| ("email_reply_to_id", id)))
        }
        Channel::Sms => {
            (Some("phone_number"), content.sms_sender_id.as_ref().map(|id| ("sms_sender_id", id)))
        }
        // It stands in the personalisation.
        Channel::Letter => (None, None),
    };
    if let Some(key) = address {
        put(key, message.get(key).cloned().unwrap_or_default());
    }
    if let Some((key, id)) = sender {
        put(key, id.as_str().into());
    }
    Ok(Value::Object(body))
}

/// The template that the message names, or that of the settings.
fn template(message: &Value, channel: Channel, content: &Content) -> Result<String, ConnectorError> {
    match message.get("template") {
        None | Some(Value::Null) => content.template(channel).map(str::to_owned).ok_or_else(|| {
            let words = format!("the settings name no template for `{}`", channel.name());
            ConnectorError::new(Failure::Permanent, words, "")
        }),
        Some(Value::String(id)) if is_uuid(id) => Ok(id.clone()),
        Some(_) => refused("`template` is the UUID of a template"),
    }
}

fn refused<T>(words: &str) -> Result<T, ConnectorError> {
    Err(ConnectorError::new(Failure::Permanent, words, ""))
}
