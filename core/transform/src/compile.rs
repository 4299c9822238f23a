//! From text to a program that is known to be right for its data, or to the list of what is wrong with it.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::rc::Rc;

use postroom_event::MAX_DEPTH;
use serde_json::Value;
use vrl::compiler::state::{ExternalEnv, LocalEnv};
use vrl::compiler::{CompileConfig, Compiler, Program, TypeState};
use vrl::diagnostic::{DiagnosticList, DiagnosticMessage, Span};
use vrl::parser::ast;
use vrl::path::PathPrefix;
use vrl::value::Kind;

use crate::fields::{self, Fields};
use crate::functions::Calculated;
use crate::guard::Guard;
use crate::outline::Outline;
use crate::problem::{Problem, Source, UNKNOWN_VARIABLE, in_order};
use crate::proof::{self, Fit, Left, Made};
use crate::reading::{Misread, Unsure};
use crate::rules::Held;
use crate::{COMPILER_STACK_BYTES, Context, Shape, functions, limits, rules, size};

/// A mapping: what a route makes of an event's data, or a source of a record. Share it by `Arc`.
#[derive(Debug)]
pub struct Mapping(Compiled);

/// A filter: whether an event or record is meant. Share it by `Arc`.
#[derive(Debug)]
pub struct Filter {
    compiled: Compiled,
    guard: Option<Guard>,
}

/// A program with its source, for the places of errors.
#[derive(Debug)]
pub(crate) struct Compiled {
    pub(crate) source: String,
    pub(crate) program: Program,
    pub(crate) reads_metadata: bool,
    result: Kind,
    outline: Outline,
    calculated: Calculated,
}

impl Compiled {
    /// Whether the result is of the type that was inferred.
    pub(crate) fn promises(&self, result: &vrl::value::Value) -> bool {
        proof::holds(&self.result, result)
    }

    fn made(&self) -> Made<'_> {
        Made {
            source: Source(&self.source),
            kind: &self.result,
            outline: &self.outline,
            calculated: &self.calculated,
        }
    }
}

impl Mapping {
    /// Compiles `source` for data of `shape`; takes 10 to 40 ms.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of the source.
    pub fn compile(source: &str, shape: &Shape, context: Context) -> Result<Self, Vec<Problem>> {
        on_a_stack_of_its_own(|| compile(source, parse(source)?, shape, context)).map(Self)
    }

    /// How the result fits the JSON Schema `target`: where it may not, and what is left to validation.
    pub fn fit(&self, target: &Value) -> Fit {
        self.0.made().fit(target)
    }

    /// The same for the events that a source mapping makes, whose data keep the JSON Schema `data`.
    pub fn fit_events(&self, data: &Value) -> Fit {
        self.0.made().fit_events(data)
    }

    /// The fields of the data that it reads, as dotted paths; what is read of a field is read of all below it.
    pub fn reads(&self) -> BTreeSet<String> {
        fields::reads(&self.0.program)
    }

    pub(crate) fn compiled(&self) -> &Compiled {
        &self.0
    }
}

impl Filter {
    /// Compiles `source`, which has to be true or false whatever the data.
    ///
    /// # Errors
    /// Everything that is wrong with it, in the order of the source.
    pub fn compile(source: &str, shape: &Shape, context: Context) -> Result<Self, Vec<Problem>> {
        on_a_stack_of_its_own(|| Self::compiled_here(source, shape, context))
    }

    fn compiled_here(source: &str, shape: &Shape, context: Context) -> Result<Self, Vec<Problem>> {
        let program = parse(source)?;
        let guard = Guard::of(&program);
        let compiled = compile(source, program, shape, context)?;
        if !compiled.result.is_boolean() {
            let words =
                format!("a filter is true or false, and this may be {}", proof::words(&compiled.result));
            return Err(vec![Source(source).problem((0, source.len()), "not-boolean", words)]);
        }
        Ok(Self { compiled, guard })
    }

    /// What the filter certainly asks of one field: it is false for data whose field equals none of the values.
    pub fn guard(&self) -> Option<&Guard> {
        self.guard.as_ref()
    }

    /// What the types do not tell of its runs, as of [`Mapping::fit`]: what it calculates may go beyond 64 bits.
    pub fn left(&self) -> Vec<Left> {
        self.compiled.made().beyond()
    }

    /// The fields of the data that it reads, as of [`Mapping::reads`].
    pub fn reads(&self) -> BTreeSet<String> {
        fields::reads(&self.compiled.program)
    }

    pub(crate) fn compiled(&self) -> &Compiled {
        &self.compiled
    }
}

/// Runs `work` in a thread whose stack holds whatever the limits let through.
pub(crate) fn on_a_stack_of_its_own<T: Send>(
    work: impl FnOnce() -> Result<T, Vec<Problem>> + Send,
) -> Result<T, Vec<Problem>> {
    let failed = || Err(vec![Source("").problem((0, 1), "not-compiled", "the compiler could not finish")]);
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().stack_size(COMPILER_STACK_BYTES).spawn_scoped(scope, work);
        thread.map_or_else(|_| failed(), |thread| thread.join().unwrap_or_else(|_| failed()))
    })
}

pub(crate) fn parse(source: &str) -> Result<ast::Program, Vec<Problem>> {
    if let Some(problem) = limits::broken(source) {
        return Err(vec![problem]);
    }
    let program = vrl::parser::parse(source).map_err(|error| {
        let error: Box<dyn DiagnosticMessage> = Box::new(error);
        in_order(Source(source).diagnosed(DiagnosticList::from(vec![error])).collect())
    })?;
    if program.is_empty() {
        return Err(vec![Source(source).problem((0, 1), "empty", "there is nothing in it")]);
    }
    Ok(program)
}

/// Leaves out what VRL finds wrong only because of something that is told already: a fault around the one that a rule
/// found, and variables that are unknown because their own line did not compile.
fn without_echoes(found: Vec<Problem>, held: &Held) -> Vec<Problem> {
    let around = |problem: &Problem| {
        let columns = problem.column..problem.column + problem.length;
        held.problems.iter().any(|told| told.line == problem.line && columns.contains(&told.column))
    };
    let unknown = |problem: &Problem| {
        let assigned = |name: &String| problem.words.contains(&format!("`{name}`"));
        problem.code == UNKNOWN_VARIABLE && held.assigned.iter().any(assigned)
    };
    let (echoes, told): (Vec<_>, Vec<_>) = found.into_iter().partition(unknown);
    let told: Vec<Problem> = told.into_iter().filter(|problem| !around(problem)).collect();
    if told.is_empty() && held.problems.is_empty() { echoes } else { told }
}

fn compile(
    text: &str,
    program: ast::Program,
    shape: &Shape,
    context: Context,
) -> Result<Compiled, Vec<Problem>> {
    let source = Source(text);
    let (data, meta) = (shape.kind.clone(), context.meta(shape));
    let outline = Outline::of(&program, shape.schema.clone());
    size::begin();
    let (program, mut held) = rules::hold(source, Fields { data: data.clone(), meta: meta.clone() }, program);
    if held.too_large {
        return Err(in_order(held.problems));
    }
    let state = TypeState { local: LocalEnv::default(), external: ExternalEnv::new_with_kind(data, meta) };
    let mut config = CompileConfig::default();
    config.set_read_only();
    config.set_custom(Calculated::default());
    let misread = Misread::default();
    config.set_custom(Rc::clone(&misread));
    let unsure = Unsure::default();
    config.set_custom(Rc::clone(&unsure));
    let compile = || Compiler::compile(functions::all(), program, &state, config);
    let compiled = catch_unwind(AssertUnwindSafe(compile));
    if let Some(problem) = size::broken(source) {
        return Err(vec![problem]);
    }
    let compiled = compiled.unwrap_or_else(|panic| resume_unwind(panic));
    let misread = misread.take().into_iter();
    held.problems.extend(misread.map(|(span, missing)| rules::misread(source, span, missing, false)));
    held.problems.extend(unsure.take().into_iter().map(|span| rules::unsure(source, span)));
    match compiled {
        Ok(mut compiled) if held.problems.is_empty() => {
            let result = compiled.program.final_type_info().result;
            let result = result.kind().clone().union(result.returns().clone());
            if size::is_too_deep(&result) {
                return Err(vec![size::too_deep(source, Span::new(0, text.len()), MAX_DEPTH)]);
            }
            let queries = &compiled.program.info().target_queries;
            let reads_metadata = queries.iter().any(|path| path.prefix == PathPrefix::Metadata);
            Ok(Compiled {
                source: text.to_owned(),
                program: compiled.program,
                reads_metadata,
                result,
                outline,
                calculated: compiled.config.get_custom_mut().map(std::mem::take).unwrap_or_default(),
            })
        }
        Ok(_) => Err(in_order(held.problems)),
        Err(found) => {
            let echoed = without_echoes(source.diagnosed(found).collect(), &held);
            Err(in_order(held.problems.into_iter().chain(echoed).collect()))
        }
    }
}
