//! What the settings of whoever listens say alike, as the council writes it, and what is made of it. Opens nothing.

use std::net::SocketAddr;
use std::path::PathBuf;

use postroom_connector::{Settings, SettingsError};
use serde::Deserialize;

use crate::{RateLimit, Tls};

/// Where is listened, unless the settings say otherwise.
pub const LISTEN: &str = "127.0.0.1:8088";

/// The table `tls`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WrittenTls {
    certificate: PathBuf,
    key: PathBuf,
    client_ca: Option<PathBuf>,
}

/// The settings that say where is listened.
pub struct WrittenPlace {
    /// `listen`: address and port.
    pub listen: Option<String>,
    /// `tls`.
    pub tls: Option<WrittenTls>,
    /// `plain`: elsewhere than on this machine without TLS, too.
    pub plain: bool,
}

impl WrittenPlace {
    /// The address, and its TLS. `what` is what comes or goes there, for people.
    ///
    /// # Errors
    /// An address that is none, or that anybody can listen in to.
    pub fn read(self, what: &str, settings: &Settings) -> Result<(SocketAddr, Option<Tls>), SettingsError> {
        let wrong = |words: String| SettingsError::new("listen", words);
        let listen = self.listen.as_deref().unwrap_or(LISTEN);
        let address: SocketAddr =
            listen.parse().map_err(|_| wrong(format!("an address with its port, such as `{LISTEN}`")))?;
        let tls = self.tls.map(|tls| Tls {
            certificate: settings.path(&tls.certificate),
            key: settings.path(&tls.key),
            client_ca: tls.client_ca.map(|path| settings.path(&path)),
        });
        if tls.is_none() && !address.ip().is_loopback() && !self.plain {
            return Err(wrong(format!(
                "without `tls` the {what} are readable by anybody on the way: `tls`, or `plain = true`"
            )));
        }
        Ok((address, tls))
    }
}

/// Reads `rate`.
///
/// # Errors
/// What a rate looks like, where `written` does not.
pub fn read_rate(written: Option<&str>) -> Result<Option<RateLimit>, SettingsError> {
    let words = "requests in a time, such as `50/s` or `600/min`";
    let read = |text| RateLimit::parse(text).ok_or_else(|| SettingsError::new("rate", words));
    written.map(read).transpose()
}
