//! A council's text that was changed is taken over while the hub works: read and proved first, then whole or not at all.

use std::convert::Infallible;
use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use postroom_council::{Contents, Council, Problem, Reload};
use postroom_ledger::Ledger;
use postroom_router::Configuration;
use postroom_telemetry as telemetry;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};

use crate::commands::removed;
use crate::failure::{Failure, count};
use crate::place::Place;

/// How often it is looked whether a file has changed. A text that is the same at two looks is left alone.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How long it is waited until a session has begun with a text that was taken over. Behind that nothing works, so that nothing
/// goes anywhere either.
const BEGINS: Duration = Duration::from_secs(60);
/// How many changed files are named.
const NAMED: usize = 5;

/// What watches over the text of a hub.
pub(crate) struct Watch {
    place: Arc<Place>,
    contents: Contents,
    configuration: Configuration,
    ledger: Ledger,
    asked: Signal,
}

/// The stamps of the files that were seen.
#[derive(Default)]
struct Looks {
    last: Option<u64>,
    /// Of the text that was looked into last.
    tried: Option<u64>,
}

impl Looks {
    /// Whether the files, which look like `now`, have changed and are left alone, so that they are to be looked into.
    fn is_due(&mut self, now: Option<u64>, reload: Reload) -> bool {
        let is_left_alone = now.is_some() && now == self.last;
        self.last = now;
        is_left_alone && now != self.tried && reload == Reload::OnChange
    }
}

/// What a look at the files came to.
enum Looked {
    Same,
    /// They change while they are read.
    Moving,
    /// They are right, and not what they were.
    Changed(Box<Place>, Contents),
}

/// What became of a look.
enum Took {
    Nothing,
    /// The next look will tell.
    NothingYet,
    All,
}

/// Why a text is not taken over.
struct Refusal {
    problems: usize,
    first: String,
}

impl Watch {
    /// Watches over what `place` was read from, whose files had these `contents` then.
    pub(crate) fn new(
        (place, contents): (Place, Contents),
        configuration: Configuration,
        ledger: Ledger,
    ) -> Result<Self, Failure> {
        let unheard = |error| Failure::Unreachable(format!("listening to signals: {error}"));
        let asked = signal(SignalKind::hangup()).map_err(unheard)?;
        Ok(Self { place: Arc::new(place), contents, configuration, ledger, asked })
    }

    /// Takes over what has changed, for ever.
    pub(crate) async fn keep_watching(mut self) -> Infallible {
        let (mut looks, mut asked) = (Looks::default(), false);
        loop {
            tokio::select! {
                Some(()) = self.asked.recv() => asked = true,
                () = sleep(LOOK_EVERY) => {}
            }
            let is_due = looks.is_due(self.stamp().await, self.place.council.reload);
            if !asked && !is_due {
                continue;
            }
            match self.take_over().await {
                Ok(Took::NothingYet) => continue,
                Ok(Took::Nothing) if asked => telemetry::configuration_unchanged(),
                Ok(Took::Nothing | Took::All) => {}
                Err(Refusal { problems, first }) => telemetry::configuration_refused(problems, &first),
            }
            (looks.tried, asked) = (looks.last, false);
        }
    }

    /// What the files look like; nothing where one is gone in this moment.
    async fn stamp(&self) -> Option<u64> {
        let council = Arc::clone(&self.place.council);
        spawn_blocking(move || council.stamp().ok()).await.ok().flatten()
    }

    /// Refuses `council` where something waits for what is not in it.
    async fn refuse_what_waits(&self, council: &Council) -> Result<(), Refusal> {
        let mut waiting = removed::systems(council, &self.ledger).await.map_err(refused)?;
        waiting.extend(removed::sources(council, &self.ledger).await.map_err(refused)?);
        let problems = waiting.len();
        waiting.into_iter().next().map_or(Ok(()), |first| Err(Refusal { problems, first }))
    }

    async fn take_over(&mut self) -> Result<Took, Refusal> {
        let started = Instant::now();
        let (place, known) = (Arc::clone(&self.place), self.contents.clone());
        let looked = spawn_blocking(move || look(&place, &known)).await;
        let (place, contents) = match looked.map_err(|_| one("checking it ended on a defect"))?? {
            Looked::Same => return Ok(Took::Nothing),
            Looked::Moving => return Ok(Took::NothingYet),
            Looked::Changed(place, contents) => (place, contents),
        };
        let council = Arc::clone(&place.council);
        self.refuse_what_waits(&council).await?;
        let files = differences(&self.contents, &contents, &council.folder);
        let before = self.configuration.now();
        self.configuration.replace(Arc::clone(&council));
        let _no_session = timeout(BEGINS, self.configuration.begun(&council)).await;
        // Until the session before had ended, more may have come for what was taken away.
        if let Err(refusal) = self.refuse_what_waits(&council).await {
            self.configuration.replace(before);
            return Err(refusal);
        }
        let milliseconds = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        let (systems, routes) = (council.systems.len(), council.routes.len());
        telemetry::configuration_applied(files.len(), &first_of(&files), systems, routes, milliseconds);
        (self.place, self.contents) = (place.into(), contents);
        Ok(Took::All)
    }
}

/// Reads and proves what is there now, unless it is what is `known`. Blocking.
fn look(place: &Place, known: &Contents) -> Result<Looked, Refusal> {
    match place.council.contents() {
        Ok(contents) if contents == *known => return Ok(Looked::Same),
        Ok(_) => {}
        Err(_) => return Ok(Looked::Moving),
    }
    let Some((next, problems, contents)) = place.settled_again().map_err(refused)? else {
        return Ok(Looked::Moving);
    };
    if !problems.is_empty() {
        return Err(refused(Failure::Configuration(problems)));
    }
    if let Some(what) = needs_a_restart(&place.council, &next.council) {
        return Err(one(format!("{what} was changed, which takes a restart")));
    }
    next.prove_once(&contents).map_err(refused)?;
    next.council.compile();
    Ok(Looked::Changed(Box::new(next), contents))
}

/// What of a council's text is used once, when the hub starts, and was changed.
fn needs_a_restart(old: &Council, new: &Council) -> Option<&'static str> {
    let used_once = [
        ("`name`", old.name == new.name),
        ("`data`", old.data == new.data),
        ("`prefix` under [broker]", old.prefix == new.prefix),
        ("`url` under [broker]", old.broker_url == new.broker_url),
        ("`url` under [ledger]", old.ledger_url == new.ledger_url),
        ("`listen` under [health]", old.health == new.health),
        ("`otlp` under [telemetry]", old.otlp == new.otlp),
        ("`journal` under [broker]", old.journal == new.journal),
        ("`max_age` under [journal]", old.journal_age == new.journal_age),
    ];
    used_once.into_iter().find(|(_, is_same)| !is_same).map(|(what, _)| what)
}

fn one(words: impl Display) -> Refusal {
    Refusal { problems: 1, first: words.to_string() }
}

fn refused(failure: Failure) -> Refusal {
    match failure {
        Failure::Configuration(found) => {
            let first = found.first().map(Problem::line).unwrap_or_default();
            Refusal { problems: found.len(), first }
        }
        other => one(other),
    }
}

/// The files that were added, changed or removed, each by its path below `folder` where it lies there.
fn differences(old: &Contents, new: &Contents, folder: &Path) -> Vec<String> {
    let (old, new) = (&old.0, &new.0);
    let changed = new.iter().filter(|(file, content)| old.get(*file) != Some(content)).map(|(file, _)| file);
    let removed = old.keys().filter(|file| !new.contains_key(*file));
    let shown = |file: &PathBuf| file.strip_prefix(folder).unwrap_or(file).display().to_string();
    changed.chain(removed).map(shown).collect()
}

fn first_of(files: &[String]) -> String {
    let named = files.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = files.len().saturating_sub(NAMED);
    if more == 0 { named } else { format!("{named} and {} more", count(more, "file")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_looked_into_once_it_is_left_alone_and_only_where_the_council_wants_it() {
        let mut looks = Looks { last: Some(1), tried: Some(1) };
        let mut is_due = |now, reload| looks.is_due(now, reload);
        assert!(!is_due(Some(1), Reload::OnChange), "nothing has changed");
        assert!(!is_due(Some(2), Reload::OnChange), "it may go on");
        assert!(!is_due(None, Reload::OnChange), "it goes on");
        assert!(!is_due(Some(3), Reload::OnChange));
        assert!(!is_due(Some(3), Reload::OnSignal));
        assert!(is_due(Some(3), Reload::OnChange));
        looks.tried = Some(3);
        assert!(!looks.is_due(Some(3), Reload::OnChange), "it was looked into");
    }

    #[test]
    fn what_was_added_changed_or_removed_is_named_and_nothing_else() {
        let contents = |files: &[(&str, u8)]| -> Contents {
            let of = |(file, content): &(&str, u8)| (Path::new("/c").join(file), [*content; 32]);
            Contents(files.iter().map(of).collect())
        };
        let old = contents(&[("same", 1), ("changed", 1), ("removed", 1)]);
        let new = contents(&[("same", 1), ("changed", 2), ("added", 1)]);
        assert_eq!(differences(&old, &new, Path::new("/c")), ["added", "changed", "removed"]);
        let many: Vec<String> = (1..=7).map(|number| number.to_string()).collect();
        assert_eq!(first_of(&many), "1, 2, 3, 4, 5 and 2 files more");
        assert_eq!(first_of(&many[..2]), "1, 2");
    }
}
