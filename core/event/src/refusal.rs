//! Why something was refused: a rule, a place, and words for an officer; never the value itself.

use std::fmt;

/// A rule that an event or record broke. The code is stable: it is stored in the ledger and written in `docs/`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Rule {
    /// The body is larger than the limit.
    TooLarge,
    /// The body is not well-formed JSON in UTF-8.
    NotJson,
    /// An object names the same key twice.
    DuplicateKey,
    /// A text or a key holds the character NUL.
    NulCharacter,
    /// Objects and lists are nested deeper than the limit.
    TooDeep,
    /// A whole number is outside what can be carried exactly.
    NumberOutOfRange,
    /// The content type is neither structured nor binary CloudEvents with JSON data.
    ContentType,
    /// The envelope is not CloudEvents 1.0.
    SpecVersion,
    /// An attribute that is required is absent.
    MissingAttribute,
    /// An attribute has a form that is not allowed.
    BadAttribute,
    /// The event carries no JSON data.
    NoData,
    /// An AMQP property that can lose, reorder or smuggle messages.
    ForbiddenProperty,
    /// The broker user is absent or is not the system's own.
    Sender,
    /// The CloudEvents source is not one that the system owns.
    Source,
    /// No schema is known for the event type.
    UnknownType,
    /// The data does not fit the schema of its type.
    Schema,
    /// The event stopped the hub three times.
    Poison,
}

impl Rule {
    /// Every rule, for the documentation and for reading codes back.
    pub const ALL: [Self; 17] = [
        Self::TooLarge,
        Self::NotJson,
        Self::DuplicateKey,
        Self::NulCharacter,
        Self::TooDeep,
        Self::NumberOutOfRange,
        Self::ContentType,
        Self::SpecVersion,
        Self::MissingAttribute,
        Self::BadAttribute,
        Self::NoData,
        Self::ForbiddenProperty,
        Self::Sender,
        Self::Source,
        Self::UnknownType,
        Self::Schema,
        Self::Poison,
    ];

    /// The stable code, in kebab case.
    pub const fn code(self) -> &'static str {
        match self {
            Self::TooLarge => "too-large",
            Self::NotJson => "not-json",
            Self::DuplicateKey => "duplicate-key",
            Self::NulCharacter => "nul-character",
            Self::TooDeep => "too-deep",
            Self::NumberOutOfRange => "number-out-of-range",
            Self::ContentType => "content-type",
            Self::SpecVersion => "spec-version",
            Self::MissingAttribute => "missing-attribute",
            Self::BadAttribute => "bad-attribute",
            Self::NoData => "no-data",
            Self::ForbiddenProperty => "forbidden-property",
            Self::Sender => "sender",
            Self::Source => "source",
            Self::UnknownType => "unknown-type",
            Self::Schema => "schema",
            Self::Poison => "poison",
        }
    }
}

impl Rule {
    /// What it means, for the documentation.
    pub const fn meaning(self) -> &'static str {
        match self {
            Self::TooLarge => "the body is larger than the limit; it is kept as its hash and size",
            Self::NotJson => "the body is not well-formed JSON in UTF-8",
            Self::DuplicateKey => "an object names the same key twice",
            Self::NulCharacter => "a text or a key holds the character NUL",
            Self::TooDeep => "objects and lists are nested deeper than the limit",
            Self::NumberOutOfRange => "a whole number cannot be carried exactly",
            Self::ContentType => "neither structured nor binary CloudEvents with JSON data",
            Self::SpecVersion => "the envelope is not CloudEvents 1.0",
            Self::MissingAttribute => "a required attribute is absent",
            Self::BadAttribute => "an attribute has a form that is not allowed",
            Self::NoData => "the event carries no JSON data",
            Self::ForbiddenProperty => "an AMQP property that can lose, reorder or smuggle messages",
            Self::Sender => "`user_id` is absent, or not the system's own broker user",
            Self::Source => "the CloudEvents source is not one that the system owns",
            Self::UnknownType => "no schema is known for the event type",
            Self::Schema => "the data does not fit the schema of its type",
            Self::Poison => "the hub stopped three times while it had this event in hand",
        }
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// One refusal: which rule, where (a JSON pointer, or the name of an attribute), and what an officer should read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{rule} at {place:?}: {words}")]
pub struct Refusal {
    /// The rule that was broken.
    pub rule: Rule,
    /// JSON pointer (RFC 6901) into the body, or the attribute's name; empty for the whole.
    pub place: String,
    /// A sentence without any value of the event.
    pub words: String,
}

impl Refusal {
    /// A refusal of `rule` at `place`, told in `words` that hold no value of the event.
    pub fn new(rule: Rule, place: impl Into<String>, words: impl Into<String>) -> Self {
        Self { rule, place: place.into(), words: words.into() }
    }

    /// Where, if it is not the whole, and why: one sentence that says the place once.
    pub fn why(&self) -> String {
        let Self { place, words, .. } = self;
        if place.is_empty() { words.clone() } else { format!("{place}: {words}") }
    }
}
