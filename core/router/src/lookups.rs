//! Asking what a route, or a rule of a source, looks up before its mapping runs: pure. What nobody knows is a business
//! exception, never a default.

use postroom_council::{Absent, Asks, Code, InList, Listed, Lookup, SentAs};
use postroom_transform::{MetaValue, Part};

use crate::references::{Asked, Known, References};

/// The code of what a list does not know.
pub const UNKNOWN_CODE: &str = "unknown-code";
/// The code of what the ledger does not know: the id of a thing in a system, or what was sent.
pub const UNKNOWN_REFERENCE: &str = "unknown-reference";

/// Answers by the names of their lookups; nothing is null.
pub(crate) type Answers<'l> = Vec<(&'l str, Option<MetaValue<'l>>)>;

/// A lookup that has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unanswered {
    pub(crate) code: &'static str,
    /// With what it asked: a dotted path, or `subject`.
    pub(crate) field: String,
    /// What an officer should read; no value of the event.
    pub(crate) words: String,
}

/// What can be asked: what the ledger is known to know, and where that is noted which nobody asked it yet.
pub(crate) struct Desk<'l> {
    pub(crate) known: &'l References,
    pub(crate) asked: &'l mut Vec<Asked>,
}

/// What `lookups` answer about an event with this `subject`, or about a record. All are asked, though one has no answer.
pub(crate) fn answers<'l>(
    lookups: &'l [Lookup],
    (data, subject): (Part<'_>, Option<&str>),
    desk: Desk<'l>,
) -> Result<Answers<'l>, Unanswered> {
    let Desk { known, asked } = desk;
    let mut answers = Vec::with_capacity(lookups.len());
    let mut first = None;
    for lookup in lookups {
        match answer(lookup, lookup.from.code(data, subject), (known, asked)) {
            Ok(answer) => answers.push((lookup.name.as_str(), answer)),
            Err(unanswered) => first = first.or(Some(unanswered)),
        }
    }
    first.map_or(Ok(answers), Err)
}

fn answer<'l>(
    lookup: &'l Lookup,
    code: Code,
    (known, asked): (&'l References, &mut Vec<Asked>),
) -> Result<Option<MetaValue<'l>>, Unanswered> {
    let from = &lookup.from;
    let code = match code {
        Code::Text(code) => code,
        Code::Absent if lookup.absent == Absent::IsNull => return Ok(None),
        Code::Absent => return unanswered(lookup, &format!("`{from}` is absent, and it is required")),
        Code::NeverOne => {
            return unanswered(lookup, &format!("`{from}` holds neither text nor a whole number"));
        }
    };
    let why = match &lookup.asks {
        Asks::List(asked) => return in_list(lookup, asked, &code),
        Asks::Xref { kind, system } => {
            format!("no `{kind}` of `{system}` is known for what stands in `{from}`")
        }
        Asks::Sent(SentAs { system, message, .. }) => {
            format!("no `{message}` that was sent to `{system}` is kept for what stands in `{from}`")
        }
    };
    let of = Asked::of(lookup, &code);
    let said = of.as_ref().map_or(Some(None), |of| known.says(of));
    match said {
        Some(Some(known)) => as_asked(lookup, known),
        Some(None) if lookup.unknown == Absent::IsNull => Ok(None),
        Some(None) => unanswered(lookup, &why),
        None => {
            asked.extend(of);
            unanswered(lookup, &why)
        }
    }
}

/// What is known, where it is what the lookup says: the schema of a message may have changed since it was sent.
fn as_asked<'l>(lookup: &Lookup, known: &'l Known) -> Result<Option<MetaValue<'l>>, Unanswered> {
    match (known, &lookup.asks) {
        (Known::Id(id), _) => Ok(Some(MetaValue::Text(id))),
        (Known::Sent(sent), Asks::Sent(asked)) if asked.accepts.validate(sent).is_ok() => {
            Ok(Some(MetaValue::Data(sent)))
        }
        (Known::Sent(_), _) => unanswered(lookup, "what was sent is not as the message's schema is now"),
    }
}

fn in_list<'l>(lookup: &Lookup, asked: &'l InList, code: &str) -> Result<Option<MetaValue<'l>>, Unanswered> {
    let (from, list) = (&lookup.from, &asked.list.name);
    match asked.says(code) {
        Listed::As(answer) => Ok(Some(MetaValue::Text(answer))),
        Listed::Blank => {
            let column = asked.column_name();
            unanswered(
                lookup,
                &format!("the code list `{list}` has no `{column}` for what stands in `{from}`"),
            )
        }
        Listed::Unknown => {
            unanswered(lookup, &format!("the code list `{list}` does not know what stands in `{from}`"))
        }
    }
}

fn unanswered<T>(lookup: &Lookup, why: &str) -> Result<T, Unanswered> {
    let code = match lookup.asks {
        Asks::List(_) => UNKNOWN_CODE,
        Asks::Xref { .. } | Asks::Sent(_) => UNKNOWN_REFERENCE,
    };
    let words = format!("lookup `{}`: {why}", lookup.name);
    Err(Unanswered { code, field: lookup.from.to_string(), words })
}
