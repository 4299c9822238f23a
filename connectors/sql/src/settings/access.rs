//! Access to a database: who asks, by which way, and for how long. The settings that source and sink share.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use postroom_connector::{
    CertificateAt, CertificateRole, Opening, PeerOf, SecretFrom, SecretString, Settings, SettingsError,
    TlsServer, parse_duration,
};
use serde::Deserialize;
use sqlx::mysql::{MySqlConnectOptions, MySqlSslMode};
use sqlx::postgres::{PgConnectOptions, PgSslMode};
use sqlx::sqlite::SqliteConnectOptions;

use crate::database::{Database, MySqlHome, PostgresHome, SqliteHome};
use crate::line::Patience;

use super::address::{Place, Product, is_loopback, place, server, sqlite_file};

/// The settings of this page.
pub(super) const KEYS: [&str; 7] = ["url", "password", "tls", "ca", "plain", "timeout", "connect_timeout"];
/// How long the work of one look or handover may take, unless the settings say otherwise.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How long opening a connection may take, unless the settings say otherwise.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest of either: a look-up and a handover together stay within one attempt of the hub.
const LONGEST: Duration = Duration::from_secs(50);
/// Shortest of either.
const SHORTEST: Duration = Duration::from_millis(100);
const PASSWORD: &str = "password";

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    url: String,
    password: Option<toml::Value>,
    tls: Option<String>,
    ca: Option<PathBuf>,
    #[serde(default)]
    plain: bool,
    timeout: Option<String>,
    connect_timeout: Option<String>,
}

/// Access to a database, checked.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    pub(crate) product: Product,
    pub(crate) patience: Patience,
    place: Place,
    password: Option<SecretFrom>,
    tls: Tls,
}

/// How a server is met.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Tls {
    Off,
    /// With a certificate for its name, of the machine's authorities and of this file.
    Required(Option<PathBuf>),
}

impl Access {
    pub(super) fn read(settings: &Settings) -> Result<Self, SettingsError> {
        let written: Written = settings.read()?;
        let timeout = limit("timeout", written.timeout.as_deref(), TIMEOUT)?;
        let patience = Patience {
            step: timeout,
            session: timeout,
            connect: limit("connect_timeout", written.connect_timeout.as_deref(), CONNECT_TIMEOUT)?,
        };
        let password = written.password.map(|password| SecretFrom::read(PASSWORD, password)).transpose()?;
        if let Some(file) = written.url.strip_prefix("sqlite:") {
            let served = [
                ("password", password.is_some()),
                ("tls", written.tls.is_some()),
                ("ca", written.ca.is_some()),
            ];
            if let Some((key, _)) = served.iter().find(|(_, given)| *given) {
                return Err(SettingsError::new(*key, "a file of SQLite has none"));
            }
            let place = Place::File(settings.path(sqlite_file(file)?));
            return Ok(Self { product: Product::Sqlite, patience, place, password, tls: Tls::Off });
        }
        let (product, url) = server(&written.url)?;
        let here = is_loopback(&url);
        let ca = written.ca.map(|ca| settings.path(&ca));
        let tls = match written.tls.as_deref() {
            None if here && ca.is_none() => Tls::Off,
            None | Some("required") => Tls::Required(ca),
            Some("off") if ca.is_some() => {
                return Err(SettingsError::new("ca", "without TLS there is no certificate"));
            }
            Some("off") if here || written.plain => Tls::Off,
            Some("off") => {
                let words = "without TLS everybody on the way can read it: `required`, or `plain = true`";
                return Err(SettingsError::new("tls", words));
            }
            Some(_) => return Err(SettingsError::new("tls", "`required` or `off`")),
        };
        Ok(Self { product, patience, place: place(product, &url)?, password, tls })
    }

    /// The database.
    pub(crate) fn database(&self) -> Arc<dyn Database> {
        let Patience { step, session: timeout, .. } = self.patience;
        match (&self.place, self.product) {
            (Place::File(file), _) => {
                Arc::new(SqliteHome::new(SqliteConnectOptions::new().filename(file), step))
            }
            (Place::Server { host, port, user, database }, Product::MySql) => {
                let options =
                    MySqlConnectOptions::new().host(host).port(*port).username(user).database(database);
                let options = match &self.tls {
                    Tls::Off => options.ssl_mode(MySqlSslMode::Disabled),
                    Tls::Required(None) => options.ssl_mode(MySqlSslMode::VerifyIdentity),
                    Tls::Required(Some(ca)) => options.ssl_mode(MySqlSslMode::VerifyIdentity).ssl_ca(ca),
                };
                Arc::new(MySqlHome::new(options, timeout))
            }
            (Place::Server { host, port, user, database }, _) => {
                let options = PgConnectOptions::new_without_pgpass().host(host).port(*port).username(user);
                let options = options.database(database);
                let options = match &self.tls {
                    Tls::Off => options.ssl_mode(PgSslMode::Disable),
                    // No authority either that a variable of the environment names.
                    Tls::Required(None) => {
                        options.ssl_mode(PgSslMode::VerifyFull).ssl_root_cert_from_pem(Vec::new())
                    }
                    Tls::Required(Some(ca)) => options.ssl_mode(PgSslMode::VerifyFull).ssl_root_cert(ca),
                };
                Arc::new(PostgresHome::new(options, timeout))
            }
        }
    }

    /// The authorities that the settings name.
    pub(crate) fn certificates(&self) -> Vec<CertificateAt> {
        match &self.tls {
            Tls::Required(Some(ca)) => vec![CertificateAt::file("ca", CertificateRole::Authority, ca)],
            Tls::Required(None) | Tls::Off => Vec::new(),
        }
    }

    /// The server, as that of `peer`, where it is met over TLS.
    pub(crate) fn tls_server(&self, peer: PeerOf) -> Option<TlsServer> {
        match (&self.place, &self.tls) {
            (Place::Server { host, port, .. }, Tls::Required(_)) => {
                let is_mysql = self.product == Product::MySql;
                let opening = if is_mysql { Opening::MySql } else { Opening::Postgres };
                Some(TlsServer::new(peer, host, *port, opening))
            }
            _ => None,
        }
    }

    /// Where the password is.
    ///
    /// # Errors
    /// When it cannot be read now.
    pub(crate) fn password(&self, settings: &Settings) -> Result<Password, SettingsError> {
        let password = Password { settings: settings.clone(), from: self.password.clone() };
        password.read()?;
        Ok(password)
    }
}

/// A password that is read for each connection, so that one that was changed counts from the next.
pub(crate) struct Password {
    settings: Settings,
    from: Option<SecretFrom>,
}

impl Password {
    /// Reads it; empty where the settings name none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(crate) fn read(&self) -> Result<SecretString, SettingsError> {
        match &self.from {
            None => Ok("".into()),
            Some(from) => self.settings.secret(PASSWORD, from),
        }
    }
}

fn limit(key: &str, written: Option<&str>, otherwise: Duration) -> Result<Duration, SettingsError> {
    let Some(text) = written else { return Ok(otherwise) };
    parse_duration(text)
        .filter(|limit| (SHORTEST..=LONGEST).contains(limit))
        .ok_or_else(|| SettingsError::new(key, "a duration from `100ms` to `50s`, such as `30s`"))
}

#[cfg(test)]
mod tests {
    use super::super::settings;
    use super::*;

    fn read(text: &str) -> Result<Access, SettingsError> {
        Access::read(&settings(text))
    }

    #[test]
    fn a_server_elsewhere_is_met_with_tls_unless_the_settings_say_plain() {
        for (text, tls) in [
            ("url = 'postgres://hub@127.0.0.1/a'", Tls::Off),
            ("url = 'mysql://hub@localhost:3307/a'", Tls::Off),
            ("url = 'mariadb://hub@[::1]/a'", Tls::Off),
            ("url = 'postgres://hub@127.0.0.1/a'\ntls = 'required'", Tls::Required(None)),
            ("url = 'postgres://hub@db.example/a'", Tls::Required(None)),
            ("url = 'mysql://hub@db.example/a'\nca = 'ca.pem'", Tls::Required(Some("/data/ca.pem".into()))),
            ("url = 'mysql://hub@db.example/a'\ntls = 'off'\nplain = true", Tls::Off),
        ] {
            assert_eq!(read(text).expect(text).tls, tls, "{text}");
        }
        assert_eq!(
            read("url = 'postgres://hub@db.example/a'\ntls = 'off'").expect_err("an error").key,
            "tls"
        );
    }

    #[test]
    fn an_authority_of_the_settings_is_a_certificate_in_use() {
        let access = read("url = 'mysql://hub@db.example/a'\nca = 'ca.pem'").expect("settings");
        let expected = CertificateAt::file("ca", CertificateRole::Authority, "/data/ca.pem");
        assert_eq!(access.certificates(), [expected]);
        assert_eq!(read("url = 'mysql://hub@db.example/a'").expect("settings").certificates(), []);
    }

    #[test]
    fn a_server_is_looked_at_where_it_is_met_over_tls() {
        let peer = PeerOf { system: "housing".to_owned(), setting: "target.url" };
        let is_looked_at = |text| read(text).expect(text).tls_server(peer.clone()).is_some();
        assert!(is_looked_at("url = 'postgres://hub@db.example/a'"));
        assert!(is_looked_at("url = 'mysql://hub@127.0.0.1/a'\nca = 'ca.pem'"));
        assert!(!is_looked_at("url = 'postgres://hub@127.0.0.1/a'"));
        assert!(!is_looked_at("url = 'mysql://hub@db.example/a'\ntls = 'off'\nplain = true"));
        assert!(!is_looked_at("url = 'sqlite:a.db'"));
    }

    #[test]
    fn what_is_not_said_is_the_port_of_the_product_and_thirty_seconds() {
        let access = read("url = 'mariadb://hub@db.example/housing'").expect("settings");
        let server = Place::Server {
            host: "db.example".to_owned(),
            port: 3_306,
            user: "hub".to_owned(),
            database: "housing".to_owned(),
        };
        assert_eq!((access.product, access.place), (Product::MySql, server));
        assert_eq!((access.patience.session, access.patience.connect), (TIMEOUT, CONNECT_TIMEOUT));
        let file = |text| read(text).expect(text).place;
        assert_eq!(file("url = 'sqlite:a.db'"), Place::File("/data/a.db".into()));
        assert_eq!(file("url = 'sqlite:///var/a.db'"), Place::File("/var/a.db".into()));
    }

    #[test]
    fn settings_that_cannot_work_are_refused_with_their_key() {
        let fine = "url = 'postgres://hub@db.example/a'\n";
        for (text, key) in [
            ("url = 'postgres://hub:quite-secret@db.example/a'".to_owned(), "url"),
            ("url = 'postgres://hub@db.example/a?sslmode=disable'".to_owned(), "url"),
            ("url = 'postgres://db.example/a'".to_owned(), "url"),
            ("url = 'postgres://hub@db.example'".to_owned(), "url"),
            ("url = 'oracle://hub@db.example/a'".to_owned(), "url"),
            ("url = 'db.example'".to_owned(), "url"),
            ("url = 'sqlite::memory:'".to_owned(), "url"),
            ("url = 'sqlite:a.db'\ntls = 'off'".to_owned(), "tls"),
            (format!("{fine}password = 'quite-secret'"), "password"),
            (format!("{fine}tls = 'prefer'"), "tls"),
            (format!("{fine}tls = 'off'\nplain = true\nca = 'a'"), "ca"),
            (format!("{fine}timeout = '2min'"), "timeout"),
            (format!("{fine}connect_timeout = '1'"), "connect_timeout"),
            ("tls = 'off'".to_owned(), "url"),
        ] {
            let error = read(&text).expect_err(&text);
            assert_eq!(error.key, key, "{text}: {error}");
            assert!(!error.to_string().contains("quite-secret"), "{error}");
        }
    }
}
