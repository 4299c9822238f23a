//! The templates of a mail: compiled when the settings are read, tried out on a message that has the listed fields and no
//! others, and filled in strictly. What goes wrong is told by kind and line, never with a value.

use std::fmt;
use std::sync::Arc;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::{Object, Serde};
use minijinja::{
    AutoEscape, Environment, Error, ErrorKind, Output, State, UndefinedBehavior, Value, context,
    escape_formatter,
};
use postroom_connector::{ConnectorError, Failure, SettingsError};

use crate::fields::Fields;

/// Most instructions that filling in one template may take, of at most 64 bytes each: a batch of 10,000 messages has room.
const MAX_INSTRUCTIONS: u64 = 5_000_000;

/// The parts of a mail that are templates, by the key of the settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Subject,
    Text,
    Html,
    FileName,
}

impl Part {
    pub(crate) const fn key(self) -> &'static str {
        match self {
            Self::Subject => "subject",
            Self::Text => "text",
            Self::Html => "html",
            Self::FileName => "attachment.name",
        }
    }
}

/// What templates are filled in with.
pub(crate) struct Facts<'a> {
    /// The dispatch id of a message, or the batch's id.
    pub(crate) id: &'a str,
    pub(crate) system: &'a str,
    /// The date in London, such as `2026-07-01`.
    pub(crate) date: String,
    pub(crate) items: Vec<Item<'a>>,
}

/// What they are told of one message.
pub(crate) struct Item<'a> {
    pub(crate) dispatch: String,
    pub(crate) event_type: &'a str,
    /// Its listed fields.
    pub(crate) message: Value,
}

impl<'a> Item<'a> {
    /// Of a message of which `listed` is what a mail may hold.
    pub(crate) fn new(dispatch: String, event_type: &'a str, listed: serde_json::Value) -> Self {
        Self { dispatch, event_type, message: Serde(listed).into() }
    }
}

/// Compiled templates.
#[derive(Debug, Clone)]
pub(crate) struct Templates(Environment<'static>);

impl Templates {
    pub(crate) fn new() -> Self {
        let mut environment = Environment::new();
        environment.set_undefined_behavior(UndefinedBehavior::Strict);
        environment.set_auto_escape_callback(|name| {
            if name == Part::Html.key() { AutoEscape::Html } else { AutoEscape::None }
        });
        environment.set_formatter(nothing_for_null);
        let mut syntax = SyntaxConfig::builder();
        syntax.trim_blocks(true).lstrip_blocks(true).keep_trailing_newline(true);
        // Only delimiters can be wrong, and none is changed.
        environment.set_syntax(syntax.build().unwrap_or_default());
        environment.set_fuel(Some(MAX_INSTRUCTIONS));
        Self(environment)
    }

    /// Compiles `source` and tries it out on a message that has `fields`.
    ///
    /// # Errors
    /// What of the template is wrong, and in which line.
    pub(crate) fn add(&mut self, part: Part, source: String, fields: &Fields) -> Result<(), SettingsError> {
        let wrong = |error: &Error| SettingsError::new(part.key(), told(error));
        self.0.add_template_owned(part.key(), source).map_err(|error| wrong(&error))?;
        let tried = self.0.get_template(part.key()).and_then(|template| template.render(sample(fields)));
        match tried {
            // Only what is not there is certain: a number where the sample has none is not.
            Err(error) if error.kind() == ErrorKind::UndefinedError => {
                let words = format!("{}: templates see what `fields` lists", told(&error));
                Err(SettingsError::new(part.key(), words))
            }
            Err(error) if is_unknown(&error) => Err(wrong(&error)),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    pub(crate) fn has(&self, part: Part) -> bool {
        self.0.get_template(part.key()).is_ok()
    }

    /// The text of a part; empty where the settings have none.
    ///
    /// # Errors
    /// Where the template asks for what is not there, or does not end.
    pub(crate) fn fill(&self, part: Part, facts: &Value) -> Result<String, ConnectorError> {
        if !self.has(part) {
            return Ok(String::new());
        }
        self.0.get_template(part.key()).and_then(|template| template.render(facts)).map_err(|error| {
            let line = error.line().unwrap_or_default();
            let words = format!("the template `{}` cannot be filled in", part.key());
            ConnectorError::new(Failure::Permanent, words, format!("{} in line {line}", error.kind()))
        })
    }
}

impl Facts<'_> {
    /// As templates see them.
    pub(crate) fn value(&self) -> Value {
        let items = self.items.iter().map(|item| {
            context! {
                dispatch => item.dispatch.as_str(),
                event_type => item.event_type,
                message => item.message.clone(),
            }
        });
        let mut kinds: Vec<(&str, usize)> = Vec::new();
        for item in &self.items {
            match kinds.iter_mut().find(|(event_type, _)| *event_type == item.event_type) {
                Some((_, count)) => *count += 1,
                None => kinds.push((item.event_type, 1)),
            }
        }
        let kinds = kinds.into_iter().map(|(event_type, count)| context! { event_type, count });
        context! {
            id => self.id,
            system => self.system,
            date => self.date.as_str(),
            count => self.items.len(),
            kinds => kinds.collect::<Vec<_>>(),
            items => items.collect::<Vec<_>>(),
        }
    }
}

/// A listed field that a message does not have is nothing, as in a file of rows.
fn nothing_for_null(out: &mut Output<'_>, state: &mut State<'_, '_>, value: &Value) -> Result<(), Error> {
    if value.is_none() { Ok(()) } else { escape_formatter(out, state, value) }
}

/// A mistake that no message can mend.
fn is_unknown(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::SyntaxError
            | ErrorKind::UnknownFilter
            | ErrorKind::UnknownTest
            | ErrorKind::UnknownFunction
            | ErrorKind::TemplateNotFound
    )
}

/// A mistake of the template's own text; there is no message yet whose value it could tell.
fn told(error: &Error) -> String {
    let detail = error.detail().map(|detail| format!(": {detail}")).unwrap_or_default();
    format!("line {} of the template: {}{detail}", error.line().unwrap_or_default(), error.kind())
}

/// Facts about one message, whose listed fields can be anything.
fn sample(fields: &Fields) -> Value {
    let message = Anything { fields: Arc::new(fields.clone()), at: String::new() };
    let item = Item { dispatch: "id".to_owned(), event_type: "type", message: Value::from_object(message) };
    Facts { id: "id", system: "system", date: "2026-07-01".to_owned(), items: vec![item] }.value()
}

/// A message, or what stands at a path in it, that has what `fields` lists and nothing else.
#[derive(Debug)]
struct Anything {
    fields: Arc<Fields>,
    at: String,
}

impl Object for Anything {
    fn get_value(self: &Arc<Self>, key: &Value) -> Option<Value> {
        let at = if self.at.is_empty() { key.to_string() } else { format!("{}.{key}", self.at) };
        let is_there = self.fields.leads_to(&at);
        is_there.then(|| Value::from_object(Self { fields: Arc::clone(&self.fields), at }))
    }

    fn render(self: &Arc<Self>, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("value")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields() -> Fields {
        Fields::new(vec!["name".to_owned(), "address.line1".to_owned(), "tags".to_owned()]).expect("fields")
    }

    fn templates(part: Part, source: &str) -> Result<Templates, SettingsError> {
        let mut templates = Templates::new();
        templates.add(part, source.to_owned(), &fields()).map(|()| templates)
    }

    fn filled(part: Part, source: &str, message: &serde_json::Value) -> Result<String, ConnectorError> {
        let item = Item::new("7".to_owned(), "a.v1", fields().of(message));
        let facts = Facts { id: "b", system: "waste", date: "2026-07-01".to_owned(), items: vec![item] };
        templates(part, source).expect("a template").fill(part, &facts.value())
    }

    #[test]
    fn a_template_that_asks_for_what_is_not_listed_is_refused_before_there_is_a_message() {
        for source in [
            "{{ nmae }}",
            "{{ items[0].message.surname }}",
            "{% for item in items %}\n{{ item.message.address.line2 }}{% endfor %}",
            "{{ items[0].subject }}",
            "{{ id | nosuchfilter }}",
            "{% if %}",
        ] {
            let error = templates(Part::Text, source).expect_err(source);
            assert_eq!(error.key, "text", "{source}");
        }
        for source in [
            "{{ items[0].message.name | upper }} {{ items[0].message.address.line1 }}",
            "{% for tag in items[0].message.tags %}{{ tag }}{% endfor %}{{ items[0].message.tags[0].x }}",
            "{% if items[0].message.name > 5 %}{{ count }}{% endif %}",
        ] {
            templates(Part::Text, source).expect(source);
        }
    }

    #[test]
    fn html_is_escaped_and_text_is_not_and_nothing_is_written_for_null() {
        let source = "<b>{{ items[0].message.name }}</b>{{ items[0].message.tags }}";
        let message = json!({"name": "<script>&"});
        assert_eq!(filled(Part::Html, source, &message).expect("text"), "<b>&lt;script&gt;&amp;</b>");
        assert_eq!(filled(Part::Text, source, &message).expect("text"), "<b><script>&</b>");
    }

    #[test]
    fn a_template_that_fails_tells_no_value() {
        let source = "\n{{ items[0].message.name + 1 }}";
        let error = filled(Part::Text, source, &json!({"name": "Ada Example"})).expect_err("an error");
        assert_eq!(error.failure, Failure::Permanent);
        let told = error.to_string();
        assert!(told.contains("`text`") && told.contains("line 2") && !told.contains("Ada"), "{told}");
    }

    #[test]
    fn a_template_without_end_is_stopped() {
        let loops = "{% for a in range(90000) %}{% for b in range(90000) %}{% endfor %}{% endfor %}";
        let source = format!("{{% if items[0].message.name == 'go' %}}{loops}{{% endif %}}");
        let error = filled(Part::Text, &source, &json!({"name": "go"})).expect_err("an error");
        assert_eq!(error.failure, Failure::Permanent);
    }
}
