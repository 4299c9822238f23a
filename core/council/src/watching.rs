//! Reading how the hub is watched: where it answers about its health, and whom it tells its steps.

use std::net::SocketAddr;
use std::str::FromStr;

use crate::reading::Reading;
use crate::written::{CouncilText, Text};

/// Where health and metrics can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HealthAt {
    /// At this address.
    Address(SocketAddr),
    /// Nowhere.
    Off,
}

/// On this machine only, at the port that OpenTelemetry has set aside for Prometheus.
const DEFAULT_LISTEN: HealthAt =
    HealthAt::Address(SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 9464));

impl FromStr for HealthAt {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "off" => Ok(Self::Off),
            address => address
                .parse()
                .map(Self::Address)
                .map_err(|_| "an IP address and a port such as `127.0.0.1:9464`, or `off`".to_owned()),
        }
    }
}

/// `listen` under `[health]`, and `otlp` under `[telemetry]`.
pub(crate) fn read(
    text: &Text,
    written: &CouncilText,
    reading: &mut Reading<'_>,
) -> (HealthAt, Option<String>) {
    let health = written.health.listen.as_ref().and_then(|listen| {
        let parsed = listen.as_ref().parse();
        reading.keep(
            parsed.map_err(|form: String| text.problem(listen, "listen", format!("`listen` is {form}"))),
        )
    });
    let otlp = written.telemetry.otlp.as_ref().and_then(|otlp| {
        let words = "`otlp` is a collector such as `http://127.0.0.1:4318`, without a path";
        let collector = is_collector(otlp.as_ref()).then(|| otlp.as_ref().clone());
        let hint = "a collector on this machine can pass it on over TLS";
        reading.keep(collector.ok_or_else(|| text.problem(otlp, "otlp", words).hint(hint)))
    });
    (health.unwrap_or(DEFAULT_LISTEN), otlp)
}

/// Whether `text` is `http://host:port`, with an address of IPv6 in brackets.
fn is_collector(text: &str) -> bool {
    let Some((host, port)) = text.strip_prefix("http://").and_then(|rest| rest.rsplit_once(':')) else {
        return false;
    };
    let in_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '[' | ']' | ':');
    !host.is_empty() && host.chars().all(in_name) && port.parse::<u16>().is_ok_and(|port| port > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_port_and_may_be_off() {
        let check = |text: &str, right: bool| assert_eq!(text.parse::<HealthAt>().is_ok(), right, "{text}");
        check("127.0.0.1:9464", true);
        check("[::1]:9464", true);
        check("off", true);
        check("127.0.0.1", false);
        check("localhost:9464", false);
        check(":9464", false);
        check("on", false);
    }

    #[test]
    fn a_collector_is_a_host_and_a_port_over_plain_http() {
        let check = |text: &str, right: bool| assert_eq!(is_collector(text), right, "{text}");
        check("http://127.0.0.1:4318", true);
        check("http://collector.council.example:4318", true);
        check("http://[::1]:4318", true);
        check("https://127.0.0.1:4318", false);
        check("http://127.0.0.1:4318/v1/traces", false);
        check("http://user@host:4318", false);
        check("http://host", false);
        check("http://:4318", false);
        check("http://host:0", false);
    }
}
