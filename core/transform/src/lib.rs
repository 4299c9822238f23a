//! Mappings and filters: the council's VRL, compiled against what the data may be, and run on one event at a time.
//!
//! The only crate that names `vrl`. A program that compiles here reads only fields that exist, handles every error,
//! calls only functions from [`FUNCTIONS`], changes nothing but its own variables, and does no I/O. The crate knows
//! nothing of routes, systems or the broker, and its errors hold no value of the data.

mod budget;
mod compile;
mod context;
mod data;
mod fields;
mod flow;
mod functions;
mod guard;
mod lengths;
mod limits;
mod literals;
mod operators;
mod outline;
mod problem;
mod proof;
mod reading;
mod rules;
mod run;
mod shape;
mod size;
#[cfg(test)]
mod soundness;
mod value;

pub use compile::{Filter, Mapping};
pub use context::{Context, MetaValue};
pub use data::{Data, Items, List, Members, Object, Part, View};
pub use flow::{FieldPath, Flow, How, ITEMS, Of};
pub use functions::{Allowed, FUNCTIONS, functions_as_markdown};
pub use guard::{Guard, Says};
pub use problem::Problem;
pub use proof::{BEYOND, Fit, Happens, Left, Misfit, keywords};
pub use run::{Input, Metadata, OUTSIDE, RunError, Runner};
pub use shape::{NoCode, Presence, Shape};

/// Largest source of one mapping or filter, in bytes.
pub const MAX_SOURCE_BYTES: usize = 64 * 1024;
/// Deepest nesting of brackets in a source, in levels.
pub const MAX_NESTING: usize = 24;
/// The stack on which a source is compiled, in bytes: VRL recurses, and callers' stacks are small.
const COMPILER_STACK_BYTES: usize = 32 * 1024 * 1024;
/// Most closures inside one another; each level doubles the time that compiling takes.
pub const MAX_CLOSURES: usize = 6;
/// Most operators, dots and keywords in one expression between separators.
pub const MAX_CHAIN: usize = 250;
/// Most assignments in one source; each may nest the type of a variable one level deeper.
pub const MAX_ASSIGNMENTS: usize = 300;
/// Most steps that one run may take; a step is an expression or one turn of a closure.
pub const MAX_STEPS: u64 = 1_000_000;
/// Most bytes that one run may make: what it reads of its data and variables, and what its functions make of that.
pub const MAX_MADE_BYTES: usize = 256 * 1024 * 1024;
/// Most fields and items that may be known of one variable where it is read.
pub const MAX_TYPE_PARTS: usize = 1_000;
/// Deepest that what is known of a variable may be nested where it is read, in levels.
pub const MAX_TYPE_DEPTH: usize = 32;
/// Most that may be known of all variables that are read, by the expressions of the source.
const MAX_TYPE_WORK: usize = 2_000_000;
/// Most patterns in one source.
pub const MAX_PATTERNS: usize = 100;
/// Largest pattern, in bytes of what is compiled of it.
pub const MAX_PATTERN_BYTES: usize = 256 * 1024;
/// Largest index of an item, from either end of a list.
pub const MAX_INDEX: usize = 1_000;
