//! Why a request was refused, by the status of its answer. Pure.

use hyper::StatusCode;
use postroom_connector::Refused;

/// The reason; nothing where the request was taken.
pub(crate) fn refused(status: StatusCode) -> Option<Refused> {
    Some(match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Refused::NotProved,
        StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => Refused::NotThere,
        StatusCode::REQUEST_TIMEOUT => Refused::TooSlow,
        StatusCode::PAYLOAD_TOO_LARGE => Refused::TooLong,
        StatusCode::TOO_MANY_REQUESTS => Refused::TooMany,
        status if status.is_server_error() => Refused::NotNow,
        status if status.is_client_error() => Refused::NotUnderstood,
        _ => return None,
    })
}
