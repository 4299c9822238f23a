//! The codes of the rules that an input can break: stable, written to `why.json` and to the ledger.

use postroom_event::Rule;

pub(crate) const EMPTY: &str = "empty";
pub(crate) const WRONG_KIND: &str = "wrong-kind";
pub(crate) const ENCODING: &str = "encoding";
pub(crate) const NUL: &str = Rule::NulCharacter.code();
pub(crate) const TOO_LARGE: &str = Rule::TooLarge.code();
pub(crate) const TOO_DEEP: &str = Rule::TooDeep.code();
pub(crate) const CUT_OFF: &str = "cut-off";
pub(crate) const MISSING_HEADER: &str = "missing-header";
pub(crate) const DUPLICATE_HEADER: &str = "duplicate-header";
pub(crate) const MISSING_COLUMNS: &str = "missing-columns";
pub(crate) const SURPLUS_COLUMNS: &str = "surplus-columns";
pub(crate) const STRAY_QUOTE: &str = "stray-quote";
pub(crate) const UNKNOWN_RECORD: &str = "unknown-record";
pub(crate) const NOT_JSON: &str = Rule::NotJson.code();
pub(crate) const DUPLICATE_KEY: &str = Rule::DuplicateKey.code();
pub(crate) const NOT_XML: &str = "not-xml";
pub(crate) const XML_DTD: &str = "xml-dtd";
pub(crate) const XML_ENTITY: &str = "xml-entity";
pub(crate) const NO_RECORDS: &str = "no-records";
pub(crate) const TRAILER_COUNT: &str = "trailer-count";
pub(crate) const TRAILER_MISSING: &str = "trailer-missing";

/// Every rule that a reader can name in a fault, with what it means.
pub const RULES: &[(&str, &str)] = &[
    (EMPTY, "the input holds nothing but white space"),
    (WRONG_KIND, "the input is a web page, an archive, a PDF or an office document under another name"),
    (ENCODING, "the input is not in the encoding that the settings name"),
    (NUL, "a text holds the character NUL"),
    (TOO_LARGE, "a record, or the document around it, is larger than the limit"),
    (TOO_DEEP, "elements, objects or lists are nested deeper than the limit"),
    (CUT_OFF, "the last row, line or element ends too early: the input was not written to its end"),
    (MISSING_HEADER, "the header does not name a column that is required"),
    (DUPLICATE_HEADER, "the header names the same column twice"),
    (MISSING_COLUMNS, "the row has fewer columns than expected"),
    (SURPLUS_COLUMNS, "the row has more columns than expected"),
    (STRAY_QUOTE, "text follows the closing quote of a column"),
    (UNKNOWN_RECORD, "the row is of a record kind that the settings do not name"),
    (NOT_JSON, "the text is not well-formed JSON"),
    (DUPLICATE_KEY, "an object, or the attributes of an element, name the same key twice"),
    (Rule::NumberOutOfRange.code(), "a whole number is outside what can be carried exactly"),
    (NOT_XML, "the text is not well-formed XML"),
    (XML_DTD, "the XML has a document type declaration, which is never read"),
    (XML_ENTITY, "the XML refers to an entity or character that is not allowed"),
    (NO_RECORDS, "nothing stands where the settings say that the records are"),
    (
        TRAILER_COUNT,
        "the trailer's count is not a number, stands twice, or differs from the records that were read",
    ),
    (TRAILER_MISSING, "the trailer with the count of records is absent"),
];
