//! Reading `snapshot = { ... }` of a source: each batch of it is a whole, and what differs from the last one is told.

use postroom_transform::Shape;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::written::{Spanned, Text};
use crate::{Problem, nearest};

/// How much of what is known may be missing from a snapshot, unless the text says otherwise, in hundredths of a per cent.
const SHRINK_AT_MOST: u32 = 1_000;
/// All of it, in hundredths of a per cent.
const WHOLE: u32 = 10_000;

/// How a whole export is compared with the last one.
#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SnapshotText {
    /// The fields that tell one record from another.
    key: Vec<Spanned<String>>,
    /// The fields that are kept of each record; all unless they are given.
    keep: Option<Vec<Spanned<String>>>,
    /// How much of what is known may be missing, such as `10%`.
    shrink_at_most: Option<Spanned<String>>,
    /// What the first export raises.
    #[serde(default)]
    first: FirstSnapshot,
}

/// What the first snapshot of a source raises.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum FirstSnapshot {
    /// Everything was created.
    #[default]
    Create,
    /// Nothing: it is remembered, and what changes from then on is told.
    Remember,
}

/// How the snapshots of a source are compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotRule {
    /// The fields that make a record the same from one snapshot to the next.
    pub key: Vec<String>,
    /// The fields that are kept of each record, its key among them; `None` is all.
    pub kept: Option<Vec<String>>,
    /// Those of them that every record has as text, where the connector's settings fix them.
    pub texts: Option<Vec<String>>,
    /// How much of what is known may be missing, in hundredths of a per cent.
    pub shrink_at_most: u32,
    /// What the first snapshot raises.
    pub first: FirstSnapshot,
}

impl SnapshotRule {
    /// The same, when an officer has said that any number of records may be missing.
    #[must_use]
    pub fn bearing_all(&self) -> Self {
        Self { shrink_at_most: WHOLE, ..self.clone() }
    }

    /// Whether so many of the `known` records may be missing.
    pub fn bears(&self, missing: u64, known: u64) -> bool {
        u128::from(missing) * u128::from(WHOLE) <= u128::from(known) * u128::from(self.shrink_at_most)
    }
}

/// Reads the rule; `fields` are those that every record has, where the connector's settings fix them. With it, the shape of
/// a record.
pub(crate) fn read(
    text: &Text,
    written: &SnapshotText,
    fields: Option<&[String]>,
) -> Result<(SnapshotRule, Shape), Problem> {
    if written.key.is_empty() {
        let words = "`key` names at least one field that tells one record from another";
        return Err(text.problem_at("source.snapshot.key", "snapshot", words));
    }
    for name in written.key.iter().chain(written.keep.iter().flatten()) {
        known(text, name, fields)?;
    }
    let key: Vec<String> = written.key.iter().map(|name| name.as_ref().clone()).collect();
    let kept = written.keep.as_ref().map(|keep| {
        let more = keep.iter().map(AsRef::as_ref).filter(|name| !key.contains(name));
        key.iter().chain(more).cloned().collect::<Vec<_>>()
    });
    let texts = fields.map(|fields| kept.clone().unwrap_or_else(|| fields.to_vec()));
    let shrink_at_most = match &written.shrink_at_most {
        None => SHRINK_AT_MOST,
        Some(written) => share(written.as_ref()).ok_or_else(|| {
            text.problem(written, "snapshot", "`shrink_at_most` is a share such as `10%`, from 0% to 100%")
        })?,
    };
    let left = match (&texts, &kept) {
        (Some(texts), _) => Shape::of_texts(texts),
        (None, Some(kept)) => Shape::of_some(kept),
        (None, None) => Shape::any(),
    };
    let shape = fields.map_or_else(Shape::any, Shape::of_texts).of_snapshots(left);
    Ok((SnapshotRule { key, kept, texts, shrink_at_most, first: written.first }, shape))
}

fn known(text: &Text, name: &Spanned<String>, fields: Option<&[String]>) -> Result<(), Problem> {
    let Some(fields) = fields else { return Ok(()) };
    if fields.contains(name.as_ref()) {
        return Ok(());
    }
    let problem = text.problem(name, "snapshot", format!("a record has no field `{}`", name.as_ref()));
    Err(match nearest(name.as_ref(), fields.iter().map(String::as_str)) {
        Some(near) => problem.hint(format!("did you mean `{near}`?")),
        None => problem,
    })
}

/// A share such as `10%` or `2.5%`, in hundredths of a per cent.
fn share(text: &str) -> Option<u32> {
    let (whole, hundredths) =
        text.strip_suffix('%')?.split_once('.').unwrap_or((text.strip_suffix('%')?, ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(hundredths) || hundredths.len() > 2 {
        return None;
    }
    let points =
        whole.parse::<u32>().ok()?.checked_mul(100)? + format!("{hundredths:0<2}").parse::<u32>().ok()?;
    (points <= WHOLE).then_some(points)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    fn rule(written: &str, fields: Option<&[&str]>) -> Result<SnapshotRule, Problem> {
        let text = Text { file: PathBuf::from("system.toml"), text: written.to_owned() };
        let fields: Option<Vec<String>> =
            fields.map(|fields| fields.iter().map(|name| (*name).to_owned()).collect());
        read(&text, &text.parse()?, fields.as_deref()).map(|(rule, _)| rule)
    }

    #[test]
    fn a_share_is_a_number_of_per_cent_with_at_most_two_decimals() {
        let read = ["10%", "0%", "100%", "2.5%", "0.01%"].map(share);
        assert_eq!(read, [Some(1_000), Some(0), Some(10_000), Some(250), Some(1)]);
        for wrong in ["10", "%", "101%", "-1%", "1.234%", "1,5%", ".5%", "10 %", "99999999999%"] {
            assert_eq!(share(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn the_key_is_always_kept_and_what_is_not_said_has_its_default() {
        let all = rule("key = ['UPRN']", Some(&["UPRN", "STREET", "PHONE"])).expect("right");
        assert_eq!((all.kept, all.shrink_at_most, all.first), (None, 1_000, FirstSnapshot::Create));
        assert_eq!(all.texts.map(|texts| texts.len()), Some(3));
        let some =
            rule("key = ['UPRN']\nkeep = ['STREET', 'UPRN']\nfirst = 'remember'", None).expect("right");
        assert_eq!(some.kept, Some(vec!["UPRN".to_owned(), "STREET".to_owned()]));
        assert_eq!((some.texts, some.first), (None, FirstSnapshot::Remember));
    }

    #[test]
    fn what_may_be_missing_is_a_share_of_what_is_known() {
        let rule = rule("key = ['UPRN']\nshrink_at_most = '10%'", None).expect("right");
        assert!(rule.bears(10, 100) && !rule.bears(11, 100) && rule.bears(0, 0));
    }

    #[test]
    fn what_cannot_work_is_told_at_its_place() {
        let fields = ["UPRN", "STREET"];
        for (written, words, line) in [
            ("key = []", "at least one", None),
            ("key = ['UPRM']", "no field `UPRM`", Some(1)),
            ("key = ['UPRN']\nkeep = ['PHONE']", "no field `PHONE`", Some(2)),
            ("key = ['UPRN']\nshrink_at_most = '10'", "`shrink_at_most`", Some(2)),
            ("key = ['UPRN']\nfirst = 'nothing'", "", Some(2)),
            ("key = ['UPRN']\nkeeps = []", "", Some(2)),
        ] {
            let problem = rule(written, Some(&fields)).expect_err("a problem");
            assert!(problem.words.contains(words), "{written}: {problem:?}");
            assert_eq!(problem.place.map(|place| place.line), line, "{written}");
        }
    }
}
