//! `http-target PORT ORACLE SUBJECT`: the HTTP target of the fault tests, until its standard input ends.

use std::io::{self, ErrorKind};

use postroom_tests::http_target::server;

#[tokio::main]
async fn main() -> io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [port, oracle, subject] = arguments.as_slice() else {
        return Err(io::Error::new(ErrorKind::InvalidInput, "http-target PORT ORACLE SUBJECT"));
    };
    let port = port.parse().map_err(|error| io::Error::new(ErrorKind::InvalidInput, error))?;
    server::run(port, oracle.as_ref(), subject.clone()).await
}
