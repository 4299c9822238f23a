//! A target that tells back all it was told: the secrets in the headers of a request and the values in its body, in a
//! header and in the body of its answer. It answers with the status that the message or the path names.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use postroom_tests::http_target::wire::{self, Request};
use serde_json::{Value, json};
use tokio::io::BufReader;
use tokio::net::TcpStream;
use tokio::runtime::Builder;

/// The target, on a thread of its own until the end of the test's process.
pub(super) struct Echo {
    address: SocketAddr,
    told: Told,
}

/// Everything that it has told back.
type Told = Arc<Mutex<String>>;

impl Echo {
    pub(super) fn start() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        listener.set_nonblocking(true).expect("a listener that does not block");
        let (address, told) = (listener.local_addr().expect("its address"), Told::default());
        let tells = Arc::clone(&told);
        let runtime = Builder::new_current_thread().enable_all().build().expect("a runtime");
        thread::spawn(move || runtime.block_on(serve(listener, tells)));
        Self { address, told }
    }

    /// The address, without a path.
    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Everything that it has told back so far.
    pub(super) fn told(&self) -> String {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

async fn serve(listener: TcpListener, told: Told) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        let (line, told) = (listener.accept().await?.0, Arc::clone(&told));
        tokio::spawn(async move { answer(line, told).await });
    }
}

async fn answer(line: TcpStream, told: Told) -> io::Result<()> {
    let mut line = BufReader::new(line);
    while let Some(request) = wire::read(&mut line).await? {
        let body = String::from_utf8_lossy(&request.body);
        let echo = json!({
            "reference": "E-1", "code": "echoed", "headers": request.headers, "body": body,
        });
        let echo = echo.to_string();
        told.lock().unwrap_or_else(PoisonError::into_inner).push_str(&echo);
        wire::answer(&mut line, status(&request), Some(("x-echo", echo.clone())), &echo).await?;
    }
    Ok(())
}

/// The status that a message is about, such as `parcel:422`, or that the path asks for; else that it is taken.
fn status(request: &Request) -> u16 {
    let message: Value = serde_json::from_slice(&request.body).unwrap_or_default();
    let about = message["parcel"].as_str().and_then(|parcel| parcel.rsplit(':').next());
    let asked = request.path.split('/').find_map(|step| step.parse().ok());
    about.and_then(|status| status.parse().ok()).or(asked).unwrap_or(201)
}
