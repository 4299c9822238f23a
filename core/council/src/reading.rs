//! What every part of the folder is read with, and where its problems are kept.

use std::path::PathBuf;

use postroom_connector::Connectors;

use crate::Problem;
use crate::lists::Lists;
use crate::shared::Shared;

/// What every part of the folder is read with.
pub(crate) struct Reading<'a> {
    pub(crate) connectors: &'a Connectors,
    pub(crate) data: PathBuf,
    pub(crate) shared: Shared,
    pub(crate) lists: Lists,
    pub(crate) problems: Vec<Problem>,
}

impl Reading<'_> {
    /// Keeps the problem, and goes on without the value.
    pub(crate) fn keep<T>(&mut self, result: Result<T, Problem>) -> Option<T> {
        result.map_err(|problem| self.problems.push(problem)).ok()
    }
}
