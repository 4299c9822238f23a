//! The council's own text, read and checked: the only crate that knows the layout of its folder.
//!
//! [`Council::load`] reads everything and reports every problem with file, line and column; nothing is started. What
//! takes long (compiling mappings, golden cases, examples) is done by [`Council::prove`], or on first use.

mod from_file;
mod load;
mod masked;
mod model;
mod problem;
mod program;
mod prove;
mod reading;
mod retention;
mod route;
mod shared;
mod snapshot;
mod system;
mod verdict;
mod watching;
mod written;

pub use model::{Council, IgnoreRule, MapRule, Route, SourceSystem, System, Target};
pub use problem::{Place, Problem};
pub use program::{Compile, Program};
pub use route::{RETRY, nearest};
pub use snapshot::{FirstSnapshot, SnapshotRule};
pub use watching::HealthAt;
pub use written::AfterDeadLetter;
pub use written::Purpose;

/// Default prefix of every object on the broker.
pub const DEFAULT_PREFIX: &str = "postroom.";
/// Most systems of one council.
pub const MAX_SYSTEMS: usize = 500;
/// Most routes of one council.
pub const MAX_ROUTES: usize = 5_000;
