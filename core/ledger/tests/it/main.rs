//! The ledger on a real file and on a real server: each promise is kept on both.
#![expect(clippy::expect_used, clippy::panic, reason = "helpers of tests")]

/// The promises of a page: each is a test on a file, and one of those that are run on a server.
macro_rules! promises {
    ($($name:ident),+ $(,)?) => {
        pub(crate) fn all() -> Vec<(&'static str, crate::support::Promise)> {
            vec![$((stringify!($name), |place| Box::pin($name(place)))),+]
        }

        mod on_a_file {
            use crate::support::Place;
            $(
                #[tokio::test]
                async fn $name() {
                    super::$name(Place::file()).await;
                }
            )+
        }
    };
}

mod backups;
mod deciding;
mod delivering;
mod erasing;
mod holding;
mod importing;
mod leasing;
mod mentioning;
mod on_a_server;
mod reading;
mod recording;
mod referring;
mod restoring;
mod server;
mod snapshots;
mod support;
mod telling;
mod waiting;
mod work;
