//! Why reading an input ended early: the input is refused, or it could not be read.

use std::io;

use postroom_event::Fault;

/// The end of reading: nothing more of this input will be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The whole input is refused; reading it again would give the same.
    #[error(transparent)]
    Refused(Fault),
    /// The input could not be read; reading it again may succeed.
    #[error("reading the input")]
    Io(#[source] io::Error),
}

impl From<Fault> for ReadError {
    fn from(fault: Fault) -> Self {
        Self::Refused(fault)
    }
}

/// Faults travel through `BufRead` inside an I/O error, and are taken out again here.
impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        error.downcast::<Fault>().map_or_else(Self::Io, Self::Refused)
    }
}

impl ReadError {
    /// A refusal of the whole input at `line`.
    pub(crate) fn whole(line: u64, rule: &'static str, words: impl Into<String>) -> Self {
        Self::Refused(whole(line, rule, words))
    }
}

/// A fault of the whole input at `line`.
pub(crate) fn whole(line: u64, rule: &'static str, words: impl Into<String>) -> Fault {
    Fault { number: 0, line, place: String::new(), rule, words: words.into() }
}
