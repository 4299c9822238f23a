//! Values that are masked otherwise are shown to nobody of whom the log does not say who, at what, and why.

use postroom_telemetry as telemetry;
use serde_json::Value;

use crate::cli::RevealArgs;
use crate::output;

/// That values are shown, which was logged; or that they are masked.
#[derive(Clone, Copy)]
pub(crate) struct Revealing(bool);

impl Revealing {
    /// Says in the log that the values of `what` are shown, where they are.
    pub(crate) fn told(args: &RevealArgs, what: &str) -> Self {
        let Some(why) = args.reason() else { return Self(false) };
        telemetry::start(telemetry::Form::Text);
        telemetry::operator_revealed(&output::actor(), what, why);
        Self(true)
    }

    /// Values are shown, and who shows them has said so in the log.
    pub(crate) fn logged() -> Self {
        Self(true)
    }

    /// Whether values are shown.
    pub(crate) fn is_on(self) -> bool {
        self.0
    }

    /// The value, masked unless it is to be seen.
    pub(crate) fn value(self, json: &Value) -> Value {
        if self.0 { json.clone() } else { output::masked(json) }
    }
}
