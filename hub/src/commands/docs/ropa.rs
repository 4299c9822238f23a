//! `postroom docs ropa`: the draft record of processing activities.

use std::process::ExitCode;

use postroom_documents::RopaForm;

use crate::cli::{Cli, RopaFormat};
use crate::failure::Failure;
use crate::output;
use crate::place::Place;

pub(super) fn ropa(cli: &Cli, format: RopaFormat) -> Result<ExitCode, Failure> {
    let (place, problems, contents) = Place::settled(cli)?;
    if !problems.is_empty() {
        return Err(Failure::Configuration(problems));
    }
    // Of a mapping that is no program nothing could be said.
    place.prove_once(&contents)?;
    let form = match format {
        RopaFormat::Md => RopaForm::Markdown,
        RopaFormat::Csv => RopaForm::Csv,
        RopaFormat::Html => RopaForm::Html,
    };
    output::line(postroom_documents::ropa(&place.council, form).trim_end());
    Ok(ExitCode::SUCCESS)
}
