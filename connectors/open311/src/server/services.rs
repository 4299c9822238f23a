//! The services that can be asked for, as the council wrote them: what the server tells of them, and whether the answers
//! to its questions are right. Pure.

use std::collections::BTreeSet;

use postroom_connector::SettingsError;
use serde::Deserialize;
use serde_json::Value;

use super::question::{Question, fault, is_code};
use crate::report::MOST_ANSWERS;
use crate::writing::Item;

/// Most services of a server.
const MOST_SERVICES: usize = 500;
const KEY: &str = "services";

/// A service.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Service {
    pub(super) code: String,
    pub(super) name: String,
    #[serde(default)]
    description: String,
    /// Whether an id or a token is told: what clients are to expect.
    #[serde(default)]
    r#type: Kind,
    #[serde(default)]
    keywords: Vec<String>,
    #[serde(default)]
    group: String,
    /// What happens next, told with each answer.
    #[serde(default)]
    pub(super) notice: String,
    #[serde(default)]
    questions: Vec<Question>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Realtime,
    #[default]
    Batch,
    Blackbox,
}

/// All services of a server, in their order.
#[derive(Debug, Clone)]
pub(super) struct Services(Vec<Service>);

impl Services {
    pub(super) fn new(services: Vec<Service>) -> Result<Self, SettingsError> {
        let wrong = |words: String| Err(SettingsError::new(KEY, words));
        if services.is_empty() || services.len() > MOST_SERVICES {
            return wrong(format!("from 1 to {MOST_SERVICES} tables `[[source.settings.services]]`"));
        }
        let mut codes = BTreeSet::new();
        for service in &services {
            if !is_code(&service.code) {
                return wrong("the `code` of a service has letters, digits, `.`, `_` and `-`".to_owned());
            }
            if !codes.insert(&service.code) {
                return wrong(format!("the service `{}` stands twice", service.code));
            }
            if let Some(words) = fault(&service.questions) {
                return wrong(format!("the service `{}`: {words}", service.code));
            }
        }
        Ok(Self(services))
    }

    pub(super) fn find(&self, code: &str) -> Option<&Service> {
        self.0.iter().find(|service| service.code == code)
    }

    /// The list of services.
    pub(super) fn told(&self) -> Vec<Item> {
        self.0.iter().map(Service::told).collect()
    }
}

impl Service {
    fn told(&self) -> Item {
        Item::default()
            .with("service_code", self.code.as_str())
            .with("service_name", self.name.as_str())
            .with("description", self.description.as_str())
            .with("metadata", !self.questions.is_empty())
            .with("type", self.r#type.word())
            .with("keywords", self.keywords.join(", "))
            .with("group", self.group.as_str())
    }

    /// Its definition.
    pub(super) fn definition(&self) -> Item {
        let questions = (1_u64..).zip(&self.questions).map(|(order, question)| question.told(order));
        let item = Item::default().with("service_code", self.code.as_str());
        item.with_list("attributes", "attribute", questions.collect())
    }

    /// What is wrong with the answers to its questions, each a code and a text that is not empty; no answer is repeated.
    pub(super) fn faults(&self, answers: &[(String, String)]) -> Vec<String> {
        if answers.len() > MOST_ANSWERS {
            return vec![format!("a report has at most {MOST_ANSWERS} attributes")];
        }
        let is_asked = |code: &str| self.questions.iter().any(|question| question.code == code);
        let mut faults = Vec::new();
        if !answers.iter().all(|(code, _)| is_asked(code)) {
            faults.push("an attribute is none of the service's definition".to_owned());
        }
        for question in &self.questions {
            let given = answers.iter().filter(|(code, _)| *code == question.code);
            let given: Vec<&str> = given.map(|(_, answer)| answer.as_str()).collect();
            faults
                .extend(question.fault(&given).map(|words| format!("attribute[{}] {words}", question.code)));
        }
        faults
    }
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Realtime => "realtime",
            Self::Batch => "batch",
            Self::Blackbox => "blackbox",
        }
    }
}

/// What may be told of a report of this service before anybody has worked on it.
pub(super) fn of_service(service: &Service) -> serde_json::Map<String, Value> {
    let mut told = serde_json::Map::new();
    told.insert("service_code".to_owned(), service.code.clone().into());
    told.insert("service_name".to_owned(), service.name.clone().into());
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "
        [[services]]
        code = 'DMV66'
        name = 'Tickets'
        [[services.questions]]
        code = 'MAKE'
        description = 'Which make?'
        datatype = 'singlevaluelist'
        required = true
        values = [{ key = '123', name = 'Ford' }, { key = '124', name = 'Chrysler' }]
        [[services.questions]]
        code = 'DAYS'
        description = 'Which days?'
        datatype = 'multivaluelist'
        values = [{ key = 'sat', name = 'Saturday' }, { key = 'sun', name = 'Sunday' }]
        [[services.questions]]
        code = 'COUNT'
        description = 'How many?'
        datatype = 'number'
        [[services.questions]]
        code = 'SINCE'
        description = 'Since when?'
        datatype = 'datetime'";

    #[derive(Deserialize)]
    struct Table {
        services: Vec<Service>,
    }

    fn services(text: &str) -> Result<Services, SettingsError> {
        let table: Table = toml::from_str(text).expect("TOML");
        Services::new(table.services)
    }

    #[test]
    fn answers_are_right_by_their_datatype_and_a_fault_names_the_question() {
        let services = services(TEXT).expect("services");
        let service = services.find("DMV66").expect("a service");
        for (answers, fault) in [
            (&[("MAKE", "123")][..], None),
            (&[("MAKE", "123"), ("DAYS", "sat"), ("DAYS", "sun"), ("COUNT", "2.5")], None),
            (&[("MAKE", "123"), ("SINCE", "2026-05-04T12:00:00+01:00")], None),
            (&[], Some("attribute[MAKE] was not provided")),
            (&[("MAKE", "125")], Some("attribute[MAKE] is none of its values")),
            (&[("MAKE", "123"), ("MAKE", "124")], Some("attribute[MAKE] has more than one value")),
            (&[("MAKE", "123"), ("COUNT", "many")], Some("attribute[COUNT] is no number")),
            (
                &[("MAKE", "123"), ("SINCE", "2026-05-04")],
                Some("attribute[SINCE] is no time with its offset"),
            ),
            (&[("MAKE", "123"), ("WHO", "me")], Some("an attribute is none of the service's definition")),
        ] {
            let given: Vec<_> =
                answers.iter().map(|(code, answer)| ((*code).to_owned(), (*answer).to_owned())).collect();
            let faults = service.faults(&given);
            assert_eq!(faults, fault.map(str::to_owned).into_iter().collect::<Vec<_>>(), "{answers:?}");
        }
    }

    #[test]
    fn services_that_cannot_be_told_apart_or_asked_are_refused() {
        for (from, to, words) in [
            ("'DMV66'", "'DMV 66'", "`code` of a service"),
            ("'MAKE'", "'MA]KE'", "`code` of a question"),
            ("'DAYS'", "'MAKE'", "stands twice"),
            ("'number'", "'singlevaluelist'", "`values`"),
        ] {
            let error = services(&TEXT.replace(from, to)).expect_err(to);
            assert!(error.key == KEY && error.words.contains(words), "{to}: {error}");
        }
        let twice = format!("{TEXT}\n[[services]]\ncode = 'DMV66'\nname = 'Again'");
        assert!(services(&twice).expect_err("an error").words.contains("stands twice"));
        assert_eq!(services("services = []").expect_err("an error").key, KEY);
    }
}
