//! A folder of a real server: OpenSSH's own, on loopback, in the folder of the test.

mod broken;
mod conformance;
mod fixed_width;
mod odd;
mod proxy;
mod server;
mod sink;
mod source;
mod staying;
mod trust;

use postroom_connector::{Arrival, Batch, ConnectorError, Source};

use crate::room::DEADLINE;

/// Stands in records and messages, and never in an error.
const CANARY: &str = "Canary-7f3a";
const CSV: &str = "files = [{ pattern = '*.csv', format = { kind = 'csv', columns = ['a', 'b'] } }]\n";

/// Settings of a source that looks often and waits for nothing.
fn at_once(sftp: &str, more: &str) -> String {
    format!("{sftp}every = '100ms'\nsettle = '0s'\n{more}\n{CSV}")
}

/// The next error of a source.
async fn error(source: &mut dyn Source) -> ConnectorError {
    let begun = std::time::Instant::now();
    while begun.elapsed() < DEADLINE {
        match source.next().await {
            Ok(Arrival::Idle) => {}
            Ok(_) => panic!("something arrived"),
            Err(error) => return without_canary(error),
        }
    }
    panic!("no error came");
}

/// The next batch of a source, whatever errors come before it.
async fn batch_after_errors(source: &mut dyn Source) -> Box<dyn Batch> {
    let begun = std::time::Instant::now();
    while begun.elapsed() < DEADLINE {
        match source.next().await {
            Ok(Arrival::Batch(batch)) => return batch,
            Ok(Arrival::Refused(refused)) => panic!("{}: {}", refused.label, refused.fault),
            Ok(Arrival::Idle) => {}
            Err(error) => drop(without_canary(error)),
        }
    }
    panic!("no batch came");
}

fn without_canary(error: ConnectorError) -> ConnectorError {
    assert!(!format!("{error} {error:?}").contains(CANARY), "{error}");
    error
}
