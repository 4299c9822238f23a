//! Who a server is, and who we are to it.

use std::collections::HashMap;
use std::sync::Arc;

use postroom_connector::{Arrival, Failure};
use russh::server::{Auth, ChannelOpenHandle, Config, Msg, Session, run_stream};
use russh::{Channel, ChannelId};
use russh_sftp::protocol::{Handle, Name, Status, StatusCode, Version};
use tokio::net::TcpListener;

use super::server::{Server, sftp};
use super::{at_once, error};
use crate::room::{Room, take};

const PASSWORD: &str = "quite-secret-5d1c";

#[tokio::test]
async fn a_server_with_another_key_is_refused_and_told_nothing() {
    let room = Room::new();
    let mut server = Server::start(&room);
    let settings = at_once(&server.sftp(&room), "");
    let pinned = server.fingerprint("host");
    server.kill();
    server.make_key("host", "");
    server.begin();
    let shown = server.fingerprint("host");
    let mut source = room.source(&settings);
    let failed = error(source.as_mut()).await;
    assert_eq!(failed.failure, Failure::Down);
    let words = failed.to_string();
    assert!(words.contains(&pinned) && words.contains(&shown) && words.contains("sftp.host_key"), "{words}");
    let log = server.log();
    assert!(
        !log.contains("ostponed publickey") && !log.contains("ccepted") && !log.contains("ailed"),
        "{log}"
    );

    let both = settings.replace(&format!("'{pinned}'"), &format!("['{pinned}', '{shown}']"));
    room.put("remote/a.csv", "1,2\n");
    assert_eq!(take(room.source(&both).as_mut()).await, "a.csv", "one of a list is enough");
}

#[tokio::test]
async fn a_server_or_an_account_with_an_rsa_key_only_is_down() {
    let room = Room::new();
    let mut server = Server::start(&room);
    server.make_key_of("rsa", "id", "");
    let failed = error(room.source(&at_once(&server.sftp(&room), "")).as_mut()).await;
    assert_eq!(failed.failure, Failure::Down, "{failed}");
    assert!(failed.to_string().contains("`sftp.key`"), "{failed}");
    server.kill();
    server.make_key("id", "");
    server.make_key_of("rsa", "host", "");
    server.begin();
    let failed = error(room.source(&at_once(&server.sftp(&room), "")).as_mut()).await;
    assert_eq!(failed.failure, Failure::Down, "{failed}");
}

#[tokio::test]
async fn a_key_that_the_server_does_not_know_is_down_and_named_by_its_setting() {
    let room = Room::new();
    let server = Server::start(&room);
    let settings = at_once(&server.sftp(&room), "").replace("ssh/id", "ssh/stranger");
    let failed = error(room.source(&settings).as_mut()).await;
    assert_eq!(failed.failure, Failure::Down);
    assert!(failed.to_string().contains("`sftp.key`"), "{failed}");

    let absent = settings.replace("ssh/stranger", "ssh/absent");
    let failed = error(room.source(&absent).as_mut()).await;
    assert_eq!(failed.failure, Failure::Down);
    assert!(failed.to_string().contains("`sftp.key`"), "{failed}");
}

#[tokio::test]
async fn a_key_is_opened_by_its_passphrase_which_is_never_told() {
    let room = Room::new();
    let server = Server::start(&room);
    server.make_key("id", PASSWORD);
    room.put("right", PASSWORD);
    room.put("wrong", format!("{PASSWORD}-not"));
    room.put("remote/a.csv", "1,2\n");
    let with = |file: &str| {
        let key = format!("'ssh/id' }}, passphrase = {{ file = '{file}' }}");
        at_once(&server.sftp(&room), "").replace("'ssh/id' }", &key)
    };
    let failed = error(room.source(&with("wrong")).as_mut()).await;
    assert_eq!(failed.failure, Failure::Down);
    assert!(failed.to_string().contains("`sftp.passphrase`"), "{failed}");
    assert!(!format!("{failed:?}").contains(PASSWORD), "{failed}");
    assert_eq!(take(room.source(&with("right")).as_mut()).await, "a.csv");
}

#[tokio::test]
async fn a_password_is_shown_to_the_right_server_only_and_a_wrong_one_is_down() {
    let room = Room::new();
    let keys = Server::start(&room);
    let port = server_with_passwords(&room).await;
    room.put("right", PASSWORD);
    room.put("wrong", format!("{PASSWORD}-not"));
    let with = |file: &str, key: &str| {
        let login = format!("password = {{ file = '{file}' }}");
        at_once(&sftp(&room.path("remote"), port, &keys.fingerprint(key), &login), "")
    };
    assert!(matches!(room.source(&with("right", "host")).next().await, Ok(Arrival::Idle)));
    for (file, key, named) in [("wrong", "host", "`sftp.password`"), ("right", "stranger", "`sftp.host_key`")]
    {
        let failed = error(room.source(&with(file, key)).as_mut()).await;
        assert_eq!(failed.failure, Failure::Down);
        assert!(failed.to_string().contains(named), "{failed}");
        assert!(!format!("{failed:?}").contains(PASSWORD), "{failed}");
    }
    // One that is replaced counts from the next connection.
    let mut source = room.source(&with("wrong", "host"));
    assert_eq!(error(source.as_mut()).await.failure, Failure::Down);
    room.put("wrong", PASSWORD);
    assert!(matches!(source.next().await, Ok(Arrival::Idle)));
}

/// A server of an empty folder that lets in who has the password, with the key of OpenSSH's server; its port. OpenSSH's own
/// asks the machine's accounts for passwords.
async fn server_with_passwords(room: &Room) -> u16 {
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
                if let Ok(running) = run_stream(config, line, Gate::default()).await {
                    let _ = running.await;
                }
            });
        }
    });
    port
}

#[derive(Default)]
struct Gate(HashMap<ChannelId, Channel<Msg>>);

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
        self.0.insert(channel.id(), channel);
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
        let channel = self.0.remove(&id).expect("a channel");
        russh_sftp::server::run(channel.into_stream(), EmptyFolder).await;
        Ok(())
    }
}

struct EmptyFolder;

impl russh_sftp::server::Handler for EmptyFolder {
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

    async fn readdir(&mut self, _id: u32, _handle: String) -> Result<Name, Self::Error> {
        Err(StatusCode::Eof)
    }

    async fn close(&mut self, id: u32, _handle: String) -> Result<Status, Self::Error> {
        let (error_message, language_tag) = (String::new(), String::new());
        Ok(Status { id, status_code: StatusCode::Ok, error_message, language_tag })
    }
}
