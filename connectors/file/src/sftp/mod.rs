//! A folder of an SFTP server as a place of files: what the folders of this machine promise, over a line that may break.
//!
//! The server is known by its host key and nothing else of it is trusted: not its clock, not the names that it gives, not
//! that an answer comes. The names of protocol messages are those of SFTP version 3 (draft-ietf-secsh-filexfer-02).

mod away;
mod bounded;
mod connect;
mod inbox;
mod kept;
mod leavings;
mod names;
mod remote;
mod session;
mod settings;
mod sink;
mod source;
mod spool;
mod take;
mod transfer;
mod trouble;

use std::path::PathBuf;

use postroom_connector::Settings;

pub(crate) use settings::{Access, Inbox, WrittenInbox};
pub(crate) use sink::sink;
pub(crate) use source::source;

/// The folder of this connector in the hub's data folder, for one system.
fn spool_folder(settings: &Settings, side: &str) -> PathBuf {
    settings.data.join("sftp").join(&settings.system).join(side)
}
