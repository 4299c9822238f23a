//! What an error of the operating system means for the next attempt.

use std::fs::File;
use std::io::{self, ErrorKind};
use std::path::Path;

use postroom_connector::{ConnectorError, Failure};

/// An I/O error while doing what `words` say.
pub(crate) fn failed(words: &str) -> impl Fn(io::Error) -> ConnectorError + '_ {
    move |error| ConnectorError::new(meaning(error.kind()), words, error)
}

/// A folder that is absent or closed to us is a system that cannot be reached; a full disk may be emptied.
const fn meaning(kind: ErrorKind) -> Failure {
    match kind {
        ErrorKind::NotFound
        | ErrorKind::PermissionDenied
        | ErrorKind::ReadOnlyFilesystem
        | ErrorKind::StaleNetworkFileHandle
        | ErrorKind::NotConnected
        | ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable => Failure::Down,
        ErrorKind::InvalidFilename | ErrorKind::NotADirectory | ErrorKind::IsADirectory => Failure::Permanent,
        _ => Failure::Transient,
    }
}

/// A blocking task that did not end by itself.
pub(crate) fn interrupted(error: tokio::task::JoinError) -> ConnectorError {
    ConnectorError::new(Failure::Transient, "the work on the file was interrupted", error)
}

/// Makes the names in `folder` survive a loss of power, where the file system can.
pub(crate) fn sync_folder(folder: &Path) -> io::Result<()> {
    match File::open(folder)?.sync_all() {
        Err(error) if matches!(error.kind(), ErrorKind::InvalidInput | ErrorKind::Unsupported) => Ok(()),
        result => result,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_is_transient_and_an_absent_folder_means_down() {
        for (kind, failure) in [
            (ErrorKind::StorageFull, Failure::Transient),
            (ErrorKind::Other, Failure::Transient),
            (ErrorKind::NotFound, Failure::Down),
            (ErrorKind::PermissionDenied, Failure::Down),
            (ErrorKind::InvalidFilename, Failure::Permanent),
        ] {
            assert_eq!(failed("writing")(io::Error::from(kind)).failure, failure, "{kind:?}");
        }
        let no_space_left = io::Error::from_raw_os_error(28);
        assert_eq!(failed("writing")(no_space_left).failure, Failure::Transient);
        let input_output = io::Error::from_raw_os_error(5);
        assert_eq!(failed("writing")(input_output).failure, Failure::Transient);
    }
}
