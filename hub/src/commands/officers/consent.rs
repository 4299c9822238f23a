//! Asking before anything is changed.

use std::io::{IsTerminal, Write, stdin, stdout};

use crate::cli::Consent;
use crate::failure::Failure;
use crate::output;

/// Whether the officer wants it done, by what the command line says or by an answer at the terminal.
pub(crate) fn given(consent: &Consent, question: &str) -> Result<bool, Failure> {
    if consent.dry_run {
        output::line("dry run: nothing was done");
        return Ok(false);
    }
    if consent.yes {
        return Ok(true);
    }
    if !stdin().is_terminal() {
        let words = "nothing was done: there is no terminal to ask at, so say --yes";
        return Err(Failure::Wrong(words.to_owned()));
    }
    // A reader that has gone is no error.
    let _gone = write!(stdout(), "{question} [y/N] ").and_then(|()| stdout().flush());
    let mut answer = String::new();
    // No answer is no consent.
    let _closed = stdin().read_line(&mut answer);
    let consented = matches!(answer.trim(), "y" | "Y" | "yes");
    if !consented {
        output::line("nothing was done");
    }
    Ok(consented)
}
