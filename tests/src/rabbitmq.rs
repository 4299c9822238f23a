//! A real RabbitMQ for tests: a private node on loopback, with data, cookie, ports and epmd of its own.
//!
//! A test process shares one node ([`Rabbit::shared`]), or uses the one that `deploy/test` started for all. A test that
//! stops or kills its node starts one for itself ([`Rabbit::start`]), or three ([`Cluster::start`]). It does not know
//! what the hub declares.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "support for tests: what goes wrong here fails the test"
)]

mod cluster;
mod node;
pub mod port;

use std::{env, path::Path, process::Command, sync::OnceLock};

use uuid::Uuid;

pub use self::cluster::Cluster;
use self::node::{Node, Register};
use crate::ports;

/// URL of a node that is there already; every test then keeps to a prefix of its own.
const GIVEN_URL: &str = "POSTROOM_TEST_AMQP_URL";
/// The command, with its first arguments, that controls that node.
const GIVEN_CONTROL: &str = "POSTROOM_TEST_RABBITMQCTL";

/// A running node.
pub struct Rabbit {
    url: String,
    control: Vec<String>,
    node: Option<Node>,
    version: OnceLock<(u32, u32)>,
}

impl Rabbit {
    /// The node that this process shares: the one given by the environment, else a private one, started once.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Rabbit> = OnceLock::new();
        SHARED.get_or_init(|| match env::var(GIVEN_URL) {
            Ok(url) => Self { url, control: given_control(), node: None, version: OnceLock::new() },
            Err(_) => Self::start(),
        })
    }

    /// A private node, which the test may stop, kill and start again.
    pub fn start() -> Self {
        let mut node = Node::new(&Register::Own, |_| String::new());
        node.run();
        Self::over(node)
    }

    /// The same with its management API, and the URL of that.
    pub fn start_with_management() -> (Self, String) {
        let port = ports::free();
        let listener = format!("management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {port}\n");
        let mut node = Node::new(&Register::Own, |_| listener);
        node.enable("rabbitmq_management");
        node.run();
        (Self::over(node), format!("http://guest:guest@127.0.0.1:{port}"))
    }

    /// The same, which speaks TLS too by a certificate and key in these files of PEM; and its URL with TLS, for `localhost`.
    pub fn start_with_tls(certificate: &Path, key: &Path) -> (Self, String) {
        let port = ports::free();
        let listener = format!(
            "listeners.ssl.1 = 127.0.0.1:{port}\nssl_options.certfile = {}\nssl_options.keyfile = {}\n",
            certificate.display(),
            key.display()
        );
        let mut node = Node::new(&Register::Own, |_| listener);
        node.run();
        (Self::over(node), format!("amqps://guest:guest@localhost:{port}/%2f"))
    }

    fn over(node: Node) -> Self {
        Self { url: node.url(), control: vec![node.control()], node: Some(node), version: OnceLock::new() }
    }

    /// Major and minor version of the broker: what differs between generations stands in the tests as code.
    pub fn version(&self) -> (u32, u32) {
        *self.version.get_or_init(|| {
            let said = self.ctl(&["version"]);
            let mut numbers = said.trim().split('.').map(|number| number.parse().expect("a version"));
            (numbers.next().expect("a major version"), numbers.next().expect("a minor version"))
        })
    }

    /// The URL of the node, as a user who may do all.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The URL of the node as `user`.
    pub fn url_as(&self, user: &str, password: &str) -> String {
        let (_, place) = self.url.rsplit_once('@').expect("a url with a user");
        format!("amqp://{user}:{password}@{place}")
    }

    /// A prefix that no other test has.
    pub fn prefix(&self) -> String {
        format!("test-{}.", Uuid::new_v4().simple())
    }

    /// Runs `rabbitmqctl` and gives back what it printed.
    pub fn ctl(&self, arguments: &[&str]) -> String {
        let (program, first) = self.control.split_first().expect("a command that controls the node");
        let mut command = Command::new(program);
        command.args(first).arg("-q").args(arguments);
        if let Some(node) = &self.node {
            command.envs(node.environment().iter().map(|(name, value)| (name, value)));
        }
        let output = command.output().expect("rabbitmqctl can be run");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "rabbitmqctl {arguments:?}: {said}");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Adds a broker user; `permissions` are the patterns of what it may configure, write and read.
    pub fn add_user(&self, name: &str, password: &str, permissions: [&str; 3]) {
        self.ctl(&["add_user", name, password]);
        let [configure, write, read] = permissions;
        self.ctl(&["set_permissions", name, configure, write, read]);
    }

    /// What other processes find in their environment to share this node.
    pub fn for_others(&self) -> [(&'static str, String); 2] {
        let own = self.node.iter().flat_map(Node::environment);
        let own = own.filter_map(|(name, value)| Some((name, value.to_str()?)));
        let own =
            own.filter(|(_, value)| !value.contains(' ')).map(|(name, value)| format!("{name}={value}"));
        let words: Vec<_> = ["env".to_owned()].into_iter().chain(own).chain(self.control.clone()).collect();
        [(GIVEN_URL, self.url.clone()), (GIVEN_CONTROL, words.join(" "))]
    }

    /// Stops the node in good order; its data stay.
    pub fn stop(&mut self) {
        self.own().end("stop");
    }

    /// Kills the node as a power cut would; its data stay.
    pub fn kill(&mut self) {
        self.own().end("kill");
    }

    /// Starts a node that was stopped or killed, on the same port and with its data.
    pub fn start_again(&mut self) {
        self.own().run();
    }

    /// The process of a private node, e.g. to stop it for a while by a signal.
    pub fn pid(&self) -> u32 {
        self.node.as_ref().expect("a node of the test's own: Rabbit::start()").pid()
    }

    fn own(&mut self) -> &mut Node {
        self.node.as_mut().expect("a node of the test's own: Rabbit::start()")
    }
}

fn given_control() -> Vec<String> {
    let command = env::var(GIVEN_CONTROL).unwrap_or_else(|_| "rabbitmqctl".to_owned());
    command.split_whitespace().map(str::to_owned).collect()
}
