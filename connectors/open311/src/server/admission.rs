//! Whom the server lets report something now, by the keys as they are: they can be changed, and withdrawn, while the hub runs.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use postroom_connector::{ConnectorError, Failure, Settings, SettingsError};
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};

use super::form::Parameters;
use super::keys::{Keys, KeysFrom};
use super::refusal::Refusal;

/// Time between two looks at the keys.
const LOOK: Duration = Duration::from_secs(5);

/// Whom the server lets report something; all clones are the same.
#[derive(Clone)]
pub(super) struct Admissions {
    /// `None`: anybody may report.
    keys: Option<KeysFrom>,
    /// As the council wrote them: where the keys are read again.
    written: Settings,
    now: Arc<Mutex<Admission>>,
}

enum Admission {
    Anyone,
    With(Keys),
    /// The keys cannot be read: one may have been withdrawn.
    Nobody(ConnectorError),
}

impl Admissions {
    /// Reads the keys; blocking.
    pub(super) fn new(keys: Option<KeysFrom>, written: Settings) -> Result<Self, SettingsError> {
        let now = match &keys {
            None => Admission::Anyone,
            Some(from) => from.keys(&written).map(Admission::With)?,
        };
        Ok(Self { keys, written, now: Arc::new(Mutex::new(now)) })
    }

    /// Whether a report may be made with these parameters.
    pub(super) fn admit(&self, parameters: &Parameters) -> Result<(), Refusal> {
        match &*self.lock() {
            Admission::Anyone => Ok(()),
            Admission::Nobody(_) => Err(Refusal::Later),
            Admission::With(keys) => {
                let admitted = parameters.get("api_key").is_some_and(|key| keys.admit(key));
                if admitted { Ok(()) } else { Err(Refusal::Key) }
            }
        }
    }

    /// Why nobody may report anything now; nothing where somebody may.
    pub(super) fn fault(&self) -> Option<ConnectorError> {
        match &*self.lock() {
            Admission::Nobody(error) => Some(error.clone()),
            Admission::Anyone | Admission::With(_) => None,
        }
    }

    /// Takes up keys that were changed, for ever, whether anybody takes reports or not.
    pub(super) async fn keep_looking(&self) -> Infallible {
        let Some(keys) = &self.keys else { return std::future::pending().await };
        let mut looks = interval(LOOK);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            looks.tick().await;
            let (keys, written) = (keys.clone(), self.written.clone());
            let read = spawn_blocking(move || keys.keys(&written)).await;
            let read = read.map_or_else(
                |_| Err("reading them was interrupted".to_owned()),
                |read| read.map_err(|error| error.to_string()),
            );
            let nobody = |why| ConnectorError::new(Failure::Down, "nobody may report anything", why);
            *self.lock() = read.map_or_else(|why| Admission::Nobody(nobody(why)), Admission::With);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Admission> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
