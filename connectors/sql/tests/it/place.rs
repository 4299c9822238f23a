//! A database of the test's own, of one of the three kinds, and few words to work in it.

use std::net::TcpListener;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::pin::Pin;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use postroom_connector::{Settings, Sink, SinkKind, Source, SourceKind};
use postroom_connector_sql::{SqlSink, SqlSource};
use sqlx::mysql::{MySqlConnectOptions, MySqlConnection};
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Executor, Row};
use tempfile::TempDir;

use crate::mariadb::MariaDb;
use crate::postgres::Postgres;

/// Longest that anything may take.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);
/// The password of the servers' user, as which nothing else may be taken.
pub(crate) const PASSWORD: &str = postroom_connector::conformance::SECRET;
/// The number of the next database.
static NEXT: AtomicU32 = AtomicU32::new(0);

/// What a test promises, given a place of its own.
pub(crate) type Promise = fn(Place) -> Pin<Box<dyn Future<Output = ()>>>;

/// One database.
pub(crate) struct Place {
    home: Home,
    /// The name of the database.
    name: String,
    /// Where data are, e.g. the file with the password.
    pub(crate) data: TempDir,
}

#[derive(Clone)]
pub(crate) enum Home {
    File,
    Postgres(Arc<Postgres>),
    MariaDb(Arc<MariaDb>),
}

impl Place {
    pub(crate) async fn file() -> Self {
        Self::at(Home::File).await
    }

    /// A new database there.
    pub(crate) async fn at(home: Home) -> Self {
        let (data, name) = (tempfile::tempdir().expect("a folder"), "main".to_owned());
        std::fs::write(data.path().join("password"), PASSWORD).expect("a file");
        let mut place = Self { home, name, data };
        if let Home::File = place.home {
            let options = SqliteConnectOptions::new().filename(place.data.path().join("main.db"));
            options.create_if_missing(true).connect().await.expect("a file");
            return place;
        }
        if let Home::Postgres(_) = place.home {
            "postgres".clone_into(&mut place.name);
        } else {
            "mysql".clone_into(&mut place.name);
        }
        let name = format!("council{}", NEXT.fetch_add(1, Ordering::Relaxed));
        place.run(&format!("CREATE DATABASE {name}")).await;
        Self { name, ..place }
    }

    pub(crate) fn home(&self) -> &Home {
        &self.home
    }

    /// The word of this kind among one for SQLite, PostgreSQL and MariaDB.
    pub(crate) fn pick<T>(&self, sqlite: T, postgres: T, mariadb: T) -> T {
        match self.home {
            Home::File => sqlite,
            Home::Postgres(_) => postgres,
            Home::MariaDb(_) => mariadb,
        }
    }

    pub(crate) fn port(&self) -> u16 {
        match &self.home {
            Home::File => 0,
            Home::Postgres(server) => server.port,
            Home::MariaDb(server) => server.port,
        }
    }

    /// Settings with the access to it.
    pub(crate) fn settings(&self, text: &str) -> Settings {
        self.settings_by(self.port(), text)
    }

    /// The same, by another port.
    pub(crate) fn settings_by(&self, port: u16, text: &str) -> Settings {
        let access = match self.home {
            Home::File => "url = 'sqlite:main.db'".to_owned(),
            Home::Postgres(_) => format!("url = 'postgres://hub@127.0.0.1:{port}/{}'", self.name),
            Home::MariaDb(_) => format!("url = 'mariadb://hub@127.0.0.1:{port}/{}'", self.name),
        };
        let secret = self.pick("", "password = { file = 'password' }", "password = { file = 'password' }");
        let table: toml::Table = format!("{access}\n{secret}\n{text}").parse().expect("TOML");
        Settings { table, data: self.data.path().to_owned(), system: "housing".to_owned() }
    }

    pub(crate) fn source(&self, text: &str) -> Box<dyn Source> {
        let settings = self.settings(&format!("every = '20ms'\n{text}"));
        SqlSource.check(&settings).expect("settings");
        SqlSource.build(&settings).expect("a source")
    }

    pub(crate) fn sink(&self, text: &str) -> Box<dyn Sink> {
        let settings = self.settings(text);
        SqlSink.check(&settings).expect("settings");
        SqlSink.build(&settings).expect("a sink")
    }

    /// Says something to the database, not as the hub does.
    pub(crate) async fn run(&self, sql: &str) {
        let sql = AssertSqlSafe(sql.to_owned());
        match &self.home {
            Home::File => self.sqlite().await.execute(sql).await.map(drop),
            Home::Postgres(_) => self.postgres().await.execute(sql).await.map(drop),
            Home::MariaDb(_) => self.mariadb().await.execute(sql).await.map(drop),
        }
        .expect("said");
    }

    /// Says something in a transaction, which goes on until what this returns is dropped.
    pub(crate) async fn hold(&self, sql: &str) -> Box<dyn std::any::Any + Send> {
        let sql = AssertSqlSafe(format!("BEGIN; {sql}"));
        match &self.home {
            Home::File => panic!("only a server holds"),
            Home::Postgres(_) => {
                let mut connection = self.postgres().await;
                connection.execute(sql).await.expect("said");
                Box::new(connection)
            }
            Home::MariaDb(_) => {
                let mut connection = self.mariadb().await;
                connection.execute(sql).await.expect("said");
                Box::new(connection)
            }
        }
    }

    /// The first column of a query, which is an integer.
    pub(crate) async fn numbers(&self, sql: &str) -> Vec<i64> {
        let query = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        match &self.home {
            Home::File => {
                let rows = query.fetch_all(&mut self.sqlite().await).await.expect("rows");
                rows.iter().map(|row| row.get_unchecked(0)).collect()
            }
            Home::Postgres(_) => {
                let sql = format!("SELECT CAST(n AS bigint) FROM ({sql}) AS all_of(n)");
                let query = sqlx::raw_sql(AssertSqlSafe(sql));
                let rows = query.fetch_all(&mut self.postgres().await).await.expect("rows");
                rows.iter().map(|row| row.get(0)).collect()
            }
            Home::MariaDb(_) => {
                let rows = query.fetch_all(&mut self.mariadb().await).await.expect("rows");
                rows.iter().map(|row| row.get_unchecked(0)).collect()
            }
        }
    }

    /// How many rows a table has.
    pub(crate) async fn count(&self, table: &str) -> i64 {
        self.numbers(&format!("SELECT count(*) FROM {table}")).await[0]
    }

    async fn sqlite(&self) -> SqliteConnection {
        let options = SqliteConnectOptions::new().filename(self.data.path().join("main.db"));
        options.connect().await.expect("a connection")
    }

    async fn postgres(&self) -> PgConnection {
        let options = PgConnectOptions::new_without_pgpass().host("127.0.0.1").port(self.port());
        let options = options.username("hub").password(PASSWORD).database(&self.name);
        options.connect().await.expect("a connection")
    }

    async fn mariadb(&self) -> MySqlConnection {
        let options = MySqlConnectOptions::new().host("127.0.0.1").port(self.port());
        let options = options.username("hub").password(PASSWORD).database(&self.name);
        options.connect().await.expect("a connection")
    }
}

/// A port that nobody has now.
pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    listener.local_addr().expect("an address").port()
}

/// Gives a folder and what is in it to a user, where this test runs as root.
pub(crate) fn own(folder: &Path, user: &str) {
    let Some((user, group)) = other_user(user) else { return };
    let inside = std::fs::read_dir(folder).expect("a folder").filter_map(Result::ok);
    for path in inside.map(|entry| entry.path()).chain([folder.to_owned()]) {
        chown(path, Some(user), Some(group)).expect("given away");
    }
}

/// A program, as `user` where this test runs as root.
pub(crate) fn as_user(program: &Path, user: &str) -> Command {
    let mut command = Command::new(program);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).current_dir("/");
    if let Some((user, group)) = other_user(user) {
        command.uid(user).gid(group);
    }
    command
}

pub(crate) fn signal(name: &str, process: &str) {
    // One that has ended needs none.
    let _ = Command::new("kill").args([name, process]).stderr(Stdio::null()).status();
}

fn other_user(user: &str) -> Option<(u32, u32)> {
    let number = |arguments: &[&str]| -> u32 {
        let said = Command::new("id").args(arguments).output().expect("id run").stdout;
        String::from_utf8_lossy(&said).trim().parse().expect("the user of the package")
    };
    (number(&["-u"]) == 0).then(|| (number(&["-u", user]), number(&["-g", user])))
}
