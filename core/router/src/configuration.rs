//! The council's text that is at work. Another may take its place at any time: whoever works with the one ends what it has in
//! hand, and goes on with the other. It checks nothing itself; who replaces a text has proved it.

use std::sync::Arc;
use std::time::Duration;

use postroom_council::Council;
use tokio::sync::watch;
use tokio::time::timeout;

/// What a hub works with; shared by all that do.
#[derive(Clone)]
pub struct Configuration(Arc<Texts>);

struct Texts {
    /// What is to be worked with.
    now: watch::Sender<Text>,
    /// What the last session began with, when nothing of an older one was in hand any more.
    begun: watch::Sender<Option<Arc<Council>>>,
}

struct Text {
    council: Arc<Council>,
    standing: Standing,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// It may be taken back yet: nothing is done with it.
    OnTrial,
    AtWork,
}

impl Configuration {
    /// Begins with `council`.
    pub fn new(council: Arc<Council>) -> Self {
        let text = Text { council, standing: Standing::AtWork };
        Self(Arc::new(Texts { now: watch::Sender::new(text), begun: watch::Sender::new(None) }))
    }

    /// What is at work now.
    pub fn now(&self) -> Arc<Council> {
        Arc::clone(&self.0.now.borrow().council)
    }

    /// Puts `council` in the place of what is at work. Once nothing of the old text is in hand any more, and before anything is
    /// done with the new one, `may_stay` is asked: where it says no the old text is put back. It is not waited longer than
    /// `most` for that: behind it nothing works, so that nothing goes anywhere either. Broker, prefix, ledger and data folder have
    /// to be the same.
    ///
    /// # Errors
    /// Why it may not stay.
    pub async fn replace<E>(
        &self,
        council: Arc<Council>,
        most: Duration,
        may_stay: impl Future<Output = Result<(), E>>,
    ) -> Result<(), E> {
        let before = self.now();
        self.put(Arc::clone(&council), Standing::OnTrial);
        let _no_session = timeout(most, self.begun(&council)).await;
        let answer = may_stay.await;
        self.put(if answer.is_ok() { council } else { before }, Standing::AtWork);
        answer
    }

    fn put(&self, council: Arc<Council>, standing: Standing) {
        self.0.now.send_replace(Text { council, standing });
    }

    /// Waits until a session has begun with `council`.
    async fn begun(&self, council: &Arc<Council>) {
        let is_it = |begun: &Option<Arc<Council>>| begun.as_ref().is_some_and(|it| Arc::ptr_eq(it, council));
        // The sender is here as long as this waits.
        let mut sees = self.0.begun.subscribe();
        let _gone = sees.wait_for(is_it).await;
    }

    /// Says that a session begins with `council`, and that nothing of an older one is in hand.
    pub(crate) fn begins(&self, council: &Arc<Council>) {
        self.0.begun.send_replace(Some(Arc::clone(council)));
    }

    /// Waits until work may begin with `council`; for ever where another text takes its place before.
    pub(crate) async fn at_work(&self, council: &Arc<Council>) {
        let is_at_work = |now: &Text| Arc::ptr_eq(&now.council, council) && now.standing == Standing::AtWork;
        let mut sees = self.0.now.subscribe();
        let _gone = sees.wait_for(is_at_work).await;
    }

    /// Waits until `council` is not at work any more.
    pub(crate) async fn replaced(&self, council: &Arc<Council>) {
        let mut sees = self.0.now.subscribe();
        let _gone = sees.wait_for(|now| !Arc::ptr_eq(&now.council, council)).await;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use postroom_connector::Connectors;

    use super::*;

    const LONG: Duration = Duration::from_secs(3_600);

    fn council() -> Arc<Council> {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("council.toml"), "name = \"Small\"\n").expect("a council");
        let council = Council::load(folder.path(), None, &Connectors::default());
        Arc::new(council.unwrap_or_else(|_| unreachable!("a council that is right")))
    }

    /// Whether a session may begin to work with `council` now.
    async fn may_work(configuration: &Configuration, council: &Arc<Council>) -> bool {
        timeout(Duration::ZERO, configuration.at_work(council)).await.is_ok()
    }

    /// A text is put in the place of another, and what waits then is asked for: `answer`. How it stands is told.
    async fn replaced(answer: Result<(), &'static str>) -> (Configuration, [Arc<Council>; 2]) {
        let (old, new) = (council(), council());
        let configuration = Configuration::new(Arc::clone(&old));
        configuration.begins(&old);
        let asked = AtomicBool::new(false);
        let may_stay = async {
            asked.store(true, Ordering::Relaxed);
            assert!(!may_work(&configuration, &new).await, "nothing is done with it yet");
            answer
        };
        let replacing = configuration.replace(Arc::clone(&new), LONG, may_stay);
        let session = async {
            configuration.replaced(&old).await;
            assert!(Arc::ptr_eq(&configuration.now(), &new));
            assert!(!asked.load(Ordering::Relaxed), "what the old session has in hand may still come");
            configuration.begins(&new);
        };
        assert_eq!(tokio::join!(replacing, session).0, answer);
        assert!(asked.load(Ordering::Relaxed));
        (configuration, [old, new])
    }

    #[tokio::test]
    async fn a_text_that_takes_away_what_came_for_meanwhile_is_taken_back_before_anything_is_done_with_it() {
        let (configuration, [old, new]) = replaced(Err("something waits for it")).await;
        configuration.replaced(&new).await;
        configuration.at_work(&old).await;
        assert!(!may_work(&configuration, &new).await);
    }

    #[tokio::test]
    async fn a_text_that_may_stay_is_at_work_once_the_old_one_has_ended() {
        let (configuration, [old, new]) = replaced(Ok(())).await;
        configuration.replaced(&old).await;
        configuration.at_work(&new).await;
    }
}
