//! What a snapshot says of each of its records, pure: the same as in the last one, changed, new, or a fault of the whole.

use std::collections::{HashMap, HashSet};

use postroom_council::SnapshotRule;
use postroom_event::{Fault, Reading, Record};
use postroom_ledger::{Known, KnownCount, NewPending};
use postroom_transform::Data;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use uuid::Uuid;

/// Room for the JSON of a record, in bytes; more is found where it is needed.
const RECORD_BYTES: usize = 512;

/// A record, by what is compared of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Print {
    pub(crate) number: u64,
    pub(crate) line: u64,
    pub(crate) key: Uuid,
    pub(crate) hash: Uuid,
    /// Its JSON, its fields in the order of their names.
    pub(crate) content: Vec<u8>,
}

/// What a chunk of a snapshot comes to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Chunk {
    pub(crate) seen: Vec<Uuid>,
    pub(crate) created: Vec<Uuid>,
    pub(crate) pending: Vec<NewPending>,
    pub(crate) unchanged: u64,
}

/// What becomes of a snapshot that was compared whole.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is published; with what an officer should know of it.
    Accepted(Option<Fault>),
    /// It is refused as a whole.
    Refused(Fault),
}

/// The print of what was read, or why it is refused.
pub(crate) fn print(rule: &SnapshotRule, reading: Reading) -> Result<Print, Fault> {
    let record = match reading {
        Reading::Record(record) => record,
        Reading::Refused(fault) => return Err(fault),
    };
    let key = key(rule, &record)?;
    let Record { number, line, value, .. } = record;
    let content = Data::from(value).to_bytes(RECORD_BYTES);
    Ok(Print { number, line, key, hash: digest(&content), content })
}

/// The hash of the values of the key.
fn key(rule: &SnapshotRule, record: &Record) -> Result<Uuid, Fault> {
    let mut values = Vec::with_capacity(rule.key.len());
    for name in &rule.key {
        let value = match record.value.get(name) {
            Some(Value::String(text)) if !text.trim().is_empty() => Value::from(text.as_str()),
            Some(value @ (Value::Number(_) | Value::Bool(_))) => value.clone(),
            _ => return Err(no_key(record, name)),
        };
        values.push(value);
    }
    Ok(digest(Value::Array(values).to_string().as_bytes()))
}

fn no_key(record: &Record, name: &str) -> Fault {
    let words = "the key of a snapshot is absent or empty here".to_owned();
    Fault { number: record.number, line: record.line, place: name.to_owned(), rule: "snapshot-key", words }
}

/// The first half of the SHA-256: no two records of a council have the same one.
fn digest(bytes: &[u8]) -> Uuid {
    let hash: [u8; 32] = Sha256::digest(bytes).into();
    let mut half = [0; 16];
    half.copy_from_slice(&hash[..16]);
    Uuid::from_bytes(half)
}

/// Compares a chunk of the snapshot `generation` with what is `known` of its records.
///
/// # Errors
/// When a key stands in the snapshot twice.
pub(crate) fn compare(
    rule: &SnapshotRule,
    generation: u64,
    prints: Vec<Print>,
    known: &[Known],
) -> Result<Chunk, Fault> {
    let known: HashMap<Uuid, &Known> = known.iter().map(|one| (one.key, one)).collect();
    let mut here = HashSet::with_capacity(prints.len());
    let mut chunk = Chunk::default();
    for print in prints {
        let before = known.get(&print.key);
        if !here.insert(print.key) || before.is_some_and(|before| before.generation == generation) {
            return Err(twice(rule, &print));
        }
        match before {
            None => chunk.created.push(print.key),
            Some(_) => chunk.seen.push(print.key),
        }
        if before.is_some_and(|before| before.hash == Some(print.hash)) {
            chunk.unchanged += 1;
        } else {
            let Print { number, line, key, hash, content } = print;
            chunk.pending.push(NewPending { number, line, key, hash, content });
        }
    }
    Ok(chunk)
}

fn twice(rule: &SnapshotRule, print: &Print) -> Fault {
    let words = "the key of this record stands in the snapshot twice".to_owned();
    let (number, line) = (print.number, print.line);
    Fault { number, line, place: rule.key.join(", "), rule: "snapshot-duplicate-key", words }
}

/// Whether a snapshot without so many of the records that were known is to be trusted.
pub(crate) fn trust(rule: &SnapshotRule, count: KnownCount, refused: u64) -> Verdict {
    let whole = |rule, words| Fault { number: 0, line: 0, place: String::new(), rule, words };
    let KnownCount { all, missing } = count;
    // One that was refused may be one of those that are missing.
    if !rule.bears(missing.saturating_sub(refused), all) {
        let words = format!(
            "{missing} of {all} known records are not in it, more than `shrink_at_most` allows; `postroom publish \
             --accept-shrink` takes it all the same"
        );
        return Verdict::Refused(whole("snapshot-shrunk", words));
    }
    let incomplete = (refused > 0 && missing > 0).then(|| {
        format!(
            "{missing} known records are not in it, and {refused} of its own were refused, which may be the same: none is \
             removed"
        )
    });
    Verdict::Accepted(incomplete.map(|words| whole("snapshot-incomplete", words)))
}

/// What is kept of a record.
pub(crate) fn kept(rule: &SnapshotRule, content: Vec<u8>, record: &Value) -> Vec<u8> {
    let Some(names) = &rule.kept else { return content };
    let members = names.iter().filter_map(|name| Some((name.clone(), record.get(name)?.clone())));
    Value::Object(members.collect::<Map<_, _>>()).to_string().into_bytes()
}

/// What was kept of a record as mappings are given it: rows have the columns that the settings name now, although others may
/// have been kept.
pub(crate) fn old(rule: &SnapshotRule, content: &[u8]) -> Value {
    let old: Value = serde_json::from_slice(content).unwrap_or_default();
    let Some(names) = &rule.texts else { return old };
    let text = |name: &String| match old.get(name) {
        Some(Value::String(text)) => text.clone(),
        None | Some(Value::Null) => String::new(),
        Some(other) => other.to_string(),
    };
    Value::Object(names.iter().map(|name| (name.clone(), text(name).into())).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use postroom_council::FirstSnapshot;
    use serde_json::json;

    fn rule() -> SnapshotRule {
        let key = vec!["uprn".to_owned()];
        SnapshotRule { key, kept: None, texts: None, shrink_at_most: 1_000, first: FirstSnapshot::Create }
    }

    fn read(number: u64, value: Value) -> Result<Print, Fault> {
        print(&rule(), Reading::Record(Record { number, line: number + 1, key: None, value }))
    }

    fn prints(values: &[Value]) -> Vec<Print> {
        (1..).zip(values).map(|(number, value)| read(number, value.clone()).expect("a print")).collect()
    }

    #[test]
    fn a_record_is_the_same_whatever_the_order_of_its_fields_and_another_with_any_other_value() {
        let print = |value| read(1, value).expect("a print");
        let first = print(json!({"uprn": "1", "street": "High Street"}));
        assert_eq!(first, print(json!({"street": "High Street", "uprn": "1"})));
        let other = print(json!({"uprn": "1", "street": "Church Lane"}));
        assert!(other.key == first.key && other.hash != first.hash);
        assert_ne!(print(json!({"uprn": 1, "street": "High Street"})).key, first.key);
    }

    #[test]
    fn a_record_whose_key_is_absent_or_empty_is_refused_with_its_place() {
        for value in [json!({}), json!({"uprn": " "}), json!({"uprn": null}), json!({"uprn": []}), json!("1")]
        {
            let fault = read(3, value.clone()).expect_err("a fault");
            assert_eq!(
                (fault.rule, fault.place.as_str(), fault.line),
                ("snapshot-key", "uprn", 4),
                "{value}"
            );
        }
    }

    #[test]
    fn what_is_known_with_its_hash_is_unchanged_and_all_else_is_to_be_published() {
        let now = prints(&[json!({"uprn": "1"}), json!({"uprn": "2"}), json!({"uprn": "3"})]);
        let keys: Vec<Uuid> = now.iter().map(|print| print.key).collect();
        let known = [
            Known { key: keys[0], hash: Some(now[0].hash), generation: 4 },
            Known { key: keys[1], hash: Some(now[0].hash), generation: 3 },
        ];
        let chunk = compare(&rule(), 5, now, &known).expect("no key twice");
        assert_eq!((chunk.seen, chunk.created), (vec![keys[0], keys[1]], vec![keys[2]]));
        assert_eq!(chunk.unchanged, 1);
        assert_eq!(chunk.pending.iter().map(|one| one.number).collect::<Vec<_>>(), [2, 3]);
    }

    #[test]
    fn a_key_that_stands_twice_in_a_chunk_or_in_an_earlier_one_is_a_fault_of_the_whole() {
        let twice = prints(&[json!({"uprn": "1"}), json!({"uprn": "1", "a": 1})]);
        let fault = compare(&rule(), 5, twice.clone(), &[]).expect_err("twice in the chunk");
        assert_eq!((fault.rule, fault.number, fault.line), ("snapshot-duplicate-key", 2, 3));
        let earlier = [Known { key: twice[0].key, hash: None, generation: 5 }];
        let fault = compare(&rule(), 5, twice[..1].to_vec(), &earlier).expect_err("twice in the snapshot");
        assert_eq!(fault.rule, "snapshot-duplicate-key");
    }

    #[test]
    fn a_snapshot_without_too_many_of_the_known_records_is_refused_and_one_with_refused_records_removes_none()
    {
        let trust = |all, missing, refused| trust(&rule(), KnownCount { all, missing }, refused);
        assert_eq!(trust(100, 10, 0), Verdict::Accepted(None));
        assert_eq!(trust(0, 0, 5), Verdict::Accepted(None), "the first one");
        assert!(matches!(trust(100, 11, 0), Verdict::Refused(fault) if fault.rule == "snapshot-shrunk"));
        let told = trust(100, 11, 1);
        assert!(matches!(told, Verdict::Accepted(Some(fault)) if fault.rule == "snapshot-incomplete"));
        assert!(matches!(trust(100, 100, 1), Verdict::Refused(_)));
        let accepted = super::trust(&rule().bearing_all(), KnownCount { all: 100, missing: 100 }, 1);
        assert!(matches!(accepted, Verdict::Accepted(Some(fault)) if fault.rule == "snapshot-incomplete"));
    }

    #[test]
    fn only_what_is_named_is_kept_and_an_old_row_has_the_columns_of_today() {
        let some = SnapshotRule {
            kept: Some(vec!["uprn".to_owned(), "street".to_owned()]),
            texts: Some(vec!["uprn".to_owned(), "street".to_owned()]),
            ..rule()
        };
        let record = json!({"uprn": "1", "phone": "0999"});
        let kept = kept(&some, record.to_string().into_bytes(), &record);
        assert_eq!(kept, br#"{"uprn":"1"}"#);
        assert_eq!(old(&some, &kept), json!({"uprn": "1", "street": ""}));
        assert_eq!(old(&some, br#"{"uprn":"1","gone":"x","street":7}"#), json!({"uprn": "1", "street": "7"}));
        assert_eq!(old(&rule(), &kept), json!({"uprn": "1"}));
    }
}
