//! Running the filters and mappings of routes, with what is looked up for them: pure. What the ledger has to be asked it says,
//! and it maps again once it was told.

use postroom_council::{Conversion, Council, Route};
use postroom_event::Event;
use postroom_transform::{Data, Filter, Input, Runner};

use crate::decide::{Unmappable, in_words};
use crate::lookups::{Desk, answers};
use crate::references::{Asked, References};
use crate::versions;

/// Makes messages. One task owns it.
#[derive(Default)]
pub(crate) struct Mapper {
    runner: Runner,
    /// What the ledger said of what was asked.
    known: References,
    /// What the ledger is to be asked.
    asked: Vec<Asked>,
}

impl Mapper {
    /// What is known from now on of what lies in the ledger, and nothing else.
    pub(crate) fn learn(&mut self, known: References) {
        self.known = known;
    }

    /// Nothing is known any longer, and nothing is asked.
    pub(crate) fn forget(&mut self) {
        self.known = References::default();
        self.asked.clear();
    }

    /// What was looked up in the ledger since this was asked last, and was not known.
    pub(crate) fn take_asked(&mut self) -> Vec<Asked> {
        let mut asked = std::mem::take(&mut self.asked);
        asked.sort();
        asked.dedup();
        asked
    }

    /// The data of an event as another version of its type.
    pub(crate) fn convert(
        &mut self,
        council: &Council,
        conversion: &Conversion,
        data: Data,
    ) -> Result<Data, Unmappable> {
        versions::convert(council, &mut self.runner, conversion, data)
    }

    /// The event as `route` reads it.
    pub(crate) fn as_read(
        &mut self,
        council: &Council,
        route: &Route,
        event: Event<Data>,
    ) -> Result<Event<Data>, Unmappable> {
        versions::as_read(council, &mut self.runner, route, event)
    }

    /// Whether a filter is true.
    pub(crate) fn holds(&mut self, when: &Filter, input: &mut Input<'_>) -> Result<bool, Unmappable> {
        self.runner.holds(when, input).map_err(|error| Unmappable::run("filter", &error))
    }

    /// The message of `route`, made and checked.
    pub(crate) fn map(
        &mut self,
        route: &Route,
        input: &mut Input<'_>,
        subject: &str,
    ) -> Result<Data, Unmappable> {
        let desk = Desk { known: &self.known, asked: &mut self.asked };
        let answers = answers(&route.lookups, (input.data(), Some(subject)), desk)?;
        input.answer(answers);
        let mapping = route
            .mapping
            .get()
            .map_err(|_| Unmappable::new("mapping", "the mapping does not compile: postroom check"))?;
        let message = self.runner.map(mapping, input).map_err(|error| Unmappable::run("mapping", &error))?;
        route
            .accepts
            .validate(&message)
            .map_err(|violations| Unmappable::new("message", in_words(&violations)))?;
        Ok(message)
    }
}
