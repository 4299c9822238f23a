//! What an error of `lapin` means to the hub.

use lapin::{Error, ErrorKind};
use tokio::time::timeout;

use crate::{ANSWER_TIMEOUT, BrokerError};

/// Reply codes of AMQP 0-9-1 and RabbitMQ that mean something to the hub.
pub(super) mod reply {
    pub(crate) const INVALID_PATH: u16 = 402;
    pub(crate) const ACCESS_REFUSED: u16 = 403;
    pub(crate) const NOT_FOUND: u16 = 404;
    pub(crate) const RESOURCE_LOCKED: u16 = 405;
    pub(crate) const PRECONDITION_FAILED: u16 = 406;
    pub(crate) const NOT_ALLOWED: u16 = 530;
    pub(crate) const INTERNAL_ERROR: u16 = 541;
}

/// Awaits the broker's answer within the time limit.
pub(super) async fn answered<T>(
    doing: &str,
    asked: impl Future<Output = lapin::Result<T>>,
) -> Result<T, BrokerError> {
    match timeout(ANSWER_TIMEOUT, asked).await {
        Ok(answer) => answer.map_err(|error| ended(doing, &error)),
        Err(_) => Err(BrokerError::TimedOut { doing: doing.to_owned(), limit: ANSWER_TIMEOUT }),
    }
}

/// Why something on an open connection did not succeed.
pub(super) fn ended(doing: &str, error: &Error) -> BrokerError {
    let (doing, detail) = (doing.to_owned(), words(error));
    match reply_code(error) {
        Some(reply::ACCESS_REFUSED) => BrokerError::Denied { doing, detail },
        Some(reply::NOT_FOUND) => BrokerError::Missing { doing },
        _ => BrokerError::Lost { doing, detail },
    }
}

/// Why a connection did not come about.
pub(super) fn refused(url: String, error: &Error) -> BrokerError {
    let detail = words(error);
    match reply_code(error) {
        Some(reply::ACCESS_REFUSED | reply::NOT_ALLOWED | reply::INVALID_PATH) => {
            BrokerError::Refused { url, detail }
        }
        _ => BrokerError::Unreachable { url, detail },
    }
}

/// The broker's reply code, when it is the broker that said no.
pub(super) fn reply_code(error: &Error) -> Option<u16> {
    match error.kind() {
        ErrorKind::ProtocolError(error) => Some(error.get_id()),
        _ => None,
    }
}

/// The broker's own words, else the client's.
pub(super) fn words(error: &Error) -> String {
    match error.kind() {
        ErrorKind::ProtocolError(error) => error.get_message().to_string(),
        ErrorKind::IOError(error) => error.to_string(),
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use lapin::protocol::AMQPError;

    use super::*;
    use crate::Failure;

    fn check(code: u16, as_opened: Failure, as_open: Failure) {
        let error = Error::from(ErrorKind::ProtocolError(AMQPError::from_id(code, "no".into()).unwrap()));
        assert_eq!(refused(String::new(), &error).failure(), as_opened, "{code} on opening");
        assert_eq!(ended("asking", &error).failure(), as_open, "{code} on an open connection");
    }

    #[test]
    fn a_refusal_is_permanent_and_a_break_is_not() {
        check(reply::ACCESS_REFUSED, Failure::Permanent, Failure::Permanent);
        check(reply::NOT_ALLOWED, Failure::Permanent, Failure::Transient);
        check(reply::NOT_FOUND, Failure::Transient, Failure::Transient);
        check(320, Failure::Transient, Failure::Transient);
        check(541, Failure::Transient, Failure::Transient);
    }
}
