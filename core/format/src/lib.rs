//! Records from bytes and back, as a stream, with line numbers: CSV, mixed-record CSV, fixed-width text, JSON, JSON Lines and XML.
//!
//! A [`Format`] says how a system writes its files and reads them strictly: what is not in the stated encoding, is cut
//! off or does not add up refuses the whole input; what is wrong with one row refuses that row and the rest goes on. A
//! [`Layout`] says how a system wants its files and writes them. Memory is bounded by the limits below, whatever the
//! size of the input. This crate knows nothing of files, folders or mappings, and its faults hold no value of a record.

mod csv;
mod decode;
mod encode;
mod encoding;
mod fixed_width;
mod format;
mod json;
mod json_lines;
mod json_scan;
mod layout;
mod read_error;
mod rows;
mod rules;
mod table;
mod xml;
mod xml_document;
mod xml_element;
mod xml_events;

pub use csv::{Csv, MixedCsv, MixedRecord};
pub use encoding::Encoding;
pub use fixed_width::{FixedField, FixedRecord, FixedWidth, Place};
pub use format::{Format, FormatError, Readings};
pub use json::Json;
pub use json_lines::JsonLines;
pub use layout::{
    Align, CsvLayout, FixedWidthLayout, JsonLinesLayout, Layout, LayoutField, Newline, WriteError, XmlLayout,
};
pub use read_error::ReadError;
pub use rules::RULES;
pub use table::{Table, TableRow};
pub use xml::{Trailer, Xml};
pub use xml_document::xml_document;

/// Largest single record of an input (a row, a line, a list item, an XML element), in bytes of UTF-8.
pub const MAX_RECORD_BYTES: usize = 4 * 1024 * 1024;
/// Largest JSON document that is one record, and most bytes around the records of a document, in bytes of UTF-8.
pub const MAX_DOCUMENT_BYTES: usize = 64 * 1024 * 1024;
/// Most columns of a row, or fields of a line.
pub const MAX_COLUMNS: usize = 1_024;
/// Size of the buffers through which an input is read, in bytes.
pub const BUFFER_BYTES: usize = 64 * 1024;
