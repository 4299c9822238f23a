//! Why a request brought no result, and what that means for the next attempt. Texts of the server are never repeated:
//! they may hold anything.

use std::io;

use postroom_connector::{ConnectorError, Failure};
use russh_sftp::client::error::Error;
use russh_sftp::protocol::StatusCode;

use crate::failure::failed;

/// Why a request brought no result.
#[derive(Debug)]
pub(super) enum Trouble {
    /// There is no such file or folder.
    Absent,
    /// The account has no right to it.
    Denied,
    /// The server cannot do it at all.
    Unsupported,
    /// The server said no, as it does when its disk is full, and does not say more.
    Refused(StatusCode),
    /// The connection is gone, or what comes over it makes no sense.
    Lost(String),
    /// No answer came in time.
    Late,
    /// Reading or writing on this machine did not work.
    Here(io::Error),
}

impl Trouble {
    /// Whether the connection is of no use any more, and the request may have been carried out.
    pub(super) const fn is_loss(&self) -> bool {
        matches!(self, Self::Lost(_) | Self::Late)
    }

    /// The error of the connector while doing what `words` say.
    pub(super) fn told(self, words: &str) -> ConnectorError {
        let (failure, detail) = match self {
            Self::Absent => (Failure::Down, "the server has no such file or folder".to_owned()),
            // No file is to blame for the rights of the account, or for the keys and secrets with which it is shown.
            Self::Denied => (Failure::Down, "the account has no right to it".to_owned()),
            Self::Unsupported => (Failure::Permanent, "the server cannot do it".to_owned()),
            Self::Refused(code) => (Failure::Transient, format!("the server answers {code:?}")),
            Self::Lost(detail) => (Failure::Down, format!("the connection is lost: {detail}")),
            Self::Late => (Failure::Down, "no answer within `sftp.timeout`".to_owned()),
            Self::Here(error) => return failed(words)(error),
        };
        ConnectorError::new(failure, words, detail)
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        match error {
            Error::Status(status) => match status.status_code {
                StatusCode::NoSuchFile => Self::Absent,
                StatusCode::PermissionDenied => Self::Denied,
                StatusCode::OpUnsupported => Self::Unsupported,
                StatusCode::NoConnection | StatusCode::ConnectionLost => {
                    Self::Lost("said by the server".into())
                }
                code => Self::Refused(code),
            },
            Error::Timeout => Self::Late,
            other => Self::Lost(other.to_string()),
        }
    }
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Self {
        Self::Here(error)
    }
}

/// For [`Result::map_err`]: the error of the connector while doing what `words` say.
pub(super) fn told(words: &str) -> impl Fn(Trouble) -> ConnectorError + '_ {
    move |trouble| trouble.told(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_said_and_what_was_not_have_their_meanings() {
        for (trouble, failure) in [
            (Trouble::Absent, Failure::Down),
            (Trouble::Denied, Failure::Down),
            (Trouble::Unsupported, Failure::Permanent),
            (Trouble::Refused(StatusCode::Failure), Failure::Transient),
            (Trouble::Lost("reset".to_owned()), Failure::Down),
            (Trouble::Late, Failure::Down),
            (Trouble::Here(io::Error::from_raw_os_error(28)), Failure::Transient),
        ] {
            let shown = format!("{trouble:?}");
            assert_eq!(trouble.told("trying").failure, failure, "{shown}");
        }
    }
}
