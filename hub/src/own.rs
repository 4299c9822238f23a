//! What the hub itself needs to meet its broker and its ledger over TLS: certificates that their URLs name, and those that they show.

use std::sync::Arc;

use postroom_broker::tls_server;
use postroom_connector::{CertificateAt, CertificateRole, Opening, PeerOf, TlsServer};
use postroom_ledger::{LedgerUrl, ROOT_CERTIFICATE};
use postroom_router::{OF_HUB, Own};

/// What is needed for a broker and a ledger at these URLs. That of a broker can name no certificate.
pub(crate) fn own(broker: Option<&str>, ledger: Option<&LedgerUrl>) -> Own {
    let named = ledger.map(LedgerUrl::certificates).unwrap_or_default();
    let certificate = |(name, path)| {
        let is_authority = name == ROOT_CERTIFICATE;
        let role = if is_authority { CertificateRole::Authority } else { CertificateRole::Own };
        CertificateAt::file(format!("ledger.{name}"), role, path)
    };
    let broker = broker.and_then(tls_server).map(|at| server("broker.url", at, Opening::None));
    let ledger = ledger.and_then(LedgerUrl::tls_server).map(|at| server("ledger.url", at, Opening::Postgres));
    Own {
        certificates: named.into_iter().map(certificate).collect(),
        servers: broker.into_iter().chain(ledger).collect(),
    }
}

fn server(setting: &'static str, (host, port): (String, u16), opening: Opening) -> Arc<TlsServer> {
    let peer = PeerOf { system: OF_HUB.to_owned(), setting };
    Arc::new(TlsServer::new(peer, host, port, opening))
}
