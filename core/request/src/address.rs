//! What an address in the settings may be. Pure.

use std::net::IpAddr;

use postroom_connector::SettingsError;
use reqwest::Url;

/// Where `http` without TLS may go, beside this machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Plain {
    /// Nowhere.
    Here,
    /// Anywhere, where the setting `plain` is true.
    Setting(bool),
}

/// Refuses an address that holds a password, or by which what is sent could be read by anybody.
///
/// # Errors
/// At `key`, with what would be right; the words do not repeat the address.
pub fn check_address(key: &str, url: &Url, plain: Plain) -> Result<(), SettingsError> {
    let wrong = |words: &str| Err(SettingsError::new(key, words));
    if !url.username().is_empty() || url.password().is_some() {
        return wrong("no user or password in the address: a setting of its own names where a secret is");
    }
    match (url.scheme(), plain) {
        ("https", _) | ("http", Plain::Setting(true)) => Ok(()),
        ("http", _) if is_loopback(url) => Ok(()),
        ("http", Plain::Setting(false)) => {
            wrong("`http` carries everything readable by anybody: `https`, or `plain = true`")
        }
        _ => wrong("the address begins with `https://`"),
    }
}

fn is_loopback(url: &Url) -> bool {
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse().is_ok_and(|ip: IpAddr| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_goes_readable_to_another_machine_unless_the_settings_say_so() {
        let check = |url: &str, plain| check_address("url", &url.parse().expect("an address"), plain).is_ok();
        for url in ["https://till.example/", "http://127.0.0.1:80/", "http://[::1]/", "http://localhost/"] {
            assert!(check(url, Plain::Here), "{url}");
        }
        for url in ["http://till.example/", "http://127.0.0.1.till.example/"] {
            assert!(!check(url, Plain::Here) && !check(url, Plain::Setting(false)), "{url}");
            assert!(check(url, Plain::Setting(true)), "{url}");
        }
        for url in ["ftp://localhost/", "https://u@till.example/", "https://:p@till.example/"] {
            assert!(!check(url, Plain::Setting(true)), "{url}");
        }
    }
}
