//! A mapping or filter of the council: its text, and the compiled form, made when it is first needed.
//!
//! Compiling one takes 20 to 40 ms, so a hub that was checked before starts without compiling any.

use std::hash::Hash;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

use postroom_transform::{Context, Filter, Flow, Mapping, Shape};
use serde_json::Value;

use crate::{Place, Problem, Verdicts};

/// What can be compiled from a text against a shape.
pub trait Compile: Sized {
    /// Compiles; every problem at once.
    ///
    /// # Errors
    /// Problems with line and column in `source`.
    fn compile(
        source: &str,
        shape: &Shape,
        context: Context,
    ) -> Result<Self, Vec<postroom_transform::Problem>>;
}

impl Compile for Mapping {
    fn compile(
        source: &str,
        shape: &Shape,
        context: Context,
    ) -> Result<Self, Vec<postroom_transform::Problem>> {
        Self::compile(source, shape, context)
    }
}

impl Compile for Filter {
    fn compile(
        source: &str,
        shape: &Shape,
        context: Context,
    ) -> Result<Self, Vec<postroom_transform::Problem>> {
        Self::compile(source, shape, context)
    }
}

/// The compiled form of a text, or what is wrong with it, once somebody has asked; texts that are alike share it.
pub(crate) type Compiled<T> = Arc<OnceLock<Result<T, Vec<postroom_transform::Problem>>>>;

/// A mapping or filter with the place where it is written.
pub struct Program<T> {
    file: PathBuf,
    /// Where the text starts in its file: line and column from 0.
    origin: (usize, usize),
    source: String,
    shape: Arc<Shape>,
    context: Context,
    compiled: Compiled<T>,
}

impl<T: Compile> Program<T> {
    /// A program that is a whole file.
    pub(crate) fn of_file(file: PathBuf, source: String, shape: Arc<Shape>, context: Context) -> Self {
        Self { file, origin: (0, 0), source, shape, context, compiled: Compiled::default() }
    }

    /// A program that is written inside another file, `place` being the opening quote of its text.
    pub(crate) fn inside(
        file: PathBuf,
        place: Place,
        source: String,
        shape: Arc<Shape>,
        context: Context,
    ) -> Self {
        Self { origin: (place.line - 1, place.column), ..Self::of_file(file, source, shape, context) }
    }

    /// The same program, whose compiled form is shared with others of the same text, shape and context.
    pub(crate) fn sharing(self, compiled: Compiled<T>) -> Self {
        Self { compiled, ..self }
    }

    /// Whether the other has the same text, shape and context.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.compiled, &other.compiled)
    }

    /// The text.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Whether the other does the same with the same data, though it may stand in another configuration.
    pub(crate) fn is_alike(&self, other: &Self) -> bool {
        self.source == other.source && self.context == other.context && self.shape == other.shape
    }

    /// The compiled form.
    ///
    /// # Errors
    /// Every problem of the text, with file, line and column.
    pub fn get(&self) -> Result<&T, Vec<Problem>> {
        let compiled = self.compiled.get_or_init(|| T::compile(&self.source, &self.shape, self.context));
        compiled.as_ref().map_err(|problems| problems.iter().map(|problem| self.placed(problem)).collect())
    }

    /// The file that it is written in.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The fingerprint of all that the verdict on it depends on.
    pub(crate) fn fingerprint(&self, verdicts: &Verdicts, target: Option<&Value>) -> String {
        verdicts.fingerprint(|told| {
            std::any::type_name::<T>().hash(told);
            (&self.source, format!("{:?}", self.context)).hash(told);
            self.shape.tell(told);
            target.map(Value::to_string).hash(told);
        })
    }

    /// A problem of the text as one of its file.
    pub(crate) fn placed(&self, problem: &postroom_transform::Problem) -> Problem {
        let place = self.place((problem.line, problem.column), problem.length);
        let found = Problem::new(self.file.clone(), problem.code.clone(), problem.words.clone()).at(place);
        Problem { hint: problem.hint.clone().map(String::into_boxed_str), ..found }
    }

    /// The place in the file of one in the text.
    fn place(&self, (line, column): (usize, usize), length: usize) -> Place {
        let (lines, columns) = self.origin;
        Place { line: line + lines, column: if line == 1 { column + columns } else { column }, length }
    }
}

impl Program<Mapping> {
    /// What reaches what; nothing where the text is no program, which compiling tells.
    pub(crate) fn flows(&self) -> Vec<Flow> {
        Flow::of_mapping(&self.source, &self.shape, self.context).unwrap_or_default()
    }

    /// A problem where a flow begins.
    pub(crate) fn problem(&self, flow: &Flow, code: &str, words: impl Into<String>) -> Problem {
        Problem::new(self.file.clone(), code, words).at(self.place((flow.line, flow.column), flow.length))
    }
}

impl Program<Filter> {
    /// What decides; nothing where the text is no program.
    pub(crate) fn decides(&self) -> Vec<Flow> {
        Flow::of_filter(&self.source, &self.shape, self.context).unwrap_or_default()
    }
}
