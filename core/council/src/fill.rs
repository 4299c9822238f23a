//! What is noted as a cross-reference when an event goes through a route: the id that its target gave, or one that the
//! event tells. It knows nothing of where the notes are kept.

use postroom_connector::QUEUE;

use crate::key::{Ground, Key};
use crate::lookup::{kind_of, known};
use crate::reading::Reading;
use crate::written::{FillText, Spanned};
use crate::{Council, MAX_FILLS, Problem};

/// What a route notes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fill {
    /// The kind of thing.
    pub kind: String,
    /// Which thing.
    pub key: Key,
    /// The id, and whose it is.
    pub id: FillId,
}

/// Which id a route notes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FillId {
    /// The reference that the target gave when it took the message.
    Receipt,
    /// What stands in the event when it is taken.
    Event {
        /// Where.
        id: Key,
        /// Whose id it is.
        system: String,
    },
}

/// Reads what the route to `target` notes.
pub(crate) fn read(
    ground: &Ground<'_>,
    (written, target): (&[FillText], &str),
    council: &Council,
    reading: &mut Reading<'_>,
) -> Vec<Fill> {
    if let Some(one) = written.get(MAX_FILLS) {
        let words = format!("{} fills, the limit is {MAX_FILLS}", written.len());
        reading.problems.push(ground.text.problem(&one.xref, "limit", words));
    }
    let one = |one: &FillText| {
        let kind = kind_of(ground.text, &one.xref);
        let key = ground.key("key", &one.key);
        let id = id(ground, (one, target), council);
        let (kind, key, id) = (reading.keep(kind), reading.keep(key), reading.keep(id));
        Some(Fill { kind: kind?, key: key?.0, id: id? })
    };
    written.iter().take(MAX_FILLS).filter_map(one).collect()
}

fn id(
    ground: &Ground<'_>,
    (written, target): (&FillText, &str),
    council: &Council,
) -> Result<FillId, Problem> {
    let wrong = |at: &Spanned<String>, words: String| Err(ground.text.problem(at, "fill", words));
    match (&written.from, &written.id, &written.system) {
        (Some(from), None, None) => {
            let side = council.systems.get(target).and_then(|system| system.target.as_ref());
            let gives = side.is_some_and(|side| side.connector != QUEUE && side.batching.is_none());
            match from.as_ref().as_str() {
                "receipt" if gives => Ok(FillId::Receipt),
                "receipt" => wrong(
                    from,
                    format!(
                        "`{target}` gives no reference for each message: it reads its queue itself, or takes batches"
                    ),
                ),
                _ => wrong(
                    from,
                    "`from` is \"receipt\"; an id that the event tells is `id`, with its `system`".to_owned(),
                ),
            }
        }
        (None, Some(id), Some(system)) => {
            let system = known(ground.text, system, &council.systems)?;
            Ok(FillId::Event { id: ground.key("id", id)?.0, system })
        }
        _ => wrong(&written.xref, "a fill has either `from = \"receipt\"`, or `id` and `system`".to_owned()),
    }
}
