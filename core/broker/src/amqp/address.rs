//! The broker's URL: reading it, and showing it without its password.

use lapin::uri::{AMQPScheme, AMQPUri};

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

/// Host and port of the broker, where the URL asks for TLS.
pub fn tls_server(url: &str) -> Option<(String, u16)> {
    let AMQPUri { scheme, authority, .. } = parse(url).ok()?;
    (scheme == AMQPScheme::AMQPS)
        .then(|| (authority.host.trim_matches(['[', ']']).to_owned(), authority.port))
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
    fn a_broker_shows_a_certificate_where_the_url_asks_for_tls() {
        let at = |host: &str, port| Some((host.to_owned(), port));
        assert_eq!(
            tls_server("amqps://hub:s3cret@broker.example.org/zedshire"),
            at("broker.example.org", 5671)
        );
        assert_eq!(tls_server("amqps://hub:s3cret@127.0.0.1:5679"), at("127.0.0.1", 5679));
        for none in ["amqp://hub:s3cret@broker.example.org", "no URL"] {
            assert_eq!(tls_server(none), None, "{none}");
        }
    }

    #[test]
    fn a_url_that_cannot_be_read_is_never_quoted() {
        for url in ["", "hub:s3cret@broker", "http://hub:s3cret@broker/", "amqp://hub:s3cret@broker:port/"] {
            let error = parse(url).unwrap_err();
            assert!(!format!("{error} {error:?}").contains("s3cret"), "{url:?}");
        }
    }
}
