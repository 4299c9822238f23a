//! Where this hub works: its council, its ledger, its broker.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use postroom_broker::{Amqp, Broker, Names, Options};
use postroom_connector::Connectors;
use postroom_council::{Contents, Council, Problem, Unproved, Verdicts, in_order};
use postroom_ledger::{Ledger, LedgerUrl, Place as LedgerPlace};
use postroom_router::{Certificates, Configuration, Own, want_told};

use crate::cli::Cli;
use crate::failure::Failure;
use crate::management::Policies;
use crate::own::own;
use crate::progress::Progress;
use crate::registry;

/// The version that verdicts and logs name.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");
/// The ledger's file below the data folder.
const LEDGER_FILE: &str = "ledger.db";
/// The environment's name for the broker's URL; it wins over council.toml.
const AMQP_URL: &str = "AMQP_URL";
/// The environment's name for the URL of the broker's management API; it wins over council.toml.
const MANAGEMENT_URL: &str = "POSTROOM_MANAGEMENT_URL";
/// The environment's name for the URL of a ledger on a server; it wins over council.toml.
const LEDGER_URL: &str = "POSTROOM_LEDGER_URL";

/// What a check found.
pub(crate) struct Checked {
    pub(crate) problems: Vec<Problem>,
    pub(crate) unproved: Vec<Unproved>,
    /// How many golden cases there are.
    pub(crate) cases: usize,
    /// Whether its files were the same all the time, so that the verdict may be kept.
    pub(crate) is_settled: bool,
}

/// How often a text is read anew that changes while it is read.
const READINGS: usize = 5;

/// A council that was read, with the connectors that it was read with.
pub(crate) struct Place {
    pub(crate) council: Arc<Council>,
    pub(crate) connectors: Arc<Connectors>,
    given: Given,
}

/// Where a council is read, and what the command line says instead of its text.
#[derive(Clone)]
struct Given {
    folder: PathBuf,
    data: Option<PathBuf>,
    prefix: Option<String>,
}

impl Place {
    /// Reads the council's text; nothing is left wrong in it.
    pub(crate) fn load(cli: &Cli) -> Result<Self, Failure> {
        let (place, problems) = Self::read(cli)?;
        if problems.is_empty() { Ok(place) } else { Err(Failure::Configuration(problems)) }
    }

    /// Reads what can be read of the council's text, and the problems of the rest.
    pub(crate) fn read(cli: &Cli) -> Result<(Self, Vec<Problem>), Failure> {
        let (folder, data, prefix) = (cli.council.clone(), cli.data.clone(), cli.prefix.clone());
        Self::of(Given { folder, data, prefix }, Arc::new(registry::connectors()))
    }

    /// The same, read once more.
    fn again(&self) -> Result<(Self, Vec<Problem>), Failure> {
        Self::of(self.given.clone(), Arc::clone(&self.connectors))
    }

    /// Reads the text while nobody writes it, with the problems of it and its files.
    pub(crate) fn settled(cli: &Cli) -> Result<(Self, Vec<Problem>, Contents), Failure> {
        let (first, _) = Self::read(cli)?;
        first.settled_again()?.ok_or_else(|| {
            Failure::Wrong("the council's text changes while it is read: again, once it is whole".to_owned())
        })
    }

    /// The same, read once more; nothing where it keeps changing.
    pub(crate) fn settled_again(&self) -> Result<Option<(Self, Vec<Problem>, Contents)>, Failure> {
        let (mut last, _) = self.again()?;
        for _ in 0..READINGS {
            // Which folders there are stands in the text itself. A file that cannot be read is a problem of the text.
            let before = last.council.contents().unwrap_or_default();
            let (place, problems) = self.again()?;
            if place.council.contents().unwrap_or_default() == before {
                return Ok(Some((place, problems, before)));
            }
            last = place;
        }
        Ok(None)
    }

    fn of(given: Given, connectors: Arc<Connectors>) -> Result<(Self, Vec<Problem>), Failure> {
        let (mut council, problems) = Council::read(&given.folder, given.data.as_deref(), &connectors)
            .map_err(Failure::Configuration)?;
        if let Some(prefix) = &given.prefix {
            council.set_prefix(prefix).map_err(Failure::Wrong)?;
        }
        Ok((Self { council: Arc::new(council), connectors, given }, problems))
    }

    /// Proves what was read from these files, unless this very text was proved before.
    pub(crate) fn prove_once(&self, contents: &Contents) -> Result<(), Failure> {
        let fingerprint = contents.fingerprint(VERSION);
        if self.council.is_proved(&fingerprint) {
            return Ok(());
        }
        let Checked { problems, is_settled, .. } = self.prove(contents);
        if !problems.is_empty() {
            return Err(Failure::Configuration(problems));
        }
        if !is_settled {
            return Ok(());
        }
        self.council.note_proved(&fingerprint).map_err(|error| {
            Failure::Unreachable(format!("writing the data folder {}: {error}", self.council.data.display()))
        })
    }

    /// Proves what was read from these files, but for what is known from before.
    pub(crate) fn prove(&self, contents: &Contents) -> Checked {
        let verdicts = Verdicts::read(&self.council.data, VERSION);
        let begun = Instant::now();
        let progress = Progress::new(|| begun.elapsed(), |all| crate::output::progress(all, "checking"));
        let proof = self.council.prove(&verdicts, &|done, all| progress.tell(done, all));
        drop(progress);
        let (wrong, cases) = postroom_router::prove_cases(&self.council, &verdicts);
        let is_settled = self.council.contents().is_ok_and(|now| now == *contents);
        if is_settled {
            // What cannot be kept is proved again.
            let _not_kept = verdicts.write(&self.council.data);
        }
        let versions = self.council.prove_versions();
        let problems = in_order([proof.problems, versions, wrong].concat());
        Checked { problems, unproved: proof.unproved, cases, is_settled }
    }

    /// The ledger: on its server, or in its file, made where it is missing.
    pub(crate) async fn ledger(&self) -> Result<Ledger, Failure> {
        if let Some(url) = self.ledger_url() {
            let ledger = Ledger::open_at(&LedgerPlace::Url(url)).await?;
            want_told(&self.council, &ledger);
            return Ok(ledger);
        }
        let folder = &self.council.data;
        std::fs::create_dir_all(folder).map_err(|error| {
            Failure::Unreachable(format!("making the folder {}: {error}", folder.display()))
        })?;
        let ledger = Ledger::open(&self.ledger_file()).await?;
        want_told(&self.council, &ledger);
        Ok(ledger)
    }

    /// The ledger, unless nothing was ever kept in one here.
    pub(crate) async fn known_ledger(&self) -> Result<Option<Ledger>, Failure> {
        if self.ledger_url().is_some() || self.ledger_file().exists() {
            self.ledger().await.map(Some)
        } else {
            Ok(None)
        }
    }

    /// The URL of the ledger, where it is on a server.
    fn ledger_url(&self) -> Option<LedgerUrl> {
        std::env::var(LEDGER_URL).ok().or_else(|| self.council.ledger_url.clone()).map(LedgerUrl::new)
    }

    /// The certificates in use: those of the systems, and the hub's own.
    pub(crate) fn certificates(&self) -> Certificates {
        let configuration = Configuration::new(Arc::clone(&self.council));
        Certificates::new(configuration, Arc::clone(&self.connectors), self.own())
    }

    /// What the hub itself needs.
    pub(crate) fn own(&self) -> Own {
        own(self.broker_url().ok().as_deref(), self.ledger_url().as_ref())
    }

    /// The ledger's file, where it is one.
    pub(crate) fn ledger_file(&self) -> PathBuf {
        self.council.data.join(LEDGER_FILE)
    }

    /// The broker's URL.
    pub(crate) fn broker_url(&self) -> Result<String, Failure> {
        let written = std::env::var(AMQP_URL).ok().or_else(|| self.council.broker_url.clone());
        written.ok_or_else(|| {
            Failure::Unreachable(format!(
                "no broker: set {AMQP_URL}, or `url` under [broker] in council.toml"
            ))
        })
    }

    /// What policies on the broker make of the hub's queues.
    pub(crate) async fn policies(&self) -> Policies {
        let named = std::env::var(MANAGEMENT_URL).ok().or_else(|| self.council.management_url.clone());
        let broker = self.broker_url().unwrap_or_default();
        Policies::look(named.as_deref(), &broker, &self.council.prefix).await
    }

    /// A session with the broker.
    pub(crate) async fn broker(&self) -> Result<Arc<dyn Broker>, Failure> {
        Ok(Arc::new(Amqp::connect(&self.broker_url()?, options(&self.council.prefix)).await?))
    }
}

/// How this hub connects.
pub(crate) fn options(prefix: &str) -> Options {
    Options { names: Names::new(prefix), connection_name: "postroom".to_owned() }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use postroom_connector::{Settings, SettingsError, Sink, SinkKind};

    use super::*;

    /// Writes a text whose two parts belong together: the one is read before the system `a`, the other behind it.
    fn write(folder: &Path, number: usize) {
        let title = format!("title = \"{number}\"\n");
        std::fs::write(folder.join("council.toml"), format!("name = \"{number}\"\n")).expect("a council");
        std::fs::write(folder.join("systems/b/system.toml"), title).expect("a system");
    }

    /// A kind that saves another text whenever it is read in the middle of one, as often as it is told to.
    struct Saving {
        folder: PathBuf,
        most: usize,
        saved: AtomicUsize,
    }

    impl SinkKind for Saving {
        fn name(&self) -> &'static str {
            "saving"
        }

        fn check(&self, _settings: &Settings) -> Result<(), SettingsError> {
            let number = self.saved.fetch_add(1, Ordering::Relaxed) + 1;
            if number <= self.most {
                write(&self.folder, number);
            }
            Ok(())
        }

        fn build(&self, _settings: &Settings) -> Result<Box<dyn Sink>, SettingsError> {
            Err(SettingsError::new("key", "nothing is delivered here"))
        }
    }

    /// A council's text that is saved so often while it is read.
    fn place(folder: &Path, saved: usize) -> Place {
        for system in ["a", "b"] {
            std::fs::create_dir_all(folder.join("systems").join(system)).expect("a folder");
        }
        let system = "title = \"A\"\n[target]\nconnector = \"saving\"\n";
        std::fs::write(folder.join("systems/a/system.toml"), system).expect("a system");
        write(folder, 0);
        let saving = Saving { folder: folder.to_owned(), most: saved, saved: AtomicUsize::new(0) };
        let connectors = Arc::new(Connectors::default().with_sink(saving));
        let given = Given { folder: folder.to_owned(), data: None, prefix: None };
        let (place, problems) = Place::of(given, connectors).unwrap_or_else(|_| panic!("it can be read"));
        assert!(problems.is_empty(), "{}", problems.iter().map(Problem::line).collect::<String>());
        place
    }

    #[test]
    fn of_a_text_that_is_saved_while_it_is_read_no_mixture_is_taken() {
        for saved in [0, 1, 2, READINGS] {
            let folder = tempfile::tempdir().expect("a folder");
            let read = place(folder.path(), saved).settled_again();
            let Ok(Some((place, problems, contents))) = read else { panic!("it was left alone: {saved}") };
            assert!(problems.is_empty());
            let parts = (place.council.name.clone(), place.council.systems["b"].title.clone());
            assert_eq!(parts, (saved.to_string(), saved.to_string()));
            assert_eq!(contents, place.council.contents().expect("it can be read"));
        }
        let folder = tempfile::tempdir().expect("a folder");
        let read = place(folder.path(), usize::MAX).settled_again();
        assert!(matches!(read, Ok(None)), "a text that never rests is none");
    }

    #[test]
    fn of_a_text_that_is_saved_while_it_is_proved_no_verdict_is_kept() {
        let folder = tempfile::tempdir().expect("a folder");
        let place = place(folder.path(), 0);
        let contents = place.council.contents().expect("it can be read");
        let is_kept = || place.council.is_proved(&contents.fingerprint(VERSION));
        write(folder.path(), 1);
        assert!(place.prove_once(&contents).is_ok());
        assert!(!is_kept() && !place.council.data.exists(), "what was proved is not what is there");
        write(folder.path(), 0);
        assert!(place.prove_once(&contents).is_ok());
        assert!(is_kept());
    }
}
