//! Messages to and from AMQP's own form.

use bytes::Bytes;
use lapin::{
    BasicProperties,
    message::Delivery as Arrived,
    types::{AMQPValue, FieldTable, ShortString},
};

use crate::{BrokerError, Delivery, Message, Outgoing};

/// AMQP's delivery mode of a message that survives a restart of the broker.
const PERSISTENT: u8 = 2;

/// A publish in AMQP's form: every text of it fits.
pub(super) struct Parcel {
    pub(super) exchange: ShortString,
    pub(super) routing_key: ShortString,
    pub(super) properties: BasicProperties,
    pub(super) body: Bytes,
}

impl TryFrom<Outgoing> for Parcel {
    type Error = BrokerError;

    fn try_from(outgoing: Outgoing) -> Result<Self, BrokerError> {
        let Outgoing { exchange, routing_key, message } = outgoing;
        let body = message.body.clone();
        Ok(Self {
            exchange: short("the exchange", exchange)?,
            routing_key: short("the routing key", routing_key)?,
            properties: properties(message)?,
            body,
        })
    }
}

fn properties(message: Message) -> Result<BasicProperties, BrokerError> {
    let mut properties = BasicProperties::default().with_delivery_mode(PERSISTENT);
    if let Some(text) = message.content_type {
        properties = properties.with_content_type(short("the content type", text)?);
    }
    if let Some(text) = message.message_id {
        properties = properties.with_message_id(short("the message id", text)?);
    }
    if let Some(text) = message.correlation_id {
        properties = properties.with_correlation_id(short("the correlation id", text)?);
    }
    if let Some(text) = message.message_type {
        properties = properties.with_type(short("the message type", text)?);
    }
    if let Some(seconds) = message.timestamp {
        properties = properties.with_timestamp(seconds);
    }
    if let Some(text) = message.user_id {
        properties = properties.with_user_id(short("the user id", text)?);
    }
    if let Some(text) = message.app_id {
        properties = properties.with_app_id(short("the app id", text)?);
    }
    if !message.headers.is_empty() {
        properties = properties.with_headers(headers(message.headers)?);
    }
    Ok(properties)
}

fn headers(pairs: Vec<(String, String)>) -> Result<FieldTable, BrokerError> {
    let mut table = FieldTable::default();
    for (name, value) in pairs {
        table.insert(short("the name of a header", name)?, AMQPValue::LongString(value.into()));
    }
    Ok(table)
}

fn short(field: &'static str, text: String) -> Result<ShortString, BrokerError> {
    ShortString::try_new(text).map_err(|_| BrokerError::TooLong { field })
}

/// What arrived, in the port's form.
pub(super) fn delivery(arrived: Arrived) -> Delivery {
    let properties = &arrived.properties;
    let headers = properties.headers().as_ref().map(texts).unwrap_or_default();
    Delivery {
        tag: arrived.delivery_tag,
        redelivered: arrived.redelivered,
        content_type: text(properties.content_type().as_ref()),
        message_id: text(properties.message_id().as_ref()),
        correlation_id: text(properties.correlation_id().as_ref()),
        user_id: text(properties.user_id().as_ref()),
        timestamp: *properties.timestamp(),
        forbidden: forbidden(properties, &headers),
        headers,
        exchange: arrived.exchange.into(),
        routing_key: arrived.routing_key.into(),
        body: Bytes::from(arrived.data),
    }
}

fn text(value: Option<&ShortString>) -> Option<String> {
    value.map(|text| text.as_str().to_owned())
}

fn texts(table: &FieldTable) -> Vec<(String, String)> {
    table.inner().iter().map(|(name, value)| (name.as_str().to_owned(), shown(value))).collect()
}

/// The value as a text; of what has parts, only its kind.
fn shown(value: &AMQPValue) -> String {
    match value {
        AMQPValue::Boolean(flag) => flag.to_string(),
        AMQPValue::ShortShortInt(number) => number.to_string(),
        AMQPValue::ShortShortUInt(number) => number.to_string(),
        AMQPValue::ShortInt(number) => number.to_string(),
        AMQPValue::ShortUInt(number) => number.to_string(),
        AMQPValue::LongInt(number) => number.to_string(),
        AMQPValue::LongUInt(number) => number.to_string(),
        AMQPValue::LongLongInt(number) => number.to_string(),
        AMQPValue::Float(number) => number.to_string(),
        AMQPValue::Double(number) => number.to_string(),
        AMQPValue::ShortString(text) => text.to_string(),
        AMQPValue::LongString(text) => text.to_string(),
        AMQPValue::Timestamp(seconds) => seconds.to_string(),
        AMQPValue::DecimalValue(_) => "decimal".to_owned(),
        AMQPValue::FieldArray(_) => "list".to_owned(),
        AMQPValue::FieldTable(_) => "table".to_owned(),
        AMQPValue::ByteArray(_) => "bytes".to_owned(),
        AMQPValue::Void => String::new(),
    }
}

fn forbidden(properties: &BasicProperties, headers: &[(String, String)]) -> Vec<&'static str> {
    let has = |name: &str| headers.iter().any(|(header, _)| header == name);
    let present = [
        ("expiration", properties.expiration().is_some()),
        ("priority", properties.priority().is_some()),
        ("CC", has("CC")),
        ("BCC", has("BCC")),
    ];
    present.into_iter().filter_map(|(name, found)| found.then_some(name)).collect()
}

#[cfg(test)]
mod tests {
    use lapin::types::FieldArray;

    use super::*;

    fn arrived(properties: BasicProperties) -> Delivery {
        let mut arrived =
            Arrived::mock(7, "in.gazetteer".into(), "street.created.v1".into(), true, b"{}".to_vec());
        arrived.properties = properties;
        delivery(arrived)
    }

    fn check_header(value: AMQPValue, expected: &str) {
        let mut table = FieldTable::default();
        table.insert("name".into(), value);
        let headers = arrived(BasicProperties::default().with_headers(table)).headers;
        assert_eq!(headers, [("name".to_owned(), expected.to_owned())]);
    }

    #[test]
    fn headers_arrive_as_texts_and_what_has_parts_by_its_kind() {
        check_header(AMQPValue::LongString("1.0".into()), "1.0");
        check_header(AMQPValue::LongLongInt(-7), "-7");
        check_header(AMQPValue::Boolean(true), "true");
        check_header(AMQPValue::Timestamp(1_700_000_000), "1700000000");
        check_header(AMQPValue::FieldArray(FieldArray::default()), "list");
        check_header(AMQPValue::FieldTable(FieldTable::default()), "table");
    }

    #[test]
    fn what_can_lose_reorder_or_smuggle_is_named() {
        let mut table = FieldTable::default();
        table.insert("CC".into(), AMQPValue::FieldArray(FieldArray::default()));
        table.insert("BCC".into(), AMQPValue::FieldArray(FieldArray::default()));
        let properties =
            BasicProperties::default().with_expiration("300".into()).with_priority(9).with_headers(table);
        assert_eq!(arrived(properties).forbidden, ["expiration", "priority", "CC", "BCC"]);
        assert!(arrived(BasicProperties::default()).forbidden.is_empty());
    }

    #[test]
    fn a_message_keeps_its_properties_on_the_way() {
        let message = Message {
            body: Bytes::from_static(b"{}"),
            content_type: Some("application/json".to_owned()),
            message_id: Some("m".to_owned()),
            correlation_id: Some("c".to_owned()),
            message_type: Some("premises".to_owned()),
            timestamp: Some(1_700_000_000),
            user_id: Some("hub".to_owned()),
            app_id: Some("postroom".to_owned()),
            headers: vec![("event-type".to_owned(), "property.created.v1".to_owned())],
        };
        let outgoing = Outgoing { exchange: "e".to_owned(), routing_key: "k".to_owned(), message };
        let properties = Parcel::try_from(outgoing).unwrap().properties;
        assert_eq!(*properties.delivery_mode(), Some(2), "AMQP's number of what survives a restart");
        assert_eq!(properties.kind().as_ref().map(ShortString::as_str), Some("premises"));
        let back = arrived(properties);
        assert_eq!((back.tag, back.redelivered), (7, true));
        assert_eq!(back.message_id.as_deref(), Some("m"));
        assert_eq!(back.correlation_id.as_deref(), Some("c"));
        assert_eq!(back.user_id.as_deref(), Some("hub"));
        assert_eq!(back.timestamp, Some(1_700_000_000));
        assert_eq!(back.headers, [("event-type".to_owned(), "property.created.v1".to_owned())]);
    }

    #[test]
    fn a_text_too_long_for_amqp_is_an_error_and_not_a_crash() {
        let outgoing = Outgoing {
            exchange: String::new(),
            routing_key: "k".repeat(crate::MAX_SHORT_TEXT_BYTES + 1),
            message: Message::default(),
        };
        let error = Parcel::try_from(outgoing).err();
        assert_eq!(error, Some(BrokerError::TooLong { field: "the routing key" }));
    }
}
