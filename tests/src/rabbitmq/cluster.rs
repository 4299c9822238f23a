//! Three nodes that are one broker, for what happens when one of them goes. It knows no queue.

use std::process::{Child, Command, Stdio};

use super::{
    Rabbit,
    node::{Node, Register, programs},
};
use crate::ports;

/// Nodes of a cluster: the fewest of which one may go and a majority stays.
const NODES: usize = 3;
/// The register of Erlang nodes, which ends with its standard input.
const KEEPER: &str =
    r#"trap : INT HUP TERM; epmd >/dev/null 2>&1 & epmd=$!; read -r _; kill -KILL $epmd; wait $epmd"#;

/// A cluster of three nodes on loopback.
pub struct Cluster {
    nodes: Vec<Rabbit>,
    _register: Epmd,
}

impl Cluster {
    /// Starts the nodes one after another; each joins the first.
    pub fn start() -> Self {
        let port = ports::free();
        let register = Epmd::start(port);
        let mut first = None;
        let nodes = (0..NODES).map(|_| member(port, &mut first)).collect();
        Self { nodes, _register: register }
    }

    /// The nodes, in the order of their start.
    pub fn nodes(&mut self) -> &mut [Rabbit] {
        &mut self.nodes
    }
}

/// The first node founds the cluster; any other finds it by name, and by the same cookie.
fn member(epmd: u16, first: &mut Option<(String, Vec<u8>)>) -> Rabbit {
    let mut own = String::new();
    let mut node = Node::new(&Register::Shared(epmd), |name| {
        name.clone_into(&mut own);
        let founder = first.as_ref().map_or(name, |(founder, _)| founder);
        let mut nodes = vec![founder.to_owned(), name.to_owned()];
        nodes.dedup();
        let listed = nodes.iter().enumerate();
        let listed =
            listed.map(|(at, node)| format!("cluster_formation.classic_config.nodes.{} = {node}\n", at + 1));
        format!("cluster_formation.peer_discovery_backend = classic_config\n{}", listed.collect::<String>())
    });
    let cookie = node.folder().join(".erlang.cookie");
    if let Some((_, shared)) = first {
        write_secret(&cookie, shared);
    }
    node.run();
    if first.is_none() {
        *first = Some((own, std::fs::read(&cookie).expect("the founder's cookie")));
    }
    Rabbit::over(node)
}

fn write_secret(path: &std::path::Path, secret: &[u8]) {
    use std::{fs::OpenOptions, io::Write, os::unix::fs::OpenOptionsExt};
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o400).open(path).expect("a cookie");
    file.write_all(secret).expect("a cookie");
}

/// The register by which the nodes find one another.
struct Epmd {
    keeper: Child,
}

impl Epmd {
    fn start(port: u16) -> Self {
        let path = std::env::var("PATH").unwrap_or_default();
        let keeper = Command::new("sh")
            .args(["-c", KEEPER])
            .env("PATH", format!("{}:{path}", programs().display()))
            .env("ERL_EPMD_PORT", port.to_string())
            .env("ERL_EPMD_ADDRESS", "127.0.0.1")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn();
        Self { keeper: keeper.expect("sh can be run") }
    }
}

impl Drop for Epmd {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}
