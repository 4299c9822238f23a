//! Records of fixed width, which councils exchange over SFTP more than any other: written to a server and read from it.

use postroom_connector::Ending;
use serde_json::json;

use super::server::Server;
use super::sink::{delivered, handover_of};
use crate::room::{Room, arrival, batch, values};

#[tokio::test]
async fn records_of_fixed_width_go_to_a_server_and_come_from_it() {
    let room = Room::new();
    let server = Server::start(&room);
    let out = format!(
        "{}name = 'payments-{{batch}}.txt'\n[format]\nkind = 'fixed-width'\nencoding = 'windows-1252'\n\
         fields = [{{ text = '10', width = 2 }}, {{ path = 'name', width = 8 }}, \
         {{ path = 'pence', width = 6, align = 'right', pad = '0' }}]",
        server.sftp(&room)
    );
    let messages = [json!({"name": "Zoë", "pence": 1250}), json!({"name": "Bea", "pence": 7})];
    let name = delivered(room.sink(&out).as_ref(), &handover_of("0190", &messages)).await;
    let written = std::fs::read(room.path(&format!("remote/{name}"))).expect("a file");
    assert_eq!(written, b"10Zo\xeb     001250\r\n10Bea     000007\r\n");

    let read = format!(
        "{}every = '100ms'\nsettle = '0s'\n[[files]]\npattern = '*.txt'\n[files.format]\nkind = 'fixed-width'\n\
         encoding = 'windows-1252'\n\
         fields = [{{ width = 2 }}, {{ name = 'name', width = 8 }}, {{ name = 'pence', width = 6 }}]",
        server.sftp(&room)
    );
    let mut source = room.source(&read);
    let mut taken = batch(arrival(source.as_mut()).await);
    let expected = [json!({"name": "Zoë", "pence": "001250"}), json!({"name": "Bea", "pence": "000007"})];
    assert_eq!(values(taken.as_mut()).await, expected);
    taken.finish(Ending::Done).await.expect("put away");
    assert_eq!(room.names("remote/done"), [name]);
}
