//! Who a server is, and who we are to it.

use postroom_connector::{Arrival, Failure};

use super::odd::{Listing, PASSWORD, odd_server};
use super::server::{Server, sftp};
use super::{at_once, error};
use crate::room::{Room, take};

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
    let port = odd_server(&room, Listing::Empty).await;
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
