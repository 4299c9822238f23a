//! One RabbitMQ node: where its programs are, what keeps it apart from any other, how it is started and ended.
//!
//! It knows neither tests nor what is declared.

use std::{
    env,
    ffi::OsString,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use tempfile::TempDir;

use crate::ports;

/// Which generation of RabbitMQ is tested: `3`, or nothing, is the distribution's; others are brought by `deploy/test`.
const GENERATION: &str = "POSTROOM_TEST_RABBITMQ";
/// Where packages put RabbitMQ's own scripts: Debian, and the official image.
const HOMES: [&str; 2] = ["/usr/lib/rabbitmq/bin", "/opt/rabbitmq/sbin"];
/// Keeps the node's processes. The end of its standard input is the end of the test process, however it died.
const KEEPER: &str = r#"
trap : INT HUP TERM
epmd=
if [ "$EPMD" = own ]; then epmd >/dev/null 2>&1 & epmd=$!; fi
"$BIN/rabbitmq-server" >"$BASE/out" 2>&1 & node=$!
if "$BIN/rabbitmqctl" -q wait "$BASE/pid" --timeout 60 >>"$BASE/out" 2>&1; then echo ready $node; else echo failed; fi
read -r how || how=gone
case "$how" in stop) kill -TERM $node ;; *) kill -KILL $node ;; esac
wait $node
if [ -n "$epmd" ]; then kill -KILL $epmd; wait $epmd; fi
if [ "$how" = gone ]; then rm -rf "$BASE"; fi
"#;

/// A node of our own, running or not.
pub(super) struct Node {
    base: TempDir,
    bin: PathBuf,
    amqp: u16,
    environment: Vec<(&'static str, OsString)>,
    keeper: Option<Child>,
    pid: u32,
}

/// Who keeps the register of Erlang nodes by which a node is found.
pub(super) enum Register {
    /// The node itself, on a port of its own.
    Own,
    /// Somebody else, on this port.
    Shared(u16),
}

impl Node {
    /// A node that does not run yet; `more` are lines of its configuration beside the ordinary ones.
    pub(super) fn new(register: &Register, more: impl FnOnce(&str) -> String) -> Self {
        let bin = programs();
        let base =
            tempfile::Builder::new().prefix("postroom-rabbit-").tempdir().expect("a folder for the node");
        let [amqp, distribution, epmd] = [(); 3].map(|()| ports::free());
        let (kept_by, epmd) = match register {
            Register::Own => ("own", epmd),
            Register::Shared(port) => ("shared", *port),
        };
        let name = format!("postroom-test-{amqp}@localhost");
        write_configuration(base.path(), amqp, &more(&name));
        let mut environment = environment(base.path(), &bin, &name);
        environment.push(("ERL_EPMD_PORT", epmd.to_string().into()));
        environment.push(("RABBITMQ_DIST_PORT", distribution.to_string().into()));
        environment.push(("EPMD", kept_by.into()));
        Self { base, bin, amqp, environment, keeper: None, pid: 0 }
    }

    /// Has a plugin of RabbitMQ's start with the node.
    pub(super) fn enable(&self, plugin: &str) {
        let plugins = format!("[{plugin}].\n");
        std::fs::write(self.base.path().join("enabled_plugins"), plugins)
            .expect("the node's list of plugins");
    }

    pub(super) fn url(&self) -> String {
        format!("amqp://guest:guest@127.0.0.1:{}/%2f", self.amqp)
    }

    /// The folder of the node, its home.
    pub(super) fn folder(&self) -> &Path {
        self.base.path()
    }

    /// The process of a node that runs.
    pub(super) const fn pid(&self) -> u32 {
        self.pid
    }

    /// The program that controls the node, in need of [`Self::environment`].
    pub(super) fn control(&self) -> String {
        self.bin.join("rabbitmqctl").display().to_string()
    }

    pub(super) fn environment(&self) -> &[(&'static str, OsString)] {
        &self.environment
    }

    pub(super) fn run(&mut self) {
        let mut keeper = Command::new("sh")
            .args(["-c", KEEPER])
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("sh can be run");
        let mut words = String::new();
        let output = keeper.stdout.take().expect("the keeper's output");
        BufReader::new(output).read_line(&mut words).expect("a word from the keeper");
        self.keeper = Some(keeper);
        let Some(pid) = words.trim().strip_prefix("ready ") else {
            let said = std::fs::read_to_string(self.base.path().join("out")).unwrap_or_default();
            panic!("RabbitMQ did not start: {said}");
        };
        self.pid = pid.parse().expect("the number of a process");
    }

    /// Ends the node by the keeper's word, `stop` or `kill`.
    pub(super) fn end(&mut self, word: &str) {
        let Some(mut keeper) = self.keeper.take() else { return };
        if let Some(mut input) = keeper.stdin.take() {
            // A keeper that does not read has ended already.
            let _ = writeln!(input, "{word}");
        }
        let _ = keeper.wait();
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.end("kill");
    }
}

/// The folder of the programs of the generation that is tested.
pub(super) fn programs() -> PathBuf {
    match env::var(GENERATION) {
        Ok(generation) if generation != "3" => brought(&generation),
        _ => {
            let home = HOMES.into_iter().find(|home| Path::new(home).join("rabbitmq-server").exists());
            let missing = "RabbitMQ is not installed on this machine: run ./deploy/test, which installs it";
            PathBuf::from(home.expect(missing))
        }
    }
}

fn brought(generation: &str) -> PathBuf {
    let home = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("../var/rabbitmq-{generation}"));
    let home = home.canonicalize().unwrap_or(home);
    let hint = format!("run ./deploy/test --rabbitmq {generation} once, which brings it");
    assert!(home.join("complete").exists(), "RabbitMQ {generation} is not there: {hint}");
    home.join("bin")
}

fn write_configuration(base: &Path, amqp: u16, more: &str) {
    let text = format!(
        "listeners.tcp.1 = 127.0.0.1:{amqp}\nlog.console = false\ndisk_free_limit.absolute = 100MB\n{more}"
    );
    std::fs::write(base.join("rabbitmq.conf"), text).expect("the node's configuration");
    std::fs::write(base.join("enabled_plugins"), "[].\n").expect("the node's list of plugins");
}

/// What keeps the node apart from any other on this machine, but for its ports.
fn environment(base: &Path, bin: &Path, name: &str) -> Vec<(&'static str, OsString)> {
    let within = |name: &str| base.join(name).into_os_string();
    let mut path = bin.as_os_str().to_owned();
    path.push(":");
    path.push(env::var_os("PATH").unwrap_or_default());
    vec![
        ("PATH", path),
        ("BIN", bin.into()),
        ("BASE", base.into()),
        ("HOME", base.into()),
        ("ERL_EPMD_ADDRESS", "127.0.0.1".into()),
        ("RABBITMQ_NODENAME", name.into()),
        ("RABBITMQ_CONF_ENV_FILE", within("env")),
        ("RABBITMQ_CONFIG_FILE", within("rabbitmq.conf")),
        ("RABBITMQ_ENABLED_PLUGINS_FILE", within("enabled_plugins")),
        ("RABBITMQ_MNESIA_BASE", within("mnesia")),
        ("RABBITMQ_LOG_BASE", within("log")),
        ("RABBITMQ_PID_FILE", within("pid")),
        ("RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS", "-kernel inet_dist_use_interface {127,0,0,1}".into()),
        // The script becomes the node, so that a signal to it reaches the node.
        ("RUNNING_UNDER_SYSTEMD", "1".into()),
    ]
}
