//! The questions of a service: what the server tells of them, and whether an answer is right. Pure.

use std::collections::BTreeSet;

use chrono::DateTime;
use serde::Deserialize;

use crate::report::{MAX_ANSWER_CHARS, MOST_ANSWERS};
use crate::writing::Item;

/// Most values of a question.
const MOST_VALUES: usize = 500;

/// A question of a service: an attribute, as the specification calls it.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Question {
    pub(super) code: String,
    description: String,
    datatype: Datatype,
    #[serde(default)]
    required: bool,
    /// False where it only says something.
    #[serde(default = "asks")]
    variable: bool,
    #[serde(default)]
    datatype_description: String,
    #[serde(default)]
    values: Vec<Choice>,
}

fn asks() -> bool {
    true
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Datatype {
    String,
    Number,
    Datetime,
    Text,
    SingleValueList,
    MultiValueList,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Choice {
    key: String,
    name: String,
}

impl Question {
    pub(super) fn told(&self, order: u64) -> Item {
        let item = Item::default()
            .with("variable", self.variable)
            .with("code", self.code.as_str())
            .with("datatype", self.datatype.word())
            .with("required", self.required)
            .with("datatype_description", self.datatype_description.as_str())
            .with("order", order)
            .with("description", self.description.as_str());
        if self.values.is_empty() {
            return item;
        }
        let value = |choice: &Choice| {
            Item::default().with("key", choice.key.as_str()).with("name", choice.name.as_str())
        };
        item.with_list("values", "value", self.values.iter().map(value).collect())
    }

    pub(super) fn fault(&self, given: &[&str]) -> Option<&'static str> {
        if given.is_empty() {
            return (self.required && self.variable).then_some("was not provided");
        }
        if given.len() > 1 && self.datatype != Datatype::MultiValueList {
            return Some("has more than one value");
        }
        if given.iter().any(|answer| answer.chars().count() > MAX_ANSWER_CHARS) {
            return Some("is too long");
        }
        given.iter().find_map(|answer| self.misfit(answer))
    }

    fn misfit(&self, answer: &str) -> Option<&'static str> {
        match self.datatype {
            Datatype::Text => None,
            Datatype::String => answer.contains(['\r', '\n']).then_some("has more than one line"),
            Datatype::Number => {
                let is_number = answer.parse().is_ok_and(|number: f64| number.is_finite());
                (!is_number).then_some("is no number")
            }
            Datatype::Datetime => {
                DateTime::parse_from_rfc3339(answer).is_err().then_some("is no time with its offset")
            }
            Datatype::SingleValueList | Datatype::MultiValueList => {
                let is_there = self.values.iter().any(|choice| choice.key == answer);
                (!is_there).then_some("is none of its values")
            }
        }
    }
}

impl Datatype {
    fn word(self) -> &'static str {
        match self {
            Self::String => "string",
            Self::Number => "number",
            Self::Datetime => "datetime",
            Self::Text => "text",
            Self::SingleValueList => "singlevaluelist",
            Self::MultiValueList => "multivaluelist",
        }
    }

    fn is_list(self) -> bool {
        matches!(self, Self::SingleValueList | Self::MultiValueList)
    }
}

/// What is wrong with the questions of a service, if anything.
pub(super) fn fault(questions: &[Question]) -> Option<String> {
    let mut codes = BTreeSet::new();
    if questions.len() > MOST_ANSWERS {
        return Some(format!("it has more than {MOST_ANSWERS} questions"));
    }
    for Question { code, datatype, values, .. } in questions {
        if !is_code(code) {
            return Some("the `code` of a question has letters, digits, `.`, `_` and `-`".to_owned());
        }
        if !codes.insert(code) {
            return Some(format!("the question `{code}` stands twice"));
        }
        if datatype.is_list() == values.is_empty() || values.len() > MOST_VALUES {
            return Some(format!(
                "the question `{code}`: a list has from 1 to {MOST_VALUES} `values`, and nothing else has any"
            ));
        }
    }
    None
}

/// Whether a code can stand in a path and in `attribute[code]` as it is.
pub(super) fn is_code(code: &str) -> bool {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    (1..=100).contains(&code.len()) && code.chars().all(is_plain)
}
