//! Distributed traces: where an event stands in one (W3C Trace Context), and the steps of the hub, told to a collector by
//! OTLP where one is configured. Without one a context is carried on as it came, and a step costs nothing.
//!
//! A step holds ids and names of the configuration, never a value of an event. What a sender put into `tracestate` is
//! carried on and told to nobody else.

use std::fmt;
use std::sync::OnceLock;

use opentelemetry::trace::{
    Span as _, SpanContext, SpanId, SpanKind, Status, TraceContextExt as _, TraceFlags, TraceId, TraceState,
    Tracer as _,
};
use opentelemetry::{Context, KeyValue};
use opentelemetry_sdk::trace::{SdkTracer, Span as Recorded};

/// Set once, by [`crate::Traces::start`].
pub(crate) static TRACER: OnceLock<SdkTracer> = OnceLock::new();

/// Name of the header and of the CloudEvents attribute that says where an event stands in a trace.
pub const TRACE_PARENT: &str = "traceparent";
/// Name of the header and of the attribute with what tracing systems add of their own.
pub const TRACE_STATE: &str = "tracestate";
/// Length of a `traceparent` of version 00, in bytes.
const PARENT_BYTES: usize = 55;
/// Longest `tracestate` that is carried on, in bytes (W3C: at least so much should be).
const MAX_STATE_BYTES: usize = 512;

/// Where an event stands in a distributed trace.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceContext {
    /// `traceparent`, of version 00.
    pub parent: String,
    /// `tracestate`.
    pub state: Option<String>,
}

impl TraceContext {
    /// The context that a sender gave; `None` where it is malformed, as W3C asks. A later version is read as version 00.
    pub fn read(parent: &str, state: Option<&str>) -> Option<Self> {
        let read = parent.get(..PARENT_BYTES)?;
        let (version, ids) = read.split_at(2);
        let more = parent.as_bytes().get(PARENT_BYTES);
        let longer = version == "00" && more.is_some() || more.is_some_and(|b| *b != b'-');
        if version == "ff" || !is_hex(version) || longer {
            return None;
        }
        context_of(ids)?;
        let fits = |state: &&str| {
            !state.is_empty() && state.len() <= MAX_STATE_BYTES && !state.chars().any(char::is_control)
        };
        Some(Self { parent: format!("00{ids}"), state: state.filter(fits).map(str::to_owned) })
    }
}

/// The ids and flags in `-TRACE-SPAN-FLAGS`.
fn context_of(ids: &str) -> Option<SpanContext> {
    let mut parts = ids.strip_prefix('-')?.split('-');
    let (trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?);
    let lengths = (trace.len(), span.len(), flags.len()) == (32, 16, 2);
    if !lengths || parts.next().is_some() || ![trace, span, flags].into_iter().all(is_hex) {
        return None;
    }
    let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()?) & TraceFlags::SAMPLED;
    let context = SpanContext::new(trace, span, flags, true, TraceState::NONE);
    context.is_valid().then_some(context)
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

/// A step of the hub on the way of an event, as a trace tells it. It ends when it is dropped.
#[derive(Debug, Default)]
pub struct Span(Option<Recorded>);

impl Span {
    /// An event of `system` is taken in.
    pub fn take_in(system: &str, from: Option<&str>) -> Self {
        Self::begin("take in", SpanKind::Consumer, from, || {
            vec![KeyValue::new("postroom.system", system.to_owned())]
        })
    }

    /// A dispatch, or a batch, is handed to `target`.
    pub fn deliver(target: &str, id: impl fmt::Display, from: Option<&str>) -> Self {
        Self::begin("deliver", SpanKind::Client, from, || {
            let named = |name: &'static str, text: String| KeyValue::new(name, text);
            vec![named("postroom.target", target.to_owned()), named("postroom.dispatch", id.to_string())]
        })
    }

    fn begin(
        name: &'static str,
        kind: SpanKind,
        from: Option<&str>,
        attributes: impl FnOnce() -> Vec<KeyValue>,
    ) -> Self {
        let Some(tracer) = TRACER.get() else { return Self(None) };
        let parent = from.and_then(|parent| context_of(parent.get(2..)?));
        let context =
            parent.map_or_else(Context::new, |parent| Context::new().with_remote_span_context(parent));
        let step = tracer.span_builder(name).with_kind(kind).with_attributes(attributes());
        Self(Some(tracer.build_with_context(step, &context)))
    }

    /// The context that goes on with what this step hands on; `None` where no collector is configured.
    pub fn parent(&self) -> Option<String> {
        let context = self.0.as_ref()?.span_context();
        let (trace, span, flags) = (context.trace_id(), context.span_id(), context.trace_flags().to_u8());
        Some(format!("00-{trace}-{span}-{flags:02x}"))
    }

    /// Adds which event it is: the key under which the ledger knows it, as `postroom trace` takes it.
    pub fn tell_event(&mut self, key: impl fmt::Display) {
        if let Some(span) = &mut self.0 {
            span.set_attribute(KeyValue::new("postroom.event", key.to_string()));
        }
    }

    /// Adds how it went, in one of the hub's own words, and whether that is a failure.
    pub fn tell_outcome(&mut self, outcome: &'static str, failed: Failed) {
        if let Some(span) = &mut self.0 {
            span.set_attribute(KeyValue::new("postroom.outcome", outcome));
            if failed == Failed::Yes {
                span.set_status(Status::error(outcome));
            }
        }
    }
}

/// Whether a step went wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failed {
    /// It did.
    Yes,
    /// It did not.
    No,
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
    const SPAN: &str = "00f067aa0ba902b7";

    #[test]
    fn a_traceparent_is_read_as_w3c_writes_it_and_anything_else_is_no_context() {
        let read = |parent: &str| TraceContext::read(parent, None).map(|context| context.parent);
        let right = format!("00-{TRACE}-{SPAN}-01");
        assert_eq!(read(&right), Some(right.clone()));
        assert_eq!(read(&format!("cc-{TRACE}-{SPAN}-01-more")), Some(right.clone()), "a later version");
        for malformed in [
            "",
            "ö",
            &right[..54],
            &format!("{right}-more"),
            &format!("cc-{TRACE}-{SPAN}-01more"),
            &format!("ff-{TRACE}-{SPAN}-01"),
            &format!("00-{}-{SPAN}-01", TRACE.to_uppercase()),
            &format!("00-{}-{SPAN}-01", "0".repeat(32)),
            &format!("00-{TRACE}-{}-01", "0".repeat(16)),
            &format!("00-{TRACE}-{SPAN}-0x"),
            &format!("00_{TRACE}-{SPAN}-01"),
            &format!("00-{SPAN}-{TRACE}-01"),
        ] {
            assert_eq!(read(malformed), None, "{malformed}");
        }
    }

    #[test]
    fn a_tracestate_is_carried_on_within_its_limit() {
        let parent = format!("00-{TRACE}-{SPAN}-01");
        let state = |state: &str| TraceContext::read(&parent, Some(state)).and_then(|context| context.state);
        assert_eq!(state("vendor=1"), Some("vendor=1".to_owned()));
        assert_eq!((state(""), state("a\nb"), state(&"a".repeat(513))), (None, None, None));
    }

    #[test]
    fn without_a_collector_a_step_has_no_context_of_its_own() {
        assert_eq!(Span::take_in("shop", None).parent(), None);
    }
}
