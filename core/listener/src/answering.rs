//! One request: read whole within limits, given to whoever has claimed its path, and answered.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};
use hyper::header::{CONNECTION, HeaderValue};
use hyper::{Request, Response, StatusCode};
use postroom_connector::Refusals;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Semaphore, SemaphorePermit, oneshot};
use tokio::time::timeout;

use crate::claims::{Route, Routes};
use crate::limits::MAX_PASSED_BYTES;
use crate::refused::refused;
use crate::{Answer, Asked, ClientCertificate, Reply};

/// What every request of an address meets.
pub(crate) struct Door {
    pub(crate) routes: Arc<Routes>,
    /// Longest wait for a body.
    pub(crate) body: Duration,
    /// One for each byte of a body that may be in memory.
    pub(crate) bytes: Arc<Semaphore>,
}

/// Who is at the other end of a connection.
#[derive(Clone)]
pub(crate) struct Visitor {
    pub(crate) peer: SocketAddr,
    pub(crate) certificate: Option<Arc<ClientCertificate>>,
}

/// The answer to `request`, whatever becomes of it.
pub(crate) async fn answer(
    door: Arc<Door>,
    visitor: Visitor,
    request: Request<Incoming>,
) -> Result<Response<Full<Bytes>>, Infallible> {
    let answer = match door.routes.find(request.uri().path()) {
        None if door.routes.is_expected(request.uri().path()) => Answer::unavailable(),
        None => Answer::new(StatusCode::NOT_FOUND),
        Some(route) => {
            let reading = read(request, route.limits.body_bytes, &door.bytes);
            let answer = match timeout(door.body, reading).await {
                Err(_) => closing(StatusCode::REQUEST_TIMEOUT),
                Ok(Err(status)) => closing(status),
                // Its bytes are held until it is answered.
                Ok(Ok((request, _bytes))) => ask(&route, visitor, request).await,
            };
            if let Some(why) = refused(answer.status) {
                Refusals::shared().note(&route.system, why);
            }
            answer
        }
    };
    let mut response = Response::new(Full::new(answer.body));
    *response.status_mut() = answer.status;
    *response.headers_mut() = answer.headers;
    Ok(response)
}

/// An answer to a request that was not read to its end: nothing else can follow on its connection.
fn closing(status: StatusCode) -> Answer {
    let answer = match status {
        StatusCode::SERVICE_UNAVAILABLE => Answer::unavailable(),
        status => Answer::new(status),
    };
    answer.header(CONNECTION, HeaderValue::from_static("close"))
}

/// The request with its whole body, and what that takes of the bytes that may be in memory; what is too long is read on for a while,
/// so that its sender hears of it.
async fn read<'b>(
    request: Request<Incoming>,
    limit: usize,
    bytes: &'b Semaphore,
) -> Result<(Request<Bytes>, SemaphorePermit<'b>), StatusCode> {
    let (head, mut body) = request.into_parts();
    let most = limit.saturating_add(MAX_PASSED_BYTES);
    if usize::try_from(body.size_hint().lower()).map_or(true, |declared| declared > most) {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    let (mut kept, mut seen, mut held) = (Vec::new(), 0_usize, take(bytes, 0)?);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| StatusCode::BAD_REQUEST)?.into_data() else { continue };
        seen = seen.saturating_add(data.len());
        if seen > most {
            break;
        }
        if seen <= limit {
            held.merge(take(bytes, data.len())?);
            kept.extend_from_slice(&data);
        }
    }
    if seen > limit {
        return Err(StatusCode::PAYLOAD_TOO_LARGE);
    }
    Ok((Request::from_parts(head, kept.into()), held))
}

/// So many of the bytes that may be in memory; nobody waits for them with some in hand, or all would wait for each other.
fn take(bytes: &Semaphore, count: usize) -> Result<SemaphorePermit<'_>, StatusCode> {
    let taken = u32::try_from(count).ok().and_then(|count| bytes.try_acquire_many(count).ok());
    taken.ok_or(StatusCode::SERVICE_UNAVAILABLE)
}

/// Gives a request to whoever has claimed its path, and waits for the answer.
async fn ask(route: &Route, visitor: Visitor, request: Request<Bytes>) -> Answer {
    let Ok(_place) = route.places.try_acquire() else { return Answer::unavailable() };
    let (head, body) = request.into_parts();
    let (reply, answered) = oneshot::channel();
    let asked = Asked {
        method: head.method,
        path: head.uri.path().to_owned(),
        query: head.uri.query().map(str::to_owned),
        headers: head.headers,
        body,
        client_certificate: visitor.certificate,
        peer: visitor.peer,
        reply: Reply(reply),
    };
    match route.requests.try_send(asked) {
        Ok(()) => {}
        // Whoever held the path will hold it again.
        Err(TrySendError::Full(_) | TrySendError::Closed(_)) => return Answer::unavailable(),
    }
    match timeout(route.limits.reply, answered).await {
        Ok(Ok(answer)) => answer,
        Ok(Err(_)) | Err(_) => Answer::unavailable(),
    }
}
