//! Lookups: what a route, or a rule of a source, asks before its mapping runs, as it is declared and checked. They know
//! nothing of what the answer is used for.

use std::collections::BTreeMap;
use std::sync::Arc;

use postroom_transform::{Presence, Shape};

use crate::key::{Ground, Key};
use crate::lists::{Case, CodeList, Listed};
use crate::reading::Reading;
use crate::sent::{self, SentAs};
use crate::written::{LookupText, Spanned, Text, UnknownText};
use crate::{MAX_LOOKUPS, Problem, System, load, nearest};

/// What is looked up of each event or record.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Lookup {
    /// Its name below `%lookup`.
    pub name: String,
    /// What it asks with.
    pub from: Key,
    /// What it asks.
    pub asks: Asks,
    /// What becomes of an event that has nothing to ask with.
    pub absent: Absent,
    /// What becomes of an event of whose thing the ledger knows nothing.
    pub unknown: Absent,
}

/// What a lookup asks.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Asks {
    /// A code list.
    List(InList),
    /// The ledger: which id a system has for a thing.
    Xref {
        /// The kind of thing.
        kind: String,
        /// The system.
        system: String,
    },
    /// The ledger: what was sent by the dispatch with this id.
    Sent(SentAs),
}

impl Asks {
    /// Whether the ledger is asked.
    pub fn is_of_ledger(&self) -> bool {
        matches!(self, Self::Xref { .. } | Self::Sent(_))
    }
}

/// How a code list is asked.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct InList {
    /// The list.
    pub list: Arc<CodeList>,
    /// The column that answers.
    pub column: usize,
    /// How spellings are compared.
    pub case: Case,
}

impl InList {
    /// What the list says of a code.
    pub fn says(&self, code: &str) -> Listed<'_> {
        self.list.says(code, self.case, self.column)
    }

    /// The name of the column that answers.
    pub fn column_name(&self) -> &str {
        self.list.columns().get(self.column).map(String::as_str).unwrap_or_default()
    }
}

impl Lookup {
    /// Whether the other, which may be of another configuration, answers the same.
    pub(crate) fn is_alike(&self, other: &Self) -> bool {
        let lists = match (&self.asks, &other.asks) {
            (Asks::List(one), Asks::List(other)) => one.list.is_alike(&other.list),
            (Asks::Sent(one), Asks::Sent(other)) => one.accepts.is_alike(&other.accepts),
            _ => true,
        };
        // Within one council the name of a list or a message stands for all of it; between two it does not.
        self == other && lists
    }
}

/// What becomes of an event where there is nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Absent {
    /// The answer is null.
    IsNull,
    /// It is an exception.
    IsWrong,
}

/// Whose lookups are read.
pub(crate) struct Asking<'a> {
    pub(crate) ground: Ground<'a>,
    /// Whose ids are meant where a lookup names no system; a source can ask lists only.
    pub(crate) target: Option<&'a str>,
    /// Every system that can be named.
    pub(crate) systems: &'a BTreeMap<String, System>,
}

impl Asking<'_> {
    /// The lookups that are right, and the shape with their answers.
    pub(crate) fn read(&self, written: &[LookupText], reading: &mut Reading<'_>) -> (Vec<Lookup>, Shape) {
        if let Some(one) = written.get(MAX_LOOKUPS) {
            let words = format!("{} lookups, the limit is {MAX_LOOKUPS}", written.len());
            reading.problems.push(self.ground.text.problem(&one.name, "limit", words));
        }
        let (mut lookups, mut answers) = (Vec::<Lookup>::new(), Vec::<(&str, _, _)>::new());
        for one in written.iter().take(MAX_LOOKUPS) {
            // A lookup that is wrong is declared none the less: a mapping that uses it has no second problem.
            let (lookup, presence) = self.one(one, reading);
            let name = one.name.as_ref();
            if answers.iter().any(|(known, ..)| *known == name) {
                let words = format!("there is another lookup `{name}`");
                reading.problems.push(self.ground.text.problem(&one.name, "lookup", words));
                continue;
            }
            let sent = written_sent(one, lookup.as_ref());
            answers.push((name.as_str(), presence, sent));
            lookups.extend(lookup);
        }
        let texts = answers.iter().map(|(name, presence, _)| (*name, *presence));
        let shape = self.ground.shape.clone().with_lookups(texts);
        let with = |shape: Shape, (name, presence, sent): (&str, Presence, Option<Shape>)| match sent {
            Some(sent) => shape.with_answer(name, sent, presence),
            None => shape,
        };
        (lookups, answers.into_iter().fold(shape, with))
    }

    fn one(&self, written: &LookupText, reading: &mut Reading<'_>) -> (Option<Lookup>, Presence) {
        let name = written.name.as_ref();
        if !is_name(name) {
            let words = format!("`{name}` is no name of a lookup: up to 64 small letters, digits and `_`");
            reading.problems.push(self.ground.text.problem(&written.name, "name", words));
        }
        let from = self.ground.key("from", &written.from);
        let from = reading.keep(from);
        let asks = match (&written.list, &written.xref, &written.sent) {
            (Some(list), None, None) => self.in_list(list, written, reading),
            (None, Some(xref), None) => self.in_ledger(xref, written, reading),
            (None, None, Some(sent)) => self.in_sent(sent, written, reading),
            _ => {
                let words = "a lookup asks one of a `list`, an `xref` and what was `sent`";
                reading.problems.push(self.ground.text.problem(&written.name, "lookup", words));
                None
            }
        };
        let presence = from.as_ref().map_or(Presence::Certain, |(_, presence)| *presence);
        let (absent, presence) =
            if written.required { (Absent::IsWrong, Presence::Certain) } else { (Absent::IsNull, presence) };
        let (unknown, presence) = match written.unknown.as_ref().map(Spanned::as_ref) {
            Some(UnknownText::Null) if written.list.is_none() => (Absent::IsNull, Presence::MayLack),
            _ => (Absent::IsWrong, presence),
        };
        let name = name.clone();
        let lookup = from.zip(asks).map(|((from, _), asks)| Lookup { name, from, asks, absent, unknown });
        (lookup, presence)
    }

    fn in_list(
        &self,
        name: &Spanned<String>,
        written: &LookupText,
        reading: &mut Reading<'_>,
    ) -> Option<Asks> {
        if let Some(system) = &written.system {
            let words = "`system` goes with `xref` and `sent`";
            reading.problems.push(self.ground.text.problem(system, "lookup", words));
        }
        if let Some(unknown) = &written.unknown {
            let words =
                "`unknown` goes with `xref` and `sent`: what a list does not know is always an exception";
            reading.problems.push(self.ground.text.problem(unknown, "lookup", words));
        }
        let (list, case) = self.list(name, written.ignore_case, reading)?;
        let column = self.column(written.column.as_ref(), &list);
        let column = reading.keep(column)?;
        Some(Asks::List(InList { list, column, case }))
    }

    fn in_ledger(
        &self,
        kind: &Spanned<String>,
        written: &LookupText,
        reading: &mut Reading<'_>,
    ) -> Option<Asks> {
        let target = self.asking_ledger(kind, written, reading)?;
        let kind = kind_of(self.ground.text, kind);
        let kind = reading.keep(kind)?;
        let system = match &written.system {
            None => target.to_owned(),
            Some(system) => {
                let known = known(self.ground.text, system, self.systems);
                reading.keep(known)?
            }
        };
        Some(Asks::Xref { kind, system })
    }

    fn in_sent(
        &self,
        message: &Spanned<String>,
        written: &LookupText,
        reading: &mut Reading<'_>,
    ) -> Option<Asks> {
        let target = self.asking_ledger(message, written, reading)?;
        let asked = (message, written.system.as_ref());
        reading.keep(sent::asked(self.ground.text, asked, (target, self.systems))).map(Asks::Sent)
    }

    /// The target of the route whose lookup, at `what`, asks the ledger.
    fn asking_ledger(
        &self,
        what: &Spanned<String>,
        written: &LookupText,
        reading: &mut Reading<'_>,
    ) -> Option<&str> {
        let wrong = |words: &str| self.ground.text.problem(what, "lookup", words);
        if self.target.is_none() {
            reading.problems.push(wrong("a source looks up in lists only: the ledger is asked by routes"));
        } else if written.column.is_some() || written.ignore_case {
            reading.problems.push(wrong("`column` and `ignore_case` go with `list`"));
        }
        self.target
    }

    fn list(
        &self,
        written: &Spanned<String>,
        ignore_case: bool,
        reading: &mut Reading<'_>,
    ) -> Option<(Arc<CodeList>, Case)> {
        let name = written.as_ref();
        let Some(list) = reading.lists.get(name) else {
            let words = format!("there is no code list `{name}`");
            let problem = self.ground.text.problem(written, "unknown-list", words);
            let problem = match nearest(name, reading.lists.keys().map(String::as_str)) {
                Some(near) => problem.hint(format!("did you mean `{near}`?")),
                None => problem.hint(format!("it would be lists/{name}.csv")),
            };
            reading.problems.push(problem);
            return None;
        };
        let list = Arc::clone(list.as_ref()?);
        if !ignore_case {
            return Some((list, Case::Told));
        }
        for problem in list.alike() {
            let why = "a lookup asks this list with capital letters ignored";
            let problem = problem.clone().hint(why);
            if !reading.problems.contains(&problem) {
                reading.problems.push(problem);
            }
        }
        Some((list, Case::Ignored))
    }

    fn column(&self, written: Option<&Spanned<String>>, list: &CodeList) -> Result<usize, Problem> {
        let Some(written) = written else { return Ok(list.usual_column()) };
        let (name, columns) = (written.as_ref(), list.columns());
        columns.iter().position(|column| column == name).ok_or_else(|| {
            let words = format!("the code list `{}` has no column `{name}`", list.name);
            let problem = self.ground.text.problem(written, "unknown-column", words);
            match nearest(name, columns.iter().map(String::as_str)) {
                Some(near) => problem.hint(format!("did you mean `{near}`?")),
                None => problem.hint(format!("it has {}", columns.join(", "))),
            }
        })
    }
}

/// What a lookup of what was sent answers, whichever it is where the lookup is wrong; of another lookup nothing.
fn written_sent(written: &LookupText, lookup: Option<&Lookup>) -> Option<Shape> {
    match lookup.map(|lookup| &lookup.asks) {
        Some(Asks::Sent(sent)) => Some(Shape::of_schema(sent.accepts.schema())),
        _ => written.sent.is_some().then(Shape::any),
    }
}

/// The kind of thing of a cross-reference, where it is written as one.
pub(crate) fn kind_of(text: &Text, written: &Spanned<String>) -> Result<String, Problem> {
    let kind = written.as_ref();
    let words =
        || format!("`{kind}` is no kind of a cross-reference: up to 64 lower-case letters, digits and `-`");
    if load::is_name(kind) { Ok(kind.clone()) } else { Err(text.problem(written, "name", words())) }
}

/// The name of a system, where there is one of that name.
pub(crate) fn known(
    text: &Text,
    written: &Spanned<String>,
    systems: &BTreeMap<String, System>,
) -> Result<String, Problem> {
    let name = written.as_ref();
    if systems.contains_key(name) {
        return Ok(name.clone());
    }
    let problem = text.problem(written, "unknown-system", format!("there is no system `{name}`"));
    Err(match nearest(name, systems.keys().map(String::as_str)) {
        Some(near) => problem.hint(format!("did you mean `{near}`?")),
        None => problem,
    })
}

/// Whether `name` can be a name below `%lookup`.
fn is_name(name: &str) -> bool {
    name.len() <= 64
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
}
