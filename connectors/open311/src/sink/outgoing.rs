//! A message as the form that GeoReport v2 posts. Pure; it repeats no value in an error.

use postroom_connector::{ConnectorError, Failure};
use serde_json::{Map, Value};

use crate::report::{ANSWERS, MAX_DESCRIPTION_CHARS, POINT, TEXTS};

const CODE: &str = "service_code";
const DESCRIPTION: &str = "description";

/// What is posted: names and texts in the order of the specification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Report(Vec<(String, String)>);

impl Report {
    /// Reads a message.
    ///
    /// # Errors
    /// What keeps it from being a report, for good.
    pub(super) fn read(message: &Value) -> Result<Self, ConnectorError> {
        let message = message.as_object().ok_or_else(|| refused("the message is no object"))?;
        let is_known = |name: &String| {
            name == ANSWERS
                || POINT.iter().any(|(known, _)| known == name)
                || TEXTS.iter().any(|field| field.name == name)
        };
        if !message.keys().all(is_known) {
            return Err(refused("the message has a field that GeoReport v2 does not post"));
        }
        let mut pairs = texts(message)?;
        pairs.extend(point(message)?);
        let has = |name: &str| pairs.iter().any(|(known, _)| known == name);
        if !has(CODE) {
            return Err(refused("the message has no `service_code`"));
        }
        if !(has("lat") || has("address_string") || has("address_id")) {
            return Err(refused(
                "the message has neither `lat` and `long` nor `address_string` nor `address_id`",
            ));
        }
        pairs.extend(answers(message.get(ANSWERS))?);
        Ok(Self(pairs))
    }

    /// The code of its service.
    pub(super) fn code(&self) -> &str {
        self.0.iter().find(|(name, _)| name == CODE).map_or("", |(_, code)| code)
    }

    /// The same, whose description ends with `id`; what had no room for it is cut before it.
    pub(super) fn marked(mut self, id: &str) -> Self {
        let mark = mark(id);
        match self.0.iter_mut().find(|(name, _)| name == DESCRIPTION) {
            None => self.0.push((DESCRIPTION.to_owned(), mark)),
            Some((_, text)) => {
                let room = MAX_DESCRIPTION_CHARS.saturating_sub(mark.chars().count() + 1);
                let kept: String = text.chars().take(room).collect();
                *text = format!("{kept}\n{mark}");
            }
        }
        self
    }

    /// The form, with what the endpoint asks of everybody.
    pub(super) fn form(&self, common: &[(&str, &str)]) -> String {
        let own = self.0.iter().map(|(name, text)| (name.as_str(), text.as_str()));
        let mut form = url::form_urlencoded::Serializer::new(String::new());
        form.extend_pairs(common.iter().copied().chain(own));
        form.finish()
    }
}

/// What the description of a request ends with, so that it is found again.
pub(super) fn mark(id: &str) -> String {
    format!("(Ref {id})")
}

fn refused(words: impl Into<String>) -> ConnectorError {
    ConnectorError::new(Failure::Permanent, words, "")
}

fn texts(message: &Map<String, Value>) -> Result<Vec<(String, String)>, ConnectorError> {
    let mut pairs = Vec::new();
    for field in &TEXTS {
        match message.get(field.name) {
            None | Some(Value::Null) => {}
            Some(Value::String(text)) if text.chars().count() <= field.most_chars => {
                if !text.is_empty() {
                    pairs.push((field.name.to_owned(), text.clone()));
                }
            }
            Some(_) => {
                let words = format!("`{}` is a text of at most {} characters", field.name, field.most_chars);
                return Err(refused(words));
            }
        }
    }
    Ok(pairs)
}

fn point(message: &Map<String, Value>) -> Result<Vec<(String, String)>, ConnectorError> {
    let given = POINT.map(|(name, _)| message.get(name).filter(|value| !value.is_null()));
    if given.iter().all(Option::is_none) {
        return Ok(Vec::new());
    }
    let mut pairs = Vec::new();
    for ((name, most), value) in POINT.into_iter().zip(given) {
        let degrees = value.and_then(Value::as_f64).filter(|degrees| (-most..=most).contains(degrees));
        let degrees = degrees
            .ok_or_else(|| refused(format!("`{name}` is a number of degrees from -{most} to {most}")))?;
        pairs.push((name.to_owned(), degrees.to_string()));
    }
    Ok(pairs)
}

/// `attribute[code]`, or `attribute[code][]` where a code has several answers.
fn answers(value: Option<&Value>) -> Result<Vec<(String, String)>, ConnectorError> {
    let wrong = || refused(format!("`{ANSWERS}` is a list of objects with `code` and `value`"));
    let list = match value {
        None | Some(Value::Null) => return Ok(Vec::new()),
        Some(value) => value.as_array().ok_or_else(wrong)?,
    };
    let read = |answer: &Value| {
        let value = match answer.get("value")? {
            Value::String(text) => text.clone(),
            value @ (Value::Number(_) | Value::Bool(_)) => value.to_string(),
            _ => return None,
        };
        Some((answer.get("code")?.as_str()?.to_owned(), value))
    };
    let read: Option<Vec<(String, String)>> = list.iter().map(read).collect();
    let read = read.ok_or_else(wrong)?;
    let several = |code: &str| read.iter().filter(|(known, _)| known == code).count() > 1;
    let named = |(code, value): &(String, String)| {
        let ending = if several(code) { "[]" } else { "" };
        (format!("attribute[{code}]{ending}"), value.clone())
    };
    Ok(read.iter().map(named).collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_message_is_the_form_that_the_specification_shows() {
        let message = json!({
            "service_code": "001", "lat": 37.765, "long": -122.421, "first_name": "john", "email": null, "phone": "",
            "description": "A large sinkhole & more",
            "attributes": [{"code": "A", "value": 5}, {"code": "B", "value": "x"}, {"code": "B", "value": "y"}],
        });
        let report = Report::read(&message).expect("a report");
        assert_eq!(report.code(), "001");
        assert_eq!(
            report.form(&[("api_key", "k"), ("jurisdiction_id", "city.gov")]),
            "api_key=k&jurisdiction_id=city.gov&service_code=001&description=A+large+sinkhole+%26+more&first_name=john&\
             lat=37.765&long=-122.421&attribute%5BA%5D=5&attribute%5BB%5D%5B%5D=x&attribute%5BB%5D%5B%5D=y"
        );
    }

    #[test]
    fn a_description_ends_with_its_mark_and_stays_within_its_limit() {
        let description = |text: &str| {
            let message = json!({"service_code": "1", "address_id": "1", "description": text});
            let Report(pairs) = Report::read(&message).expect("a report").marked("id-1");
            pairs.into_iter().find(|(name, _)| name == DESCRIPTION).expect("a description").1
        };
        assert_eq!(description("A hole"), "A hole\n(Ref id-1)");
        assert_eq!(description(""), "(Ref id-1)");
        let long = description(&"\u{e9}".repeat(MAX_DESCRIPTION_CHARS));
        assert!(long.chars().count() == MAX_DESCRIPTION_CHARS && long.ends_with("\u{e9}\n(Ref id-1)"));
    }

    #[test]
    fn a_message_that_is_no_report_is_refused_for_good_without_its_values() {
        for (message, word) in [
            (json!("Canary"), "no object"),
            (json!({"service_code": "1", "address_id": "1", "Canary": 1}), "does not post"),
            (json!({"address_id": "1"}), "`service_code`"),
            (json!({"service_code": "1"}), "neither"),
            (json!({"service_code": "1", "lat": 1}), "`long`"),
            (json!({"service_code": "1", "lat": "Canary", "long": 1}), "`lat`"),
            (json!({"service_code": "1", "address_id": ["Canary"]}), "`address_id`"),
            (json!({"service_code": "1", "address_id": "1", "attributes": {"Canary": 1}}), "`attributes`"),
            (json!({"service_code": "1", "address_id": "1", "attributes": [{"code": "A"}]}), "`attributes`"),
        ] {
            let error = Report::read(&message).expect_err("an error");
            assert_eq!(error.failure, Failure::Permanent, "{message}");
            assert!(
                error.words.contains(word) && !error.to_string().contains("Canary"),
                "{message}: {error}"
            );
        }
    }
}
