//! The address of a database: which it is, and where.

use std::path::{Path, PathBuf};

use postroom_connector::SettingsError;
use url::{Host, Url};

use crate::statement::Backslash;

/// Which database it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Product {
    Postgres,
    MySql,
    Sqlite,
}

/// Where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
    Server { host: String, port: u16, user: String, database: String },
    File(PathBuf),
}

impl Product {
    /// What a backslash does between its quotes.
    pub(crate) fn backslash(self) -> Backslash {
        match self {
            Self::MySql => Backslash::Escapes,
            Self::Postgres | Self::Sqlite => Backslash::Plain,
        }
    }

    fn port(self) -> u16 {
        match self {
            Self::MySql => 3_306,
            Self::Postgres | Self::Sqlite => 5_432,
        }
    }
}

/// The product and address of a server.
pub(super) fn server(text: &str) -> Result<(Product, Url), SettingsError> {
    let wrong = |words: &str| SettingsError::new("url", words);
    let url = Url::parse(text)
        .map_err(|_| wrong("an address such as `postgres://user@host/database` or `sqlite:file`"))?;
    let product = match url.scheme() {
        "postgres" | "postgresql" => Product::Postgres,
        "mysql" | "mariadb" => Product::MySql,
        _ => {
            return Err(wrong(
                "the address begins with `postgres://`, `mysql://`, `mariadb://` or `sqlite:`",
            ));
        }
    };
    if url.password().is_some() {
        return Err(wrong("no password in the address: `password` names where it is"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(wrong(
            "the address ends with the name of the database; what else there is has settings of its own",
        ));
    }
    Ok((product, url))
}

/// Where a server is.
pub(super) fn place(product: Product, url: &Url) -> Result<Place, SettingsError> {
    let (host, user) = (url.host_str().unwrap_or_default(), url.username());
    let database = url.path().trim_start_matches('/');
    if host.is_empty() || user.is_empty() || database.is_empty() || database.contains('/') {
        return Err(SettingsError::new("url", "the address names a user, a host and a database"));
    }
    if [user, database].iter().any(|part| part.contains('%')) {
        return Err(SettingsError::new("url", "the names of user and database are plain"));
    }
    Ok(Place::Server {
        host: host.trim_matches(['[', ']']).to_owned(),
        port: url.port().unwrap_or(product.port()),
        user: user.to_owned(),
        database: database.to_owned(),
    })
}

/// The file that is named behind `sqlite:`.
pub(super) fn sqlite_file(text: &str) -> Result<&Path, SettingsError> {
    let file = text.strip_prefix("//").unwrap_or(text);
    if file.is_empty() || file.contains(['?', ':']) {
        return Err(SettingsError::new("url", "the name of a file, such as `sqlite:housing.db`"));
    }
    Ok(Path::new(file))
}

/// Whether it is this machine.
pub(super) fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        // What is no web address keeps its host as it was written.
        Some(Host::Domain(name)) => {
            name == "localhost" || name.parse().is_ok_and(|ip: std::net::IpAddr| ip.is_loopback())
        }
        None => false,
    }
}
