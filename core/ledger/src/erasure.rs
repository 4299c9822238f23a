//! The erasing of a subject: what is asked, what stands in its way, and what is recorded of it. How an erasure is carried out it
//! does not know.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// What is asked of an erasure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erase {
    /// The subject.
    pub subject: String,
    /// Whether what only holds its identifier goes too.
    pub mentions: bool,
    /// Whether receipts that its sources were not told yet go untold.
    pub untold: bool,
    /// Who.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// When, in microseconds since the epoch.
    pub at: i64,
}

/// What became of an erasure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Erased {
    /// It was done, and is recorded so.
    Done(Erasure),
    /// Nothing was erased: this is open.
    Open(Vec<Open>),
}

/// Something of a subject that is still open.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case", tag = "open")]
pub enum Open {
    /// A dispatch in its lane.
    Waiting {
        /// The dispatch.
        id: String,
        /// Its target.
        target: String,
    },
    /// A dispatch that is held.
    Held {
        /// The dispatch.
        id: String,
        /// Its target.
        target: String,
    },
    /// A dispatch that waits for a batch.
    Staged {
        /// The dispatch.
        id: String,
        /// Its target.
        target: String,
    },
    /// A dead letter on which nobody has decided.
    Dead {
        /// The dispatch.
        id: String,
        /// Its target.
        target: String,
    },
    /// An invalid event on which nobody has decided.
    Invalid {
        /// Its number.
        id: i64,
        /// The system that it came from.
        system: String,
    },
    /// A job that is not carried out yet.
    Job {
        /// Its number.
        id: i64,
    },
    /// Receipts that its source was not told yet.
    Untold {
        /// How many.
        receipts: u64,
    },
}

/// That a subject was erased. It does not name it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Erasure {
    /// 16 random bytes in hexadecimal, of this erasure only.
    pub salt: String,
    /// SHA-256 of the salt and the subject, in hexadecimal: whoever has a subject can tell whether it was this one.
    pub hash: String,
    /// When, in microseconds since the epoch.
    pub at: i64,
    /// Who.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// How much was erased of each kind.
    pub counts: BTreeMap<String, u64>,
}

impl Erasure {
    pub(crate) fn new(asked: &Erase, counts: BTreeMap<String, u64>) -> Self {
        let salt = Uuid::new_v4().simple().to_string();
        let hash = hash(&salt, &asked.subject);
        let (actor, reason) = (asked.actor.clone(), asked.reason.clone());
        Self { salt, hash, at: asked.at, actor, reason, counts }
    }

    /// Whether it was this subject.
    pub fn is_of(&self, subject: &str) -> bool {
        hash(&self.salt, subject) == self.hash
    }
}

fn hash(salt: &str, subject: &str) -> String {
    let digest = Sha256::digest(format!("{salt}\n{subject}"));
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// What stands for a name that was erased.
const ERASED: &str = "<erased>";

/// A value of a job without the names of a subject and its events; none where it names neither.
pub(crate) fn unnamed(value: &Value, subject: &str, events: &BTreeSet<String>) -> Option<Value> {
    match value {
        Value::String(text) if text == subject || events.contains(text) => Some(Value::from(ERASED)),
        Value::String(text) => {
            // The words of a job put an id into backticks.
            let quoted: Vec<&str> = text.split('`').collect();
            let is_named = |word: &&str| *word == subject || events.contains(*word);
            quoted.iter().any(is_named).then(|| {
                let said = quoted.into_iter().map(|word| if is_named(&word) { ERASED } else { word });
                Value::from(said.collect::<Vec<_>>().join("`"))
            })
        }
        Value::Array(items) => {
            let said: Vec<_> = items.iter().map(|item| unnamed(item, subject, events)).collect();
            said.iter().any(Option::is_some).then(|| {
                said.into_iter().zip(items).map(|(said, item)| said.unwrap_or_else(|| item.clone())).collect()
            })
        }
        Value::Object(fields) => {
            let said = fields
                .iter()
                .filter_map(|(name, value)| Some((name.clone(), unnamed(value, subject, events)?)));
            let said: Vec<_> = said.collect();
            (!said.is_empty()).then(|| Value::Object(fields.clone().into_iter().chain(said).collect()))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn an_erasure_knows_its_subject_and_does_not_tell_it() {
        let asked = Erase {
            subject: "person:8841".to_owned(),
            mentions: false,
            untold: false,
            actor: "ada".to_owned(),
            reason: "request 7".to_owned(),
            at: 1,
        };
        let (erasure, other) = (Erasure::new(&asked, BTreeMap::new()), Erasure::new(&asked, BTreeMap::new()));
        assert!(erasure.is_of("person:8841") && !erasure.is_of("person:8842"));
        assert_ne!(erasure.hash, other.hash, "each has a salt of its own");
        assert!(!format!("{erasure:?}").contains("8841"));
    }

    #[test]
    fn a_job_keeps_everything_but_the_names_of_the_subject_and_its_events() {
        let job = json!({
            "subject": "person:8841", "rate": 7,
            "left": [{"id": "d1", "words": "event `e-9` of the same subject went past it"}, {"id": "d2"}],
        });
        let expected = json!({
            "subject": "<erased>", "rate": 7,
            "left": [{"id": "d1", "words": "event `<erased>` of the same subject went past it"}, {"id": "d2"}],
        });
        let events = BTreeSet::from(["e-9".to_owned()]);
        assert_eq!(unnamed(&job, "person:8841", &events), Some(expected));
        assert_eq!(unnamed(&job, "person:8842", &BTreeSet::new()), None);
    }
}
