//! A real RabbitMQ for tests: a private node on loopback, with data, cookie, ports and epmd of its own.
//!
//! A test process shares one node ([`Rabbit::shared`]), or uses the one that `deploy/test` started for all. A test that
//! stops or kills its node starts one for itself ([`Rabbit::start`]). It does not know what the hub declares.

#![expect(
    clippy::expect_used,
    clippy::panic,
    reason = "support for tests: what goes wrong here fails the test"
)]

use std::{
    env,
    io::{BufRead, BufReader, Write},
    net::TcpListener,
    path::Path,
    process::{Child, Command, Stdio},
    sync::OnceLock,
};

use tempfile::TempDir;
use uuid::Uuid;

/// URL of a node that is there already; every test then keeps to a prefix of its own.
const GIVEN_URL: &str = "POSTROOM_TEST_AMQP_URL";
/// The command, with its first arguments, that controls that node.
const GIVEN_CONTROL: &str = "POSTROOM_TEST_RABBITMQCTL";
/// Where packages put RabbitMQ's own scripts: Debian, and the official image.
const HOMES: [&str; 2] = ["/usr/lib/rabbitmq/bin", "/opt/rabbitmq/sbin"];
/// Keeps the node's processes. The end of its standard input is the end of the test process, however it died.
const KEEPER: &str = r#"
trap : INT HUP TERM
epmd >/dev/null 2>&1 & epmd=$!
"$BIN/rabbitmq-server" >"$BASE/out" 2>&1 & node=$!
if "$BIN/rabbitmqctl" -q wait "$BASE/pid" --timeout 60 >>"$BASE/out" 2>&1; then echo ready; else echo failed; fi
read -r how || how=gone
case "$how" in stop) kill -TERM $node ;; *) kill -KILL $node ;; esac
wait $node
kill -KILL $epmd
wait $epmd
if [ "$how" = gone ]; then rm -rf "$BASE"; fi
"#;

/// A running node.
pub struct Rabbit {
    url: String,
    control: Vec<String>,
    node: Option<Node>,
}

/// A node of our own.
struct Node {
    base: TempDir,
    environment: Vec<(&'static str, String)>,
    keeper: Option<Child>,
}

impl Rabbit {
    /// The node that this process shares: the one given by the environment, else a private one, started once.
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<Rabbit> = OnceLock::new();
        SHARED.get_or_init(|| match env::var(GIVEN_URL) {
            Ok(url) => Self { url, control: given_control(), node: None },
            Err(_) => Self::launch(),
        })
    }

    /// A private node, which the test may stop, kill and start again.
    pub fn start() -> Self {
        Self::launch()
    }

    fn launch() -> Self {
        let bin = HOMES.into_iter().find(|home| Path::new(home).join("rabbitmq-server").exists());
        let bin =
            bin.expect("RabbitMQ is not installed on this machine: run ./deploy/test, which installs it");
        let base =
            tempfile::Builder::new().prefix("postroom-rabbit-").tempdir().expect("a folder for the node");
        let [amqp, distribution, epmd] = free_ports();
        write_configuration(base.path(), amqp);
        let environment = environment(base.path(), bin, amqp, distribution, epmd);
        let url = format!("amqp://guest:guest@127.0.0.1:{amqp}/%2f");
        let mut node = Node { base, environment, keeper: None };
        node.run();
        Self { url, control: vec![format!("{bin}/rabbitmqctl")], node: Some(node) }
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
            command.envs(node.environment.iter().map(|(name, value)| (name, value)));
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
        let own = self.node.iter().flat_map(|node| &node.environment);
        let own =
            own.filter(|(_, value)| !value.contains(' ')).map(|(name, value)| format!("{name}={value}"));
        let words: Vec<_> = ["env".to_owned()].into_iter().chain(own).chain(self.control.clone()).collect();
        [(GIVEN_URL, self.url.clone()), (GIVEN_CONTROL, words.join(" "))]
    }

    /// Stops the node in good order; its data stay.
    pub fn stop(&mut self) {
        self.own().end(b"stop\n");
    }

    /// Kills the node as a power cut would; its data stay.
    pub fn kill(&mut self) {
        self.own().end(b"kill\n");
    }

    /// Starts a node that was stopped or killed, on the same port and with its data.
    pub fn start_again(&mut self) {
        self.own().run();
    }

    fn own(&mut self) -> &mut Node {
        self.node.as_mut().expect("a node of the test's own: Rabbit::start()")
    }
}

impl Node {
    fn run(&mut self) {
        let mut keeper = Command::new("sh")
            .args(["-c", KEEPER])
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("sh can be run");
        let mut word = String::new();
        let output = keeper.stdout.take().expect("the keeper's output");
        BufReader::new(output).read_line(&mut word).expect("a word from the keeper");
        self.keeper = Some(keeper);
        if word.trim() != "ready" {
            let said = std::fs::read_to_string(self.base.path().join("out")).unwrap_or_default();
            panic!("RabbitMQ did not start: {said}");
        }
    }

    fn end(&mut self, word: &[u8]) {
        let Some(mut keeper) = self.keeper.take() else { return };
        if let Some(mut input) = keeper.stdin.take() {
            // A keeper that does not read has ended already.
            let _ = input.write_all(word);
        }
        let _ = keeper.wait();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.end(b"kill\n");
    }
}

fn given_control() -> Vec<String> {
    let command = env::var(GIVEN_CONTROL).unwrap_or_else(|_| "rabbitmqctl".to_owned());
    command.split_whitespace().map(str::to_owned).collect()
}

fn free_ports() -> [u16; 3] {
    let listeners = [(); 3].map(|()| TcpListener::bind(("127.0.0.1", 0)).expect("a free port"));
    listeners.map(|listener| listener.local_addr().expect("its number").port())
}

fn write_configuration(base: &Path, amqp: u16) {
    let text = format!(
        "listeners.tcp.1 = 127.0.0.1:{amqp}\nlog.console = false\ndisk_free_limit.absolute = 100MB\n"
    );
    std::fs::write(base.join("rabbitmq.conf"), text).expect("the node's configuration");
    std::fs::write(base.join("enabled_plugins"), "[].\n").expect("the node's list of plugins");
}

/// What keeps the node apart from any other on this machine.
fn environment(
    base: &Path,
    bin: &str,
    amqp: u16,
    distribution: u16,
    epmd: u16,
) -> Vec<(&'static str, String)> {
    let within = |name: &str| base.join(name).display().to_string();
    vec![
        ("BIN", bin.to_owned()),
        ("BASE", base.display().to_string()),
        ("HOME", base.display().to_string()),
        ("ERL_EPMD_PORT", epmd.to_string()),
        ("ERL_EPMD_ADDRESS", "127.0.0.1".to_owned()),
        ("RABBITMQ_NODENAME", format!("postroom-test-{amqp}@localhost")),
        ("RABBITMQ_DIST_PORT", distribution.to_string()),
        ("RABBITMQ_CONF_ENV_FILE", within("env")),
        ("RABBITMQ_CONFIG_FILE", within("rabbitmq.conf")),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", within("enabled_plugins")),
        ("RABBITMQ_MNESIA_BASE", within("mnesia")),
        ("RABBITMQ_LOG_BASE", within("log")),
        ("RABBITMQ_PID_FILE", within("pid")),
        ("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1}".to_owned()),
        // The script becomes the node, so that a signal to it reaches the node.
        ("RUNNING_UNDER_SYSTEMD", "1".to_owned()),
    ]
}
