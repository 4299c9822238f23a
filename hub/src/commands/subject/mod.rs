//! `postroom subject`: what the hub itself holds of a person or a property, shown to whom it concerns, and erased.

mod document;
mod elsewhere;
mod erase;
mod erasures;
mod export;

use std::process::ExitCode;

use crate::cli::{Cli, SubjectArgs, SubjectCommand};
use crate::failure::Failure;
use crate::place::Place;

pub(crate) async fn subject(cli: &Cli, args: &SubjectArgs) -> Result<ExitCode, Failure> {
    let place = Place::load(cli)?;
    let ledger = place.ledger().await?;
    let named = || {
        let words = "whose? `postroom subject SUBJECT export`, with the subject as events name it";
        args.subject.as_deref().ok_or_else(|| Failure::Wrong(words.to_owned()))
    };
    match &args.command {
        SubjectCommand::Export(args) => export::export(&place, &ledger, named()?, args).await,
        SubjectCommand::Erase(args) => erase::erase(&place, &ledger, named()?, args).await,
        SubjectCommand::Erasures { form } => {
            erasures::erasures(&place, &ledger, args.subject.as_deref(), form).await
        }
    }
}
