//! What several files say alike is read and compiled once: shapes of event types, mappings and schemas of messages.

use std::collections::HashMap;
use std::sync::Arc;

use postroom_schema::{EventType, Validator};
use postroom_transform::{Mapping, Shape};

use crate::Lookup;
use crate::program::Compiled;

/// Event type, text and lookups: all that a mapping's result depends on beside the event.
type MappingKey = (String, String, Vec<Lookup>);

/// What was met so far.
#[derive(Default)]
pub(crate) struct Shared {
    shapes: HashMap<String, Arc<Shape>>,
    mappings: HashMap<MappingKey, Compiled<Mapping>>,
    /// By text.
    messages: HashMap<String, Arc<Validator>>,
}

impl Shared {
    /// The shape of an event type's data.
    pub(crate) fn shape(&mut self, event: &EventType) -> Arc<Shape> {
        let shape = self.shapes.entry(event.name.clone());
        Arc::clone(shape.or_insert_with(|| Arc::new(Shape::of_schema(&event.schema))))
    }

    /// The compiled form of a mapping of that event type and text, with those lookups.
    pub(crate) fn mapping(&mut self, event_type: &str, text: &str, lookups: &[Lookup]) -> Compiled<Mapping> {
        let key = (event_type.to_owned(), text.to_owned(), lookups.to_vec());
        Arc::clone(self.mappings.entry(key).or_default())
    }

    /// The validator of that text, else the one that `compile` makes.
    pub(crate) fn message<E>(
        &mut self,
        text: &str,
        compile: impl FnOnce() -> Result<Validator, E>,
    ) -> Result<Arc<Validator>, E> {
        if let Some(known) = self.messages.get(text) {
            return Ok(Arc::clone(known));
        }
        let made = Arc::new(compile()?);
        self.messages.insert(text.to_owned(), Arc::clone(&made));
        Ok(made)
    }
}
