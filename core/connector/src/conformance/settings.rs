//! Checks of settings: wrong ones are told with their key, and looking at them touches nothing.

use std::fs;
use std::io::ErrorKind;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};

use super::{SECRET, Secrets};
use crate::{Settings, SettingsError};

/// Settings that cannot work are refused with their key. Each of `wrong` is a key and the TOML that replaces or adds to the
/// table of `settings`; a literal [`SECRET`] in it must not come back in the words.
pub fn settings_errors_name_their_key(
    check: impl Fn(&Settings) -> Result<(), SettingsError>,
    settings: &Settings,
    wrong: &[(&str, &str)],
) {
    check(settings).expect("settings that are right");
    let secret = format!("bearer_of_nothing_known = '{SECRET}'");
    for (key, text) in wrong.iter().copied().chain([("bearer_of_nothing_known", secret.as_str())]) {
        let mut changed = settings.clone();
        let more: toml::Table = text.parse().expect("TOML");
        changed.table.extend(more);
        let error = check(&changed).expect_err(text);
        assert_eq!(error.key, key, "{text}: {error}");
        Secrets::of(settings, Vec::new()).untold_by(&error);
    }
}

/// Checking settings opens no connection and writes no file: `settings_at` makes settings of a system at that address.
pub fn check_opens_nothing(
    check: impl Fn(&Settings) -> Result<(), SettingsError>,
    settings_at: impl Fn(SocketAddr) -> Settings,
) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.set_nonblocking(true).expect("a socket that can be asked");
    let settings = settings_at(listener.local_addr().expect("an address"));
    let before = tree(&settings.data);
    check(&settings).expect("settings that are right");
    assert_eq!(tree(&settings.data), before, "checking settings changed the data folder");
    match listener.accept() {
        Err(error) if error.kind() == ErrorKind::WouldBlock => {}
        other => panic!("checking settings opened a connection: {other:?}"),
    }
}

/// Everything under a folder.
pub(super) fn tree(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok) {
        found.push(entry.path());
        found.extend(tree(&entry.path()));
    }
    found.sort();
    found
}
