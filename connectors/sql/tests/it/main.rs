//! Source and sink on real databases: each promise is kept on SQLite, PostgreSQL and MariaDB; then what only a server can be asked.
#![expect(clippy::expect_used, clippy::panic, reason = "helpers of tests")]

/// The promises of a page: each is a test on a file, and one of those that are run on servers.
macro_rules! promises {
    ($($name:ident),+ $(,)?) => {
        pub(crate) fn all() -> Vec<(&'static str, crate::place::Promise)> {
            vec![$((stringify!($name), |place| Box::pin($name(place)))),+]
        }

        mod on_a_file {
            use crate::place::Place;
            $(
                #[tokio::test]
                async fn $name() {
                    super::$name(Place::file().await).await;
                }
            )+
        }
    };
}

mod authority;
mod conformance;
mod handing_over;
mod mariadb;
mod on_a_server;
mod outbox;
mod place;
mod postgres;
mod proxy;
mod reading;
mod troubles;
mod values;
mod watermark;
mod whole;
