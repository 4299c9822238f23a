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
use tokio::time::sleep;

use crate::commands::removed;
use crate::failure::{Failure, count};
use crate::place::Place;

/// How often it is looked whether a file has changed. A text that is the same at two looks is left alone.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// How long it is waited until a session has begun with a text that was taken over.
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

/// What was seen of the files, and whether it is asked for a look into them.
#[derive(Default)]
struct Looks {
    /// Their stamp.
    last: Option<u64>,
    /// Of the text that was looked into last.
    tried: Option<u64>,
    /// By SIGHUP, until a look has come to an end.
    is_asked: bool,
}

impl Looks {
    /// Whether the files, which look like `now`, are to be looked into: that is asked, or they have changed and are left alone.
    fn is_due(&mut self, now: Option<u64>, reload: Reload) -> bool {
        let is_left_alone = now.is_some() && now == self.last;
        self.last = now;
        self.is_asked || (is_left_alone && now != self.tried && reload == Reload::OnChange)
    }

    /// Notes what a look came to; whether somebody who asked is to hear that nothing has changed.
    fn came_to(&mut self, took: &Result<Took, Refusal>) -> bool {
        if matches!(took, Ok(Took::NothingYet)) {
            return false;
        }
        self.tried = self.last;
        std::mem::take(&mut self.is_asked) && matches!(took, Ok(Took::Nothing))
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
        let mut looks = Looks::default();
        loop {
            tokio::select! {
                Some(()) = self.asked.recv() => looks.is_asked = true,
                () = sleep(LOOK_EVERY) => {}
            }
            if !looks.is_due(self.stamp().await, self.place.council.reload) {
                continue;
            }
            let took = self.take_over().await;
            if looks.came_to(&took) {
                telemetry::configuration_unchanged();
            }
            if let Err(Refusal { problems, first }) = took {
                telemetry::configuration_refused(problems, &first);
            }
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
        // Until the session before has ended, more may come for what is taken away.
        let may_stay = self.refuse_what_waits(&council);
        self.configuration.replace(Arc::clone(&council), BEGINS, may_stay).await?;
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
    // Of a field that is added it is decided here whether it can be changed at work.
    let Council {
        name,
        data,
        prefix,
        broker_url,
        ledger_url,
        health,
        otlp,
        journal,
        journal_age,
        folder: _,
        management_url: _,
        keep: _,
        max_body: _,
        in_place: _,
        reload: _,
        vocabulary: _,
        versions: _,
        systems: _,
        routes: _,
        purposes: _,
    } = new;
    let used_once = [
        ("`name`", old.name == *name),
        ("`data`", old.data == *data),
        ("`prefix` under [broker]", old.prefix == *prefix),
        ("`url` under [broker]", old.broker_url == *broker_url),
        ("`url` under [ledger]", old.ledger_url == *ledger_url),
        ("`listen` under [health]", old.health == *health),
        ("`otlp` under [telemetry]", old.otlp == *otlp),
        ("`journal` under [broker]", old.journal == *journal),
        ("`max_age` under [journal]", old.journal_age == *journal_age),
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
    use postroom_connector::Connectors;

    use super::*;

    #[test]
    fn a_change_is_looked_into_once_it_is_left_alone_and_only_where_the_council_wants_it() {
        let mut looks = Looks { last: Some(1), tried: Some(1), is_asked: false };
        let mut is_due = |now, reload| looks.is_due(now, reload);
        assert!(!is_due(Some(1), Reload::OnChange), "nothing has changed");
        assert!(!is_due(Some(2), Reload::OnChange), "it may go on");
        assert!(!is_due(None, Reload::OnChange), "it goes on");
        assert!(!is_due(Some(3), Reload::OnChange));
        assert!(!is_due(Some(3), Reload::OnSignal));
        assert!(is_due(Some(3), Reload::OnChange));
        assert!(!looks.came_to(&Ok(Took::Nothing)), "nobody asked");
        assert!(!looks.is_due(Some(3), Reload::OnChange), "it was looked into");
    }

    #[test]
    fn a_signal_that_comes_while_the_files_still_move_is_answered_once_they_are_left_alone() {
        let mut looks = Looks { is_asked: true, ..Looks::default() };
        for moving in [Some(1), None, Some(2)] {
            assert!(looks.is_due(moving, Reload::OnSignal));
            assert!(!looks.came_to(&Ok(Took::NothingYet)));
        }
        assert!(looks.is_due(Some(2), Reload::OnSignal));
        assert!(looks.came_to(&Ok(Took::Nothing)), "whoever asked hears that nothing has changed");
        assert!(!looks.is_due(Some(2), Reload::OnSignal), "it was answered");
        for took in [Ok(Took::All), Err(one("it is wrong"))] {
            looks.is_asked = true;
            assert!(looks.is_due(Some(2), Reload::OnSignal));
            assert!(!looks.came_to(&took));
            assert!(!looks.is_due(Some(2), Reload::OnSignal));
        }
    }

    #[test]
    fn what_is_used_when_the_hub_starts_is_told_by_its_name_and_what_can_be_changed_is_not() {
        let folder = tempfile::tempdir().expect("a folder");
        let council = |text: &str| {
            std::fs::write(folder.path().join("council.toml"), text).expect("a council");
            let told = |problems: Vec<Problem>| problems.iter().map(Problem::line).collect::<Vec<_>>();
            Council::load(folder.path(), None, &Connectors::default()).map_err(told).expect("it is right")
        };
        let old = council("name = \"Small\"");
        let check = |text: &str, told: Option<&str>| {
            assert_eq!(needs_a_restart(&old, &council(text)), told, "{text}");
        };
        check("name = \"Grown\"", Some("`name`"));
        for (text, told) in [
            ("data = \"other\"", Some("`data`")),
            ("[broker]\nprefix = \"other.\"", Some("`prefix` under [broker]")),
            ("[broker]\nurl = \"amqp://other\"", Some("`url` under [broker]")),
            ("[broker]\njournal = false", Some("`journal` under [broker]")),
            ("[ledger]\nurl = \"postgres://other/postroom\"", Some("`url` under [ledger]")),
            ("[health]\nlisten = \"off\"", Some("`listen` under [health]")),
            ("[telemetry]\notlp = \"http://127.0.0.1:4318\"", Some("`otlp` under [telemetry]")),
            ("[journal]\nmax_age = \"8d\"", Some("`max_age` under [journal]")),
            ("reload = \"on-signal\"", None),
            ("[broker]\nmanagement_url = \"http://other:15672\"", None),
            ("[limits]\nin_place = \"30s\"\nbody_bytes = 2048", None),
        ] {
            check(&format!("name = \"Small\"\n{text}"), told);
        }
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
