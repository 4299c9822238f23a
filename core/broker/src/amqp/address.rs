//! The broker's URL: reading it, and showing it without its password.

use lapin::uri::AMQPUri;

use crate::{BrokerError, HEARTBEAT_SECONDS};

/// Largest frame, in bytes: `lapin` keeps room for 64 of them in each connection; a larger body is cut into frames.
const FRAME_MAX_BYTES: u32 = 16 * 1024;

/// Reads a URL. An empty virtual host (`amqp://host/`) means the default one, `/`, as users mean it.
pub(super) fn parse(url: &str) -> Result<AMQPUri, BrokerError> {
    // The parser's own words may quote the URL.
    let mut address: AMQPUri = url.parse().map_err(|_| BrokerError::Url)?;
    if address.vhost.is_empty() {
        "/".clone_into(&mut address.vhost);
    }
    address.query.heartbeat = Some(HEARTBEAT_SECONDS);
    address.query.frame_max = Some(FRAME_MAX_BYTES);
    Ok(address)
}

/// The address without its password.
pub(super) fn shown(address: &AMQPUri) -> String {
    let authority = &address.authority;
    let vhost = address.vhost.trim_start_matches('/');
    format!(
        "{}://{}@{}:{}/{vhost}",
        address.scheme, authority.userinfo.username, authority.host, authority.port
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(url: &str, expected: &str) {
        assert_eq!(shown(&parse(url).unwrap()), expected);
    }

    #[test]
    fn an_address_is_shown_without_its_password() {
        check(
            "amqp://postroom-hub:s3cret@broker.example.org:5673/%2f",
            "amqp://postroom-hub@broker.example.org:5673/",
        );
        check(
            "amqps://hub:p%40ss@broker.example.org/zedshire",
            "amqps://hub@broker.example.org:5671/zedshire",
        );
        check("amqp://127.0.0.1", "amqp://guest@127.0.0.1:5672/");
    }

    #[test]
    fn an_empty_virtual_host_means_the_default_one() {
        assert_eq!(parse("amqp://guest:guest@127.0.0.1:5672/").unwrap().vhost, "/");
    }

    #[test]
    fn a_url_that_cannot_be_read_is_never_quoted() {
        for url in ["", "hub:s3cret@broker", "http://hub:s3cret@broker/", "amqp://hub:s3cret@broker:port/"] {
            let error = parse(url).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{url:?}");
        }
    }
}
