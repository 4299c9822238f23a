//! The draft record of processing activities (UK GDPR Article 30): which fields of whom go from which system to which, for what
//! purpose, on what basis, and kept how long. A draft: what the council's text does not say, the data protection officer adds.

mod csv;
mod html;
mod lines;
mod markdown;
mod page;
mod record;
#[cfg(test)]
mod tests;

use postroom_council::Council;

/// The form of the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RopaForm {
    /// For reading as text.
    Markdown,
    /// A row for each field that goes somewhere, for a spreadsheet.
    Csv,
    /// A page that stands by itself.
    Html,
}

/// Writes the record.
pub fn ropa(council: &Council, form: RopaForm) -> String {
    let record = record::Record::of(council);
    match form {
        RopaForm::Markdown => markdown::write(&page::page(&record)),
        RopaForm::Csv => csv::write(&record),
        RopaForm::Html => html::write(&page::page(&record)),
    }
}
