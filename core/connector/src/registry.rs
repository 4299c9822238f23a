//! The kinds of connectors that a program knows, by name.

use crate::{SinkKind, SourceKind};

/// The connector name of systems that publish or read a queue themselves; the hub needs no connector for them.
pub const QUEUE: &str = "queue";

/// Every kind that the program was built with.
#[derive(Default)]
pub struct Connectors {
    sources: Vec<Box<dyn SourceKind>>,
    sinks: Vec<Box<dyn SinkKind>>,
}

impl Connectors {
    /// With a kind of source more.
    #[must_use]
    pub fn with_source(mut self, kind: impl SourceKind + 'static) -> Self {
        self.sources.push(Box::new(kind));
        self
    }

    /// With a kind of sink more.
    #[must_use]
    pub fn with_sink(mut self, kind: impl SinkKind + 'static) -> Self {
        self.sinks.push(Box::new(kind));
        self
    }

    /// The kind of source of that name.
    pub fn source(&self, name: &str) -> Option<&dyn SourceKind> {
        self.sources.iter().find(|kind| kind.name() == name).map(AsRef::as_ref)
    }

    /// The kind of sink of that name.
    pub fn sink(&self, name: &str) -> Option<&dyn SinkKind> {
        self.sinks.iter().find(|kind| kind.name() == name).map(AsRef::as_ref)
    }

    /// The rules of all sources, in the order in which their kinds were added.
    pub fn rules(&self) -> Vec<(&'static str, &'static str)> {
        self.sources.iter().flat_map(|kind| kind.rules().iter().copied()).collect()
    }

    /// The names that a source may give, for error messages.
    pub fn source_names(&self) -> Vec<&'static str> {
        std::iter::once(QUEUE).chain(self.sources.iter().map(|kind| kind.name())).collect()
    }

    /// The names that a target may give, for error messages.
    pub fn sink_names(&self) -> Vec<&'static str> {
        std::iter::once(QUEUE).chain(self.sinks.iter().map(|kind| kind.name())).collect()
    }
}
