//! What a route keeps of what it sends, and what another asks of it by the id of the dispatch. It knows nothing of where that
//! is kept.

use std::collections::BTreeMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;
use std::time::Duration;

use postroom_connector::{QUEUE, parse_duration};
use postroom_schema::Validator;

use crate::lookup::known;
use crate::reading::Reading;
use crate::written::{RouteText, Spanned, Text};
use crate::{Asks, Council, Problem, Route, System, Target, nearest};

/// The shortest time for which anything is kept.
const LEAST: Duration = Duration::from_secs(1);

/// A message of a system, as it was sent.
#[derive(Debug, Clone)]
pub struct SentAs {
    /// The system.
    pub system: String,
    /// Which of its messages.
    pub message: String,
    /// What the message may hold.
    pub accepts: Arc<Validator>,
}

/// Within one council its names tell a message.
impl PartialEq for SentAs {
    fn eq(&self, other: &Self) -> bool {
        (&self.system, &self.message) == (&other.system, &other.message)
    }
}

impl Eq for SentAs {}

impl Hash for SentAs {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (&self.system, &self.message).hash(state);
    }
}

/// The message that a lookup of a route to `target` asks for.
pub(crate) fn asked(
    text: &Text,
    (message, system): (&Spanned<String>, Option<&Spanned<String>>),
    (target, systems): (&str, &BTreeMap<String, System>),
) -> Result<SentAs, Problem> {
    let system = match system {
        None => target.to_owned(),
        Some(system) => known(text, system, systems)?,
    };
    let name = message.as_ref();
    let messages = systems.get(&system).and_then(|system| system.target.as_ref()).map(|side| &side.messages);
    if let Some(accepts) = messages.and_then(|messages| messages.get(name)) {
        return Ok(SentAs { system, message: name.clone(), accepts: Arc::clone(accepts) });
    }
    let problem = text.problem(message, "unknown-message", format!("`{system}` accepts no message `{name}`"));
    let known = messages.into_iter().flat_map(BTreeMap::keys).map(String::as_str);
    Err(match nearest(name, known) {
        Some(near) => problem.hint(format!("did you mean `{near}`?")),
        None => problem,
    })
}

/// `keep_sent` of a route to `target`.
pub(crate) fn keep(
    text: &Text,
    written: Option<&Spanned<String>>,
    target: &Target,
) -> Result<Option<Duration>, Problem> {
    let Some(written) = written else { return Ok(None) };
    if target.connector == QUEUE || target.batching.is_some() {
        let words = "what is sent is kept where each message has a receipt: not in batches, nor for a queue of its own";
        return Err(text.problem(written, "sent", words));
    }
    let age = parse_duration(written.as_ref()).filter(|age| *age >= LEAST);
    age.map(Some).ok_or_else(|| text.problem(written, "sent", "`keep_sent` is a duration such as `7d`"))
}

/// Problems of all routes together: what is asked for is kept, and nothing longer than the ledger keeps its dispatch.
pub(crate) fn check(council: &Council, reading: &mut Reading<'_>) {
    let asks = |route: &&Route| route.lookups.iter().any(|lookup| matches!(lookup.asks, Asks::Sent(_)));
    for route in council.routes.iter().filter(|route| route.keep_sent.is_some() || asks(route)) {
        let text = Text::read(&route.folder.join("route.toml"));
        let written = text.and_then(|text| Ok((text.parse::<RouteText>()?, text)));
        let Some((written, text)) = reading.keep(written) else { continue };
        if let Some(age) = written.keep_sent.filter(|_| route.keep_sent > Some(council.keep)) {
            let words = "nothing is kept longer than its dispatch: `keep` under `[ledger]` in council.toml";
            reading.problems.push(text.problem(&age, "sent", words));
        }
        for lookup in &route.lookups {
            let Asks::Sent(sent) = &lookup.asks else { continue };
            let at = written.lookup.iter().find(|one| *one.name.as_ref() == lookup.name);
            if let Some(at) = at.and_then(|one| one.sent.as_ref()).filter(|_| !council.is_kept(sent)) {
                let SentAs { system, message, .. } = sent;
                let words = format!("no route keeps what it sends to `{system}` as `{message}`");
                let hint = "say `keep_sent = \"7d\"` in the routes that send it";
                reading.problems.push(text.problem(at, "sent", words).hint(hint));
            }
        }
    }
}

impl Council {
    fn is_kept(&self, sent: &SentAs) -> bool {
        let sends = |route: &Route| *route.to == *sent.system && route.message == sent.message;
        self.routes.iter().any(|route| sends(route) && route.keep_sent.is_some())
    }
}
