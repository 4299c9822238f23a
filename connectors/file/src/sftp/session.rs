//! One open session with a server: the few requests that this connector makes, each with its time limit. Knows no
//! council, and no name but those that it is told.

use std::net::{Shutdown, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use futures_util::future::join_all;
use russh::client::Handle;
use russh_sftp::client::RawSftpSession;
use russh_sftp::client::error::Error;
use russh_sftp::protocol::{self, FileAttributes, Name, OpenFlags, Packet, StatusCode};
use tokio::sync::watch;
use tokio::time::timeout;

use super::connect::Pinned;
use super::trouble::Trouble;
use crate::folder::Stamp;

/// Most requests of one file or listing that are under way at the same time.
pub(super) const AT_ONCE: usize = 16;
/// Most entries of a folder that are listed.
const MOST_ENTRIES: usize = 200_000;
/// Most bytes of their names.
const MOST_NAME_BYTES: usize = 64 * 1024 * 1024;
/// Kind of file in the upper bits of its mode, as every system has it.
const KIND: u32 = 0o170_000;
const REGULAR: u32 = 0o100_000;
/// Rights of the files that we make: the owner's and the group's, whom the account was made for.
const FILE_MODE: u32 = 0o640;
const FOLDER_MODE: u32 = 0o750;

const FSYNC: &str = "fsync@openssh.com";
const POSIX_RENAME: &str = "posix-rename@openssh.com";

/// The socket under a session: cut when the session is dropped, whatever else still holds it.
pub(super) struct Line(pub(super) TcpStream);

impl Drop for Line {
    fn drop(&mut self) {
        // One that is cut already is cut.
        let _ = self.0.shutdown(Shutdown::Both);
    }
}

/// An open session.
pub(super) struct Session {
    pub(super) raw: RawSftpSession,
    limit: Duration,
    pub(super) fsync: bool,
    posix_rename: bool,
    broken: AtomicBool,
    ssh: Handle<Pinned>,
    line: Line,
    /// Closes when nothing comes from the server any more.
    end: watch::Receiver<()>,
}

/// Work on a file or folder that is open on the server. Where it is dropped half way the session ends with it, for the
/// server would keep the handle.
pub(super) struct Opened<'a> {
    session: &'a Session,
    pub(super) handle: String,
    is_closed: bool,
}

impl Opened<'_> {
    /// Closes it and gives on what was done with it.
    pub(super) async fn close<T>(mut self, done: Result<T, Trouble>) -> Result<T, Trouble> {
        if done.as_ref().is_err_and(Trouble::is_loss) {
            return done;
        }
        let closed = self.session.ask(self.session.raw.close(self.handle.as_str())).await;
        self.is_closed = true;
        closed.and(done)
    }
}

impl Drop for Opened<'_> {
    fn drop(&mut self) {
        if !self.is_closed {
            self.session.cut();
        }
    }
}

/// An entry of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) name: String,
    pub(super) stamp: Stamp,
    pub(super) is_file: bool,
}

impl Session {
    /// Agrees with the server on the version and learns what it offers beyond.
    pub(super) async fn begin(
        raw: RawSftpSession,
        (ssh, line, end): (Handle<Pinned>, Line, watch::Receiver<()>),
        limit: Duration,
    ) -> Result<Self, Trouble> {
        let broken = AtomicBool::new(false);
        let mut session = Self { raw, limit, fsync: false, posix_rename: false, broken, ssh, line, end };
        let version = session.ask(session.raw.init()).await?;
        session.fsync = version.extensions.contains_key(FSYNC);
        session.posix_rename = version.extensions.contains_key(POSIX_RENAME);
        Ok(session)
    }

    /// Whether it may still be used.
    pub(super) fn is_alive(&self) -> bool {
        !self.broken.load(Ordering::Relaxed) && self.end.has_changed().is_ok() && !self.ssh.is_closed()
    }

    /// Awaits an answer for as long as the settings allow; a session that gave none is of no use any more.
    pub(super) async fn ask<T>(&self, request: impl Future<Output = Result<T, Error>>) -> Result<T, Trouble> {
        let mut end = self.end.clone();
        let answer = tokio::select! {
            biased;
            answer = timeout(self.limit, request) => answer.unwrap_or(Err(Error::Timeout)),
            _ = end.changed() => Err(Error::UnexpectedBehavior("nothing comes any more".to_owned())),
        };
        answer.map_err(Trouble::from).inspect_err(|trouble| {
            if trouble.is_loss() {
                self.cut();
            }
        })
    }

    fn cut(&self) {
        self.broken.store(true, Ordering::Relaxed);
        let _ = self.line.0.shutdown(Shutdown::Both);
    }

    pub(super) async fn open(&self, path: &str, flags: OpenFlags) -> Result<Opened<'_>, Trouble> {
        // Not the library's default, which would make everything a folder of root.
        let attributes =
            if flags.contains(OpenFlags::CREATE) { mode(FILE_MODE) } else { FileAttributes::empty() };
        self.opened(self.raw.open(path, flags, attributes)).await
    }

    async fn opened(
        &self,
        request: impl Future<Output = Result<protocol::Handle, Error>>,
    ) -> Result<Opened<'_>, Trouble> {
        // From the request on: the server may have opened it when nobody awaits the answer any more.
        let mut opened = Opened { session: self, handle: String::new(), is_closed: false };
        let answer = self.ask(request).await;
        opened.is_closed = answer.is_err();
        opened.handle = answer?.handle;
        Ok(opened)
    }

    /// Size and time of change of what is at `path`, if anything is.
    pub(super) async fn stamp(&self, path: &str) -> Result<Option<Stamp>, Trouble> {
        match self.ask(self.raw.lstat(path)).await {
            Ok(answer) => Ok(Some(stamp_of(&answer.attrs))),
            Err(Trouble::Absent) => Ok(None),
            Err(trouble) => Err(trouble),
        }
    }

    /// Everything in the folder at `path`, in no order.
    pub(super) async fn list(&self, path: &str) -> Result<Vec<Entry>, Trouble> {
        let folder = self.opened(self.raw.opendir(path)).await?;
        let entries = self.entries(&folder.handle).await;
        folder.close(entries).await
    }

    async fn entries(&self, folder: &str) -> Result<Vec<Entry>, Trouble> {
        let (mut entries, mut bytes) = (Vec::new(), 0);
        loop {
            let asked = (0..AT_ONCE).map(|_| self.ask(self.raw.readdir(folder)));
            let mut is_at_end = false;
            for answer in join_all(asked).await {
                match answer {
                    Ok(Name { files, .. }) if files.is_empty() => {
                        return Err(Trouble::Lost("a listing that has no end".to_owned()));
                    }
                    Ok(Name { files, .. }) => {
                        bytes += files.iter().map(|file| file.filename.len()).sum::<usize>();
                        entries.extend(files.into_iter().map(Entry::of));
                    }
                    Err(Trouble::Refused(StatusCode::Eof)) => is_at_end = true,
                    Err(trouble) => return Err(trouble),
                }
            }
            if is_at_end {
                return Ok(entries);
            }
            if entries.len() > MOST_ENTRIES || bytes > MOST_NAME_BYTES {
                return Err(Trouble::Here(std::io::Error::other(format!(
                    "the folder holds more than {MOST_ENTRIES} files: move old ones away"
                ))));
            }
        }
    }

    /// Renames as SFTP says: refused where `to` is there.
    pub(super) async fn rename(&self, from: &str, to: &str) -> Result<(), Trouble> {
        self.ask(self.raw.rename(from, to)).await.map(drop)
    }

    /// Renames in one step where the server can, so that `to` is there whole or not at all. One that was there may be
    /// replaced: the caller has looked.
    pub(super) async fn rename_at_once(&self, from: &str, to: &str) -> Result<(), Trouble> {
        if !self.posix_rename {
            return self.rename(from, to).await;
        }
        let mut said = Vec::new();
        for path in [from, to] {
            said.extend(small(path.len() as u64).to_be_bytes());
            said.extend(path.as_bytes());
        }
        match self.ask(self.raw.extended(POSIX_RENAME, said)).await? {
            Packet::Status(status) if status.status_code == StatusCode::Ok => Ok(()),
            Packet::Status(status) => Err(Error::Status(status).into()),
            _ => Err(Error::UnexpectedPacket.into()),
        }
    }

    /// Removes the file at `path`; one that is gone is removed.
    pub(super) async fn remove(&self, path: &str) -> Result<(), Trouble> {
        match self.ask(self.raw.remove(path)).await {
            Ok(_) | Err(Trouble::Absent) => Ok(()),
            Err(trouble) => Err(trouble),
        }
    }

    /// Makes the folder at `path`, where it is not there.
    pub(super) async fn make_folder(&self, path: &str) -> Result<(), Trouble> {
        if self.stamp(path).await?.is_some() {
            return Ok(());
        }
        self.ask(self.raw.mkdir(path, mode(FOLDER_MODE))).await.map(drop)
    }
}

impl Entry {
    fn of(file: protocol::File) -> Self {
        let is_file = match file.attrs.permissions {
            Some(mode) => mode & KIND == REGULAR,
            None => file.longname.starts_with('-'),
        };
        Self { stamp: stamp_of(&file.attrs), name: file.filename, is_file }
    }
}

fn stamp_of(attributes: &FileAttributes) -> Stamp {
    let changed = Duration::from_secs(attributes.mtime.unwrap_or_default().into());
    (attributes.size.unwrap_or_default(), SystemTime::UNIX_EPOCH + changed)
}

fn mode(mode: u32) -> FileAttributes {
    FileAttributes { permissions: Some(mode), ..FileAttributes::empty() }
}

/// A number that its caller knows to be small.
pub(super) fn small(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
