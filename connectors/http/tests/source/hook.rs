//! A webhook source that listens, and whoever posts to it.

use std::sync::Arc;

use postroom_connector::{Arrival, Source};
use postroom_listener::{Claim, Limits, Listeners, Tls, Wanted};
use postroom_request::header::RETRY_AFTER;
use postroom_request::{Client, Method};
use rustls::{ClientConfig, RootCertStore};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::room::{CANARY, DEADLINE, SECRET, data, settings, source};

/// A source at `/hooks/in` of an address of its own.
pub(crate) struct Hook {
    pub(crate) source: Box<dyn Source>,
    pub(crate) data: TempDir,
    pub(crate) url: String,
    /// Keeps the address.
    _kept: Claim,
}

/// What a sender heard.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) status: u16,
    pub(crate) retry_after: Option<String>,
    pub(crate) body: String,
}

/// A client that trusts these authorities.
pub(crate) fn tls() -> ClientConfig {
    trusting(RootCertStore::empty()).with_no_client_auth()
}

pub(crate) fn trusting(
    roots: RootCertStore,
) -> rustls::ConfigBuilder<ClientConfig, rustls::client::WantsClientCert> {
    ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .expect("versions")
        .with_root_certificates(roots)
}

pub(crate) fn client(config: ClientConfig) -> Client {
    let builder = Client::builder().tls_backend_preconfigured(config).no_proxy().timeout(DEADLINE);
    builder.build().expect("a client")
}

/// A path of a port of its own; the port stays as long as the claim.
pub(crate) async fn keep(tls: Option<Tls>) -> Claim {
    let address = "127.0.0.1:0".parse().expect("an address");
    let wanted = Wanted {
        system: "kept".to_owned(),
        address,
        path: "/kept".to_owned(),
        tls,
        limits: Limits::default(),
    };
    Listeners::shared().claim(wanted).await.expect("a port")
}

impl Hook {
    /// With these settings, listening.
    pub(crate) async fn new(text: &str) -> Self {
        Self::at(text, data(), keep(None).await).await
    }

    /// The same in a data folder that is there, at an address that is kept.
    pub(crate) async fn at(text: &str, data: TempDir, kept: Claim) -> Self {
        let text = format!("listen = '{}'\npath = '/hooks/in'\n{text}", kept.address());
        let source = source(&settings(&data, &text));
        let url = format!("http://{}/hooks/in", kept.address());
        let mut hook = Self { source, data, url, _kept: kept };
        hook.listen(client(tls())).await;
        hook
    }

    /// Returns when the source listens.
    async fn listen(&mut self, client: Client) {
        let get = client.get(&self.url);
        let begun = async {
            while get.try_clone().expect("a request").send().await.expect("an answer").status() == 404 {}
        };
        tokio::select! {
            () = begun => {}
            () = nothing(self.source.as_mut()) => {}
        }
    }

    /// Posts a body, and waits for the answer beside.
    pub(crate) fn post(&self, headers: &[(&str, &str)], body: &str) -> JoinHandle<Heard> {
        tokio::spawn(ask(client(tls()), Method::POST, self.url.clone(), owned(headers, body)))
    }

    /// Posts a body that is not taken: what its sender hears, while the source does its work.
    pub(crate) async fn refuse(&mut self, headers: &[(&str, &str)], body: &str) -> Heard {
        let posted = self.post(headers, body);
        self.unheeded(posted).await
    }

    /// What a sender hears whose request brings no batch.
    pub(crate) async fn unheeded(&mut self, posted: JoinHandle<Heard>) -> Heard {
        let heard = async {
            tokio::select! {
                heard = posted => heard.expect("an answer"),
                () = nothing(self.source.as_mut()) => unreachable!("it never ends"),
            }
        };
        let heard = timeout(DEADLINE, heard).await.expect("in time");
        assert!(!heard.body.contains(CANARY) && !heard.body.contains(SECRET), "{heard:?}");
        heard
    }
}

/// Headers and body as a task can keep them.
type Owned = (Vec<(String, String)>, String);

pub(crate) fn owned(headers: &[(&str, &str)], body: &str) -> Owned {
    let headers = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    (headers.collect(), body.to_owned())
}

pub(crate) async fn ask(client: Client, method: Method, url: String, (headers, body): Owned) -> Heard {
    let request = headers
        .into_iter()
        .fold(client.request(method, url), |request, (name, value)| request.header(name, value));
    let response = request.body(body).send().await.expect("an answer");
    let retry_after =
        response.headers().get(RETRY_AFTER).map(|value| value.to_str().expect("text").to_owned());
    Heard { status: response.status().as_u16(), retry_after, body: response.text().await.expect("a body") }
}

/// Lets the source work for ever; it brings nothing.
pub(crate) async fn nothing(source: &mut dyn Source) {
    loop {
        match source.next().await.expect("no error") {
            Arrival::Idle => {}
            Arrival::Batch(batch) => panic!("{} was taken", batch.label()),
            Arrival::Refused(refused) => panic!("{}", refused.fault),
        }
    }
}
