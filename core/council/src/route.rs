//! Reading one route: the names it joins must exist.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use postroom_connector::parse_duration;
use postroom_transform::{Context, Presence};

use crate::key::Ground;
use crate::lookup::Asking;
use crate::reading::Reading;
use crate::reveals::{self, Asked};
use crate::written::{RouteText, Spanned, Text};
use crate::{Council, Problem, Program, Route, fill, sent, system};

/// Reads the route `name` in `folder`; problems are kept in `reading`.
pub(crate) fn read(name: &str, folder: &Path, council: &Council, reading: &mut Reading<'_>) -> Option<Route> {
    let text = Text::read(&folder.join("route.toml"));
    let text = reading.keep(text)?;
    let written: RouteText = reading.keep(text.parse())?;
    let mapping = Text::read(&folder.join("mapping.vrl"));
    let mapping = reading.keep(mapping);
    check_purpose(&text, written.purpose.as_ref(), council, reading);
    let from = written.from.as_ref();
    let unknown = |at: &Spanned<String>, code: &str, words: String, known: Vec<&str>| {
        let problem = text.problem(at, code, words);
        match nearest(at.as_ref(), known) {
            Some(name) => problem.hint(format!("did you mean `{name}`?")),
            None => problem,
        }
    };
    let event = council.vocabulary.get(from).ok_or_else(|| {
        let known = council.vocabulary.names().collect();
        unknown(&written.from, "unknown-type", format!("event type `{from}` has no schema"), known)
    });
    let event = reading.keep(event);
    let to = written.to.as_ref();
    let target = council.systems.get(to).and_then(|system| system.target.as_ref()).ok_or_else(|| {
        let known = council.targets().map(|(system, _)| system.name.as_str()).collect();
        unknown(&written.to, "unknown-system", format!("target `{to}` is not defined"), known)
    });
    let target = reading.keep(target)?;
    let message = written.message.as_ref();
    let accepts = target.messages.get(message).cloned().ok_or_else(|| {
        let known = target.messages.keys().map(String::as_str).collect();
        let words = format!("`{to}` accepts no message `{message}`");
        unknown(&written.message, "unknown-message", words, known)
    });
    let accepts = reading.keep(accepts);
    let (event, mapping, accepts) = (event?, mapping?, accepts?);
    let purpose = written.purpose.as_ref().and_then(|purpose| council.purposes.get(purpose.as_ref()));
    let asked = Asked { text: &text, written: &written, target, accepts: &accepts, purpose };
    reveals::check(&asked, reading);
    let shape = reading.shared.shape(event);
    let ground = Ground { text: &text, shape: &shape, subject: Presence::Certain };
    let fills = fill::read(&ground, (&written.fill, to), council, reading);
    let keep_sent = sent::keep(&text, written.keep_sent.as_ref(), target);
    let keep_sent = reading.keep(keep_sent).flatten();
    let asking = Asking { ground, target: Some(to), systems: &council.systems };
    let (lookups, answered) = asking.read(&written.lookup, reading);
    let compiled = reading.shared.mapping(from, &mapping.text, &lookups);
    let when = written.when.as_ref();
    Some(Route {
        name: name.into(),
        from: from.clone(),
        to: to.as_str().into(),
        message: message.clone(),
        accepts,
        when: when.map(|when| system::filter(&text, when, shape, Context::Route)),
        mapping: Program::of_file(mapping.file, mapping.text, Arc::new(answered), Context::Route)
            .sharing(compiled),
        lookups,
        fills,
        keep_sent,
        retry: written.retry.map_or_else(|| RETRY.to_vec(), |waits| retry(&text, &waits, reading)),
        after_dead_letter: written.after_dead_letter.unwrap_or_default(),
        purpose: written.purpose.map(Spanned::into_inner),
        folder: folder.to_owned(),
    })
}

/// Waits of a held dispatch, where its route names none: a minute, five, an hour, a day, two days.
pub const RETRY: [Duration; 5] = [
    Duration::from_secs(60),
    Duration::from_secs(5 * 60),
    Duration::from_secs(3_600),
    Duration::from_secs(86_400),
    Duration::from_secs(2 * 86_400),
];
/// Most waits of one route.
const MAX_WAITS: usize = 100;

fn retry(text: &Text, waits: &[Spanned<String>], reading: &mut Reading<'_>) -> Vec<Duration> {
    if waits.len() > MAX_WAITS {
        let words = format!("{} waits, the limit is {MAX_WAITS}", waits.len());
        reading.problems.push(text.problem_at("retry", "retry", words));
    }
    let parsed = |wait: &Spanned<String>| {
        let words = "`retry` lists durations such as `60s`, `5min` or `1d`";
        reading.keep(parse_duration(wait.as_ref()).ok_or_else(|| text.problem(wait, "retry", words)))
    };
    waits.iter().filter_map(parsed).collect()
}

fn check_purpose(
    text: &Text,
    purpose: Option<&Spanned<String>>,
    council: &Council,
    reading: &mut Reading<'_>,
) {
    let Some(purpose) = purpose else { return };
    if !council.purposes.contains_key(purpose.as_ref()) {
        let words = format!("purpose `{}` is not in purposes.toml", purpose.as_ref());
        let problem: Problem = text.problem(purpose, "unknown-purpose", words);
        reading.problems.push(problem);
    }
}

/// The known name that was probably meant: at most a third of its letters differ.
pub fn nearest<'a>(written: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let scored = known.into_iter().map(|name| (strsim::damerau_levenshtein(written, name), name));
    scored.min().filter(|(distance, name)| distance * 3 <= name.len()).map(|(_, name)| name)
}
