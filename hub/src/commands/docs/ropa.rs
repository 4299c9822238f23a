//! `postroom docs ropa`: the draft record of processing activities.

use std::process::ExitCode;

use postroom_documents::RopaForm;

use crate::cli::{Cli, RopaFormat};
use crate::failure::Failure;
use crate::output;
use crate::place::Place;

pub(super) fn ropa(cli: &Cli, format: RopaFormat) -> Result<ExitCode, Failure> {
    let place = Place::load(cli)?;
    // Of a mapping that is no program nothing could be said.
    place.prove_once()?;
    let form = match format {
        RopaFormat::Md => RopaForm::Markdown,
        RopaFormat::Csv => RopaForm::Csv,
        RopaFormat::Html => RopaForm::Html,
    };
    output::line(postroom_documents::ropa(&place.council, form).trim_end());
    Ok(ExitCode::SUCCESS)
}
