//! A client that does exactly what it is asked: nothing from the environment, no redirect, no retry of its own.

use std::time::Duration;

use postroom_connector::{PeerOf, SettingsError};
use reqwest::{Client, redirect, retry};
use rustls::ClientConfig;

use crate::tls;

/// Longest wait for a connection, TLS included; half of the time for an answer, where that is less.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Connections that are kept open between requests.
const IDLE_CONNECTIONS: usize = 16;
/// How long they are: less than the five seconds after which common servers close theirs, so that no request meets
/// a connection that is being closed.
const IDLE_TIMEOUT: Duration = Duration::from_secs(4);
/// What the hub calls itself.
const USER_AGENT: &str = concat!("postroom/", env!("CARGO_PKG_VERSION"));

/// A client for `peer`, that trusts whom the machine trusts; until when what it shows holds is noted. `timeout` is the
/// longest time from the first try to connect to the end of an answer.
///
/// # Errors
/// Where the machine has no TLS to offer.
pub fn client(peer: PeerOf, timeout: Duration) -> Result<Client, SettingsError> {
    let key = peer.key();
    with_tls(key, timeout, tls::config(tls::roots_of_the_machine(), None, peer)?)
}

/// A client for the address in the setting `key`, with this TLS.
pub(crate) fn with_tls(key: &str, timeout: Duration, tls: ClientConfig) -> Result<Client, SettingsError> {
    let client = Client::builder()
        .tls_backend_preconfigured(tls)
        .http1_only()
        .no_proxy()
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .referer(false)
        .user_agent(USER_AGENT)
        .tcp_nodelay(true)
        .timeout(timeout)
        .connect_timeout(CONNECT_TIMEOUT.min(timeout / 2))
        .pool_max_idle_per_host(IDLE_CONNECTIONS)
        .pool_idle_timeout(IDLE_TIMEOUT)
        .build();
    client.map_err(|error| SettingsError::new(key, format!("no client can be made for it: {error}")))
}
