//! Reading a file of somebody else's: only a regular one, or a link to one, and never more of it than a limit.

use std::fs::{File, metadata};
use std::io::{Error, ErrorKind, Read, Result};
use std::path::Path;

/// The whole of a file of at most `limit` bytes.
///
/// # Errors
/// [`ErrorKind::FileTooLarge`] where it is larger, [`ErrorKind::InvalidInput`] where it is a pipe, a device or a folder, which
/// would never end or keep the reader waiting; else what the system says.
pub fn read_file(file: &Path, limit: u64) -> Result<Vec<u8>> {
    let about = metadata(file)?;
    if !about.is_file() {
        return Err(Error::new(ErrorKind::InvalidInput, "it is no regular file"));
    }
    let too_large =
        |size: u64| Error::new(ErrorKind::FileTooLarge, format!("it has {size} bytes, the limit is {limit}"));
    if about.len() > limit {
        return Err(too_large(about.len()));
    }
    let mut bytes = Vec::new();
    File::open(file)?.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    let size = bytes.len() as u64;
    if size > limit { Err(too_large(size)) } else { Ok(bytes) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_regular_file_or_a_link_to_one_is_read_up_to_the_limit_and_nothing_else_is_opened() {
        let folder = tempfile::tempdir().expect("a folder");
        let at = |name: &str| folder.path().join(name);
        std::fs::write(at("text"), "1234").expect("a file");
        std::os::unix::fs::symlink("text", at("link")).expect("a link");
        std::os::unix::fs::symlink("/dev/zero", at("endless")).expect("a link");
        let pipe = std::process::Command::new("mkfifo").arg(at("pipe")).status().expect("a pipe");
        assert!(pipe.success());
        let kind = |name: &str, limit: u64| read_file(&at(name), limit).map_err(|error| error.kind());
        for name in ["text", "link"] {
            assert_eq!(kind(name, 4), Ok(b"1234".to_vec()), "{name}");
            assert_eq!(kind(name, 3), Err(ErrorKind::FileTooLarge), "{name}");
        }
        for name in ["pipe", "endless", "."] {
            assert_eq!(kind(name, 4), Err(ErrorKind::InvalidInput), "{name}");
        }
        assert_eq!(kind("absent", 4), Err(ErrorKind::NotFound));
    }
}
