//! What the house measures of itself: the decide step, the ways from queue to queue and through a lane, latency, start,
//! memory, import and snapshots.
//!
//! Everything is generated in a temporary folder, and every figure is a median with its least and greatest run. Nothing
//! is asserted: a slow machine is not a failure. `docs/bench.md` says what each figure means.

pub(crate) mod arrivals;
pub(crate) mod broker;
pub(crate) mod council;
pub(crate) mod decide;
pub(crate) mod drain;
pub(crate) mod embedded;
pub(crate) mod figure;
pub(crate) mod hub;
pub(crate) mod import;
pub(crate) mod lanes;
pub(crate) mod latency;
pub(crate) mod machine;
pub(crate) mod process;
pub(crate) mod pump;
pub(crate) mod ready;
pub(crate) mod sample;
pub(crate) mod snapshot;
pub(crate) mod whatif;

use std::error::Error;

/// How a measurement ends: with its figures, or with the words why there are none.
pub(crate) type Outcome<T> = Result<T, Box<dyn Error + Send + Sync>>;

/// Runs of every measurement, of which the median is told.
pub(crate) const RUNS: usize = 5;
