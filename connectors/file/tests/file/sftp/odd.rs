//! A server of the tests' own, for what OpenSSH's cannot be asked for: a password that is no account's of the machine, and
//! listings that are none.

use std::collections::HashMap;
use std::sync::Arc;

use russh::server::{Auth, ChannelOpenHandle, Config, Msg, Session, run_stream};
use russh::{Channel, ChannelId};
use russh_sftp::protocol::{File, Handle, Name, Status, StatusCode, Version};
use tokio::net::TcpListener;

use crate::room::Room;

pub(super) const PASSWORD: &str = "quite-secret-5d1c";
/// Names in one answer of an endless listing.
const NAMES_AT_ONCE: u64 = 1_000;

/// How the server lists its folder.
#[derive(Debug, Clone, Copy)]
pub(super) enum Listing {
    /// As one that is empty.
    Empty,
    /// In answers that hold no name, again and again.
    OfNothing,
    /// With ever more names.
    Endless,
}

/// A server that lets in who has the password, with the key of OpenSSH's server in `room`; its port.
pub(super) async fn odd_server(room: &Room, listing: Listing) -> u16 {
    let key = russh::keys::load_secret_key(room.path("ssh/host"), None).expect("a key");
    let config = Arc::new(Config {
        keys: vec![key],
        auth_rejection_time: std::time::Duration::ZERO,
        auth_rejection_time_initial: Some(std::time::Duration::ZERO),
        ..Config::default()
    });
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        while let Ok((line, _)) = listener.accept().await {
            let config = Arc::clone(&config);
            tokio::spawn(async move {
                // How it ends is seen from the other side.
                if let Ok(running) =
                    run_stream(config, line, Gate { listing, channels: HashMap::new() }).await
                {
                    let _ = running.await;
                }
            });
        }
    });
    port
}

struct Gate {
    listing: Listing,
    channels: HashMap<ChannelId, Channel<Msg>>,
}

impl russh::server::Handler for Gate {
    type Error = russh::Error;

    async fn auth_password(&mut self, _user: &str, password: &str) -> Result<Auth, Self::Error> {
        Ok(if password == PASSWORD { Auth::Accept } else { Auth::reject() })
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _session: &mut Session,
    ) -> Result<(), Self::Error> {
        self.channels.insert(channel.id(), channel);
        reply.accept().await;
        Ok(())
    }

    async fn subsystem_request(
        &mut self,
        id: ChannelId,
        _name: &str,
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        session.channel_success(id)?;
        let channel = self.channels.remove(&id).expect("a channel");
        russh_sftp::server::run(channel.into_stream(), Folder { listing: self.listing, told: 0 }).await;
        Ok(())
    }
}

struct Folder {
    listing: Listing,
    /// Names that were told.
    told: u64,
}

impl russh_sftp::server::Handler for Folder {
    type Error = StatusCode;

    fn unimplemented(&self) -> Self::Error {
        StatusCode::OpUnsupported
    }

    async fn init(&mut self, _: u32, _: HashMap<String, String>) -> Result<Version, Self::Error> {
        Ok(Version::new())
    }

    async fn opendir(&mut self, id: u32, path: String) -> Result<Handle, Self::Error> {
        Ok(Handle { id, handle: path })
    }

    async fn readdir(&mut self, id: u32, _handle: String) -> Result<Name, Self::Error> {
        let names = match self.listing {
            Listing::Empty => return Err(StatusCode::Eof),
            Listing::OfNothing => 0,
            Listing::Endless => NAMES_AT_ONCE,
        };
        let names = self.told..self.told + names;
        self.told = names.end;
        Ok(Name { id, files: names.map(|number| File::dummy(format!("{number}.csv"))).collect() })
    }

    async fn close(&mut self, id: u32, _handle: String) -> Result<Status, Self::Error> {
        let (error_message, language_tag) = (String::new(), String::new());
        Ok(Status { id, status_code: StatusCode::Ok, error_message, language_tag })
    }
}
