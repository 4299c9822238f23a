//! The council's own rule over an answer: a VRL program that says what the answer means. Pure.
//!
//! It reads `.status`, `.headers` (names in lower case) and `.body`, and gives `{ "outcome": ..., "words": ..., "code": ...,
//! "reference": ... }`, or null where the status is to decide.

use postroom_connector::SettingsError;
use postroom_request::{Answer, header::HeaderName};
use postroom_transform::{Context, Input, Mapping, Problem, RunError, Runner, Shape};
use serde_json::{Map, Value, json};

/// Longest text of an answer that is kept, in characters.
pub(crate) const MAX_TEXT_CHARS: usize = 200;

/// A rule that compiled.
#[derive(Debug)]
pub(crate) struct Rule(Mapping);

/// What a rule says of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub(crate) outcome: Option<Outcome>,
    /// What an officer should read.
    pub(crate) words: Option<String>,
    /// The code of a refusal.
    pub(crate) code: Option<String>,
    /// The target's own reference.
    pub(crate) reference: Option<String>,
}

/// What became of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    Delivered,
    /// It will never be taken.
    Refused,
    /// The same may be taken later.
    Again,
    /// It may have arrived.
    Unknown,
    /// Nothing gets through until somebody mends it.
    Down,
    /// Of a look-up: it did not arrive.
    Absent,
}

impl Rule {
    /// Compiles what the setting `key` says.
    pub(crate) fn read(key: &str, source: &str) -> Result<Self, SettingsError> {
        let mapping = Mapping::compile(source, &answers(), Context::Answer).map_err(|problems| {
            let told: Vec<String> = problems.iter().map(|problem| placed(source, problem)).collect();
            SettingsError::new(key, format!("the rule does not compile\n{}", told.join("\n")))
        })?;
        let misfits: Vec<String> = mapping.fit(&verdicts()).misfits.iter().map(ToString::to_string).collect();
        if misfits.is_empty() {
            return Ok(Self(mapping));
        }
        let words = "the rule gives an object with `outcome`, and `words`, `code` and `reference` where there are any, or null";
        Err(SettingsError::new(key, format!("{words}; {}", misfits.join("; "))))
    }

    /// What the rule says of an answer with this content; none where the status is to decide.
    pub(crate) fn verdict(&self, answer: &Answer, content: &Value) -> Result<Option<Verdict>, RunError> {
        let data = json!({ "status": answer.status.as_u16(), "headers": headers(answer), "body": content });
        let verdict = Runner::default().map(&self.0, &mut Input::new(data.into(), &[]))?;
        let verdict = Value::from(verdict);
        Ok(verdict.is_object().then(|| Verdict {
            outcome: verdict.get("outcome").and_then(Value::as_str).and_then(outcome),
            words: verdict.get("words").and_then(text),
            code: verdict.get("code").and_then(text),
            reference: verdict.get("reference").and_then(text),
        }))
    }
}

fn outcome(word: &str) -> Option<Outcome> {
    match word {
        "delivered" => Some(Outcome::Delivered),
        "refused" => Some(Outcome::Refused),
        "again" => Some(Outcome::Again),
        "unknown" => Some(Outcome::Unknown),
        "down" => Some(Outcome::Down),
        "absent" => Some(Outcome::Absent),
        _ => None,
    }
}

/// A text or number, on one line and not too long.
pub(crate) fn text(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    Some(text.chars().filter(|c| !c.is_control()).take(MAX_TEXT_CHARS).collect())
}

/// The headers of an answer that are texts; the first of each name.
fn headers(answer: &Answer) -> Map<String, Value> {
    let name = |name: &HeaderName| {
        let value = answer.headers.get(name)?.to_str().ok()?;
        Some((name.as_str().to_owned(), Value::from(value)))
    };
    answer.headers.keys().filter_map(name).collect()
}

/// What a rule reads.
fn answers() -> Shape {
    Shape::of_schema(&json!({
        "type": "object", "additionalProperties": false, "required": ["status", "headers", "body"],
        "properties": {
            "status": {"type": "integer"},
            "headers": {"type": "object", "additionalProperties": {"type": "string"}},
            "body": {}
        }
    }))
}

/// What a rule gives.
fn verdicts() -> Value {
    json!({
        "type": ["object", "null"], "additionalProperties": false, "required": ["outcome"],
        "properties": {"outcome": {"type": "string"}, "words": {}, "code": {}, "reference": {}}
    })
}

/// A problem with its line and a caret.
fn placed(source: &str, problem: &Problem) -> String {
    let line = source.lines().nth(problem.line.saturating_sub(1)).unwrap_or_default();
    let before = " ".repeat(problem.column.saturating_sub(1));
    format!("{problem}\n  {line}\n  {before}{}", "^".repeat(problem.length))
}

#[cfg(test)]
mod tests {
    use super::super::content::content;
    use super::super::handed::answer;
    use super::*;

    fn read(source: &str) -> Rule {
        Rule::read("answer.rule", source).unwrap_or_else(|error| panic!("{source}: {error}"))
    }

    fn verdict(source: &str, status: u16, body: &str) -> Option<Verdict> {
        let answer = answer(status, body);
        read(source).verdict(&answer, &content(&answer)).expect("a run")
    }

    #[test]
    fn a_rule_reads_status_headers_and_body_and_says_what_they_mean() {
        let source = r#"if .status == 200 && .body.code == "E17" {
            { "outcome": "refused", "words": .body.message, "code": .body.code }
        } else if exists(.headers."x-busy") { { "outcome": "again" } }"#;
        let said = verdict(source, 200, r#"{"code": "E17", "message": "Specified UPRN does not exist\n"}"#);
        let expected = Verdict {
            outcome: Some(Outcome::Refused),
            words: Some("Specified UPRN does not exist".to_owned()),
            code: Some("E17".to_owned()),
            reference: None,
        };
        assert_eq!(said, Some(expected));
        assert_eq!(verdict(source, 200, "{}"), None);
        let mut busy = answer(200, "{}");
        busy.headers.insert("X-Busy", "yes".parse().expect("a value"));
        let said = read(source).verdict(&busy, &Value::Null).expect("a run").expect("a verdict");
        assert_eq!(said.outcome, Some(Outcome::Again));
    }

    #[test]
    fn words_are_cut_and_what_is_no_text_is_left_out() {
        let source =
            r#"{ "outcome": "delivered", "words": .body.long, "reference": .body.id, "code": .body }"#;
        let body = format!(r#"{{"long": "{}", "id": 17}}"#, "x".repeat(1_000));
        let said = verdict(source, 200, &body).expect("a verdict");
        assert_eq!(said.words.map(|words| words.len()), Some(MAX_TEXT_CHARS));
        assert_eq!((said.reference.as_deref(), said.code), (Some("17"), None));
        assert_eq!(verdict(r#"{ "outcome": "deliverd" }"#, 200, "").expect("a verdict").outcome, None);
    }

    #[test]
    fn a_rule_that_does_not_compile_is_told_with_its_line_and_a_caret() {
        let told = Rule::read("answer.rule", "x = 1\n{ \"outcome\": .sttus }").expect_err("an error");
        assert_eq!(told.key, "answer.rule");
        assert!(told.words.contains("2:14: "), "{told}");
        assert!(told.words.ends_with("\n  { \"outcome\": .sttus }\n               ^^^^^^"), "{told}");
    }

    #[test]
    fn a_rule_that_gives_something_else_is_refused() {
        for (source, told) in [
            ("true", "is true or false"),
            ("{ \"words\": \"x\" }", "outcome"),
            ("{ \"outcome\": .status }", "whole number"),
            ("{ \"outcome\": \"again\", \"wrods\": 1 }", "wrods"),
            ("{ \"outcome\": %id }", "%id"),
        ] {
            let error = Rule::read("answer.rule", source).expect_err(source);
            assert!(error.words.contains(told), "{source}: {error}");
        }
    }
}
