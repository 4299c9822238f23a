//! Connectors whose settings are right and that cannot be made yet, e.g. because a secret is not where the settings say. The
//! others go on meanwhile; each use tries again, so that nothing has to be started anew.

use std::sync::Arc;

use async_trait::async_trait;
use postroom_connector::{
    Arrival, ConnectorError, Connectors, Failure, Handover, Receipt, Settings, SettingsError, Sink, Source,
};
use tokio::sync::OnceCell;

/// What makes a connector of one kind.
#[derive(Clone)]
pub(crate) struct Maker {
    connectors: Arc<Connectors>,
    /// The name of its kind.
    kind: String,
    settings: Settings,
}

impl Maker {
    pub(crate) fn new(connectors: &Arc<Connectors>, kind: &str, settings: &Settings) -> Self {
        Self { connectors: Arc::clone(connectors), kind: kind.to_owned(), settings: settings.clone() }
    }

    fn source(&self) -> Result<Box<dyn Source>, ConnectorError> {
        let kind = self.connectors.source(&self.kind).ok_or_else(unknown)?;
        kind.build(&self.settings).map_err(unmade)
    }

    fn sink(&self) -> Result<Box<dyn Sink>, ConnectorError> {
        let kind = self.connectors.sink(&self.kind).ok_or_else(unknown)?;
        kind.build(&self.settings).map_err(unmade)
    }
}

fn unknown() -> ConnectorError {
    ConnectorError::new(Failure::Down, "no connector of that kind is built in", "")
}

/// Nothing that is delivered is to blame.
fn unmade(error: SettingsError) -> ConnectorError {
    ConnectorError::new(Failure::Down, "it cannot be connected", error)
}

/// A source that is made when it is first asked, and then takes up where its cursor says.
pub(crate) struct LateSource {
    maker: Maker,
    made: Option<Box<dyn Source>>,
    cursor: Option<String>,
}

impl LateSource {
    pub(crate) fn new(maker: Maker) -> Self {
        Self { maker, made: None, cursor: None }
    }

    /// Where it takes up once it is made.
    pub(crate) fn go_on_from(&mut self, cursor: Option<String>) {
        self.cursor = cursor;
    }

    /// Waits for the next batch.
    ///
    /// # Errors
    /// When the system cannot be read, or the source cannot be made yet; or the cursor is none of its own: nothing is read
    /// from another place then, and the next call tries again.
    pub(crate) async fn next(&mut self) -> Result<Arrival, ConnectorError> {
        let source = match &mut self.made {
            Some(source) => source,
            none => {
                let mut source = self.maker.source()?;
                if let Some(cursor) = &self.cursor {
                    source.resume(cursor)?;
                }
                none.insert(source)
            }
        };
        source.next().await
    }
}

/// A sink that is made when the first message is for it, where it could not be made before.
pub(crate) struct LateSink {
    maker: Maker,
    made: OnceCell<Box<dyn Sink>>,
}

impl LateSink {
    pub(crate) fn new(maker: Maker) -> Self {
        let made = maker.sink().map_or_else(|_| OnceCell::new(), OnceCell::from);
        Self { maker, made }
    }

    async fn sink(&self) -> Result<&dyn Sink, ConnectorError> {
        self.made.get_or_try_init(async || self.maker.sink()).await.map(AsRef::as_ref)
    }
}

#[async_trait]
impl Sink for LateSink {
    async fn deliver(&self, handover: &Handover) -> Result<Receipt, ConnectorError> {
        self.sink().await?.deliver(handover).await
    }

    async fn look_up(&self, handover: &Handover) -> Result<Option<Receipt>, ConnectorError> {
        self.sink().await?.look_up(handover).await
    }

    fn concurrency(&self) -> Option<usize> {
        self.made.get().and_then(|sink| sink.concurrency())
    }
}

#[cfg(test)]
mod tests {
    use std::path::{Path, PathBuf};
    use std::sync::Mutex;

    use postroom_connector::SourceKind;

    use super::*;

    /// A kind whose sources take up at one cursor only, and what was done to them.
    #[derive(Clone, Default)]
    struct Pages {
        good: Arc<Mutex<String>>,
        done: Arc<Mutex<Vec<String>>>,
    }

    impl SourceKind for Pages {
        fn name(&self) -> &'static str {
            "pages"
        }

        fn check(&self, _: &Settings) -> Result<(), SettingsError> {
            Ok(())
        }

        fn fields(&self, _: &Settings) -> Option<Vec<String>> {
            None
        }

        fn build(&self, _: &Settings) -> Result<Box<dyn Source>, SettingsError> {
            Ok(Box::new(self.clone()))
        }

        fn open(&self, _: &Settings, _: &Path) -> Result<Arrival, ConnectorError> {
            Ok(Arrival::Idle)
        }
    }

    #[async_trait]
    impl Source for Pages {
        fn resume(&mut self, cursor: &str) -> Result<(), ConnectorError> {
            if cursor != *self.good.lock().expect("the cursor") {
                return Err(ConnectorError::new(Failure::Permanent, "no cursor of its own", ""));
            }
            self.done.lock().expect("a list").push(format!("resumed at {cursor}"));
            Ok(())
        }

        async fn next(&mut self) -> Result<Arrival, ConnectorError> {
            self.done.lock().expect("a list").push("read".to_owned());
            Ok(Arrival::Idle)
        }
    }

    fn late(pages: &Pages) -> LateSource {
        let connectors = Arc::new(Connectors::default().with_source(pages.clone()));
        let settings = Settings { table: Default::default(), data: PathBuf::new(), system: String::new() };
        LateSource::new(Maker::new(&connectors, "pages", &settings))
    }

    #[tokio::test]
    async fn a_cursor_that_is_refused_is_tried_again_and_nothing_is_read_before_it_is_taken() {
        let pages = Pages::default();
        let mut source = late(&pages);
        source.go_on_from(Some("page 7".to_owned()));
        for _ in 0..2 {
            let error = source.next().await.map(drop).expect_err("an error");
            assert_eq!((error.failure, error.words.as_str()), (Failure::Permanent, "no cursor of its own"));
        }
        assert!(pages.done.lock().expect("a list").is_empty());
        *pages.good.lock().expect("the cursor") = "page 7".to_owned();
        for _ in 0..2 {
            source.next().await.expect("nothing yet");
        }
        assert_eq!(*pages.done.lock().expect("a list"), ["resumed at page 7", "read", "read"]);
    }

    #[tokio::test]
    async fn a_source_that_never_had_a_cursor_is_not_resumed() {
        let pages = Pages::default();
        let mut source = late(&pages);
        source.go_on_from(None);
        source.next().await.expect("nothing yet");
        assert_eq!(*pages.done.lock().expect("a list"), ["read"]);
    }
}
