//! Where the database is, and how a connection to it is opened.

use std::path::{Path, PathBuf};
use std::time::Duration;

use sqlx::ConnectOptions;
use sqlx::postgres::{PgConnectOptions, PgSslMode};

use super::{Conn, Result};
use crate::file;

/// Longest that opening a connection to a server may take.
const CONNECT_TIME: Duration = Duration::from_secs(10);
/// Statements that a connection keeps prepared.
const STATEMENTS: usize = 200;

/// The database: a file, or a server.
#[derive(Clone)]
pub(crate) enum Home {
    File(PathBuf),
    Server(Box<PgConnectOptions>),
}

impl std::fmt::Debug for Home {
    /// Without the URL: it may hold a password.
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(if matches!(self, Self::File(_)) { "File" } else { "Server" })
    }
}

impl Home {
    pub(crate) fn file(path: &Path) -> Self {
        Self::File(path.to_owned())
    }

    /// A server by its URL. Without `sslmode` a server on this machine is met in the clear, any other one only with TLS
    /// and a certificate for its name.
    pub(crate) fn server(url: &str) -> Result<Self> {
        let options: PgConnectOptions = url.parse()?;
        let options = match options.get_ssl_mode() {
            _ if url.contains("sslmode=") || url.contains("ssl-mode=") => options,
            _ if is_here(&options) => options.ssl_mode(PgSslMode::Disable),
            _ => options.ssl_mode(PgSslMode::VerifyFull),
        };
        let options = options
            .application_name("postroom")
            .statement_cache_capacity(STATEMENTS)
            .options([
                ("synchronous_commit", "on"),
                // Nearly every statement looks keys up; a plan made while a table was empty must not scan it once it is
                // full. What has to be scanned still is.
                ("enable_seqscan", "off"),
                ("enable_hashjoin", "off"),
                ("enable_mergejoin", "off"),
                ("jit", "off"),
                ("lock_timeout", "8s"),
                // A hub that was stopped in the middle of a transaction must not keep its locks: others wait to take over.
                ("idle_in_transaction_session_timeout", "4s"),
                // What a peer that went without a word held is free again soon.
                ("tcp_keepalives_idle", "5"),
                ("tcp_keepalives_interval", "2"),
                ("tcp_keepalives_count", "3"),
            ])
            .disable_statement_logging();
        Ok(Self::Server(Box::new(options)))
    }

    /// Host and port of the server, where it is met with TLS only.
    pub(crate) fn tls_server(&self) -> Option<(String, u16)> {
        let Self::Server(options) = self else { return None };
        let is_asked = matches!(
            options.get_ssl_mode(),
            PgSslMode::Require | PgSslMode::VerifyCa | PgSslMode::VerifyFull
        );
        let host = options.get_host().trim_matches(['[', ']']);
        let is_socket = options.get_socket().is_some() || host.starts_with('/');
        (is_asked && !is_socket).then(|| (host.to_owned(), options.get_port()))
    }

    /// A connection that writes.
    pub(crate) async fn writing(&self) -> Result<Conn> {
        match self {
            Self::File(path) => Ok(Conn::Sqlite(file::writing(path).connect().await?)),
            Self::Server(options) => connect(options).await,
        }
    }

    /// A connection that only reads.
    pub(crate) async fn reading(&self) -> Result<Conn> {
        match self {
            Self::File(path) => Ok(Conn::Sqlite(file::reading(path).connect().await?)),
            Self::Server(options) => {
                let reads_only = [("default_transaction_read_only", "on")];
                connect(&options.as_ref().clone().options(reads_only)).await
            }
        }
    }
}

async fn connect(options: &PgConnectOptions) -> Result<Conn> {
    match tokio::time::timeout(CONNECT_TIME, options.connect()).await {
        Ok(connected) => Ok(Conn::Postgres(connected?)),
        Err(_) => Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into())),
    }
}

/// Whether the server is on this machine.
fn is_here(options: &PgConnectOptions) -> bool {
    let host = options.get_host();
    let loopback =
        || host.trim_matches(['[', ']']).parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback());
    options.get_socket().is_some() || host.starts_with('/') || host == "localhost" || loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(url: &str) -> String {
        match Home::server(url).unwrap() {
            Home::Server(options) => format!("{:?}", options.get_ssl_mode()),
            Home::File(_) => String::new(),
        }
    }

    #[test]
    fn a_server_elsewhere_is_met_only_with_tls_unless_the_url_says_otherwise() {
        assert_eq!(mode("postgres://hub@127.0.0.1/ledger"), "Disable");
        assert_eq!(mode("postgres://hub@localhost/ledger"), "Disable");
        assert_eq!(mode("postgres://hub@[::1]:5433/ledger"), "Disable");
        assert_eq!(mode("postgres://hub@db.council.example/ledger"), "VerifyFull");
        assert_eq!(mode("postgres://hub@db.council.example/ledger?sslmode=disable"), "Disable");
        assert_eq!(mode("postgres://hub@127.0.0.1/ledger?sslmode=require"), "Require");
    }

    #[test]
    fn a_server_shows_a_certificate_where_it_is_met_with_tls_only() {
        let shows = |url: &str| Home::server(url).unwrap().tls_server();
        let at = |host: &str, port| Some((host.to_owned(), port));
        assert_eq!(shows("postgres://hub@db.council.example/ledger"), at("db.council.example", 5432));
        assert_eq!(shows("postgres://hub@[::1]:5433/ledger?sslmode=require"), at("::1", 5433));
        for none in [
            "postgres://hub@127.0.0.1/ledger",
            "postgres://hub@db.council.example/ledger?sslmode=prefer",
            "postgres://hub@localhost/ledger?host=/run/postgresql&sslmode=require",
        ] {
            assert_eq!(shows(none), None, "{none}");
        }
        assert_eq!(Home::file(Path::new("ledger.db")).tls_server(), None);
    }

    #[test]
    fn a_home_never_tells_its_password() {
        let home = Home::server("postgres://hub:hush@127.0.0.1/ledger").unwrap();
        assert_eq!(format!("{home:?}"), "Server");
    }
}
