//! The council's own text, read and checked: the only crate that knows the layout of its folder.
//!
//! [`Council::load`] reads everything and reports every problem with file, line and column; nothing is started. What
//! takes long (compiling mappings, golden cases, examples) is done by [`Council::prove`], or on first use.

mod compatibility;
mod config_schema;
mod fill;
mod from_file;
mod key;
mod lists;
mod load;
mod lookup;
mod masked;
mod model;
mod own;
mod personal;
mod problem;
mod program;
mod prove;
mod reading;
mod retention;
mod reveals;
mod route;
mod scaffold;
mod sent;
mod shared;
mod snapshot;
mod subject;
mod system;
mod text;
mod verdict;
mod versions;
mod watching;
mod written;

pub use compatibility::{ChangedSchema, SchemaChange, Touch};
pub use config_schema::ConfigFile;
pub use fill::{Fill, FillId};
pub use key::{Code, Key};
pub use lists::{Case, CodeList, DIVIDER, Listed, MAX_LIST_BYTES, MAX_LIST_ROWS, SYNONYMS};
pub use load::is_name;
pub use lookup::{Absent, Asks, InList, Lookup};
pub use model::{Council, IgnoreRule, MapRule, Route, SourceSystem, System, Target};
pub use own::{OWN_SYSTEM, WORK_RAISED, WORK_SETTLED, WORK_TYPES};
pub use personal::{Carried, Reaches};
pub use postroom_transform::{FieldPath, Flow, How, Of};
pub use problem::{Place, Problem, in_order};
pub use program::{Compile, Program};
pub use prove::{Proof, Unproved};
pub use route::{RETRY, nearest};
pub use scaffold::{Draft, NewRoute, NewSystem, Side};
pub use sent::SentAs;
pub use snapshot::{FirstSnapshot, SnapshotRule};
pub use verdict::{Contents, Verdicts};
pub use versions::{Conversion, Step, Sunset, Versions};
pub use watching::HealthAt;
pub use written::{AfterDeadLetter, Purpose, Reload};

/// Default prefix of every object on the broker.
pub const DEFAULT_PREFIX: &str = "postroom.";
/// Most systems of one council.
pub const MAX_SYSTEMS: usize = 500;
/// Most routes of one council.
pub const MAX_ROUTES: usize = 5_000;
/// Most code lists of one council.
pub const MAX_LISTS: usize = 500;
/// Most lookups of one route, or of one rule of a source.
pub const MAX_LOOKUPS: usize = 50;
/// Most cross-references that one route notes of an event.
pub const MAX_FILLS: usize = 50;
