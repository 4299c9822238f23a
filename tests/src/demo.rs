//! What `deploy/demo` has in its library, for a test's own council: the systems that stand in, and what it does as they.

#![expect(clippy::expect_used, reason = "what goes wrong here fails the test")]

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::council::{TestCouncil, house};

/// The systems of the example council that stand in, as the demo starts them; they end with the test.
pub struct Standins {
    data: PathBuf,
}

impl Standins {
    /// Makes what lets the hub in, and starts them.
    pub fn start(council: &TestCouncil) -> Self {
        let standins = Self { data: council.data() };
        as_the_demo(council, r#"make_keys "$data"; standins_start "$data" "$council" "$data""#);
        standins
    }
}

impl Drop for Standins {
    fn drop(&mut self) {
        let script = ". deploy/lib/say.sh; . deploy/lib/standin.sh; standins_stop \"$data\"";
        let _ =
            Command::new("bash").args(["-euc", script]).current_dir(house()).env("data", &self.data).status();
    }
}

/// Runs what the demo has in its library, for this council, and gives what it says.
pub fn as_the_demo(council: &TestCouncil, script: &str) -> String {
    let parts = "say need council webhook python standin pull reports";
    let library = format!("for part in {parts}; do . deploy/lib/$part.sh; done");
    let mut shell = Command::new("bash");
    shell.args(["-euc", &format!("{library}\n{script}")]).current_dir(house()).stderr(Stdio::inherit());
    shell.env("council", council.folder()).env("data", council.data());
    let output = shell.output().expect("bash can be run");
    assert!(output.status.success(), "{script}");
    String::from_utf8(output.stdout).expect("text").trim().to_owned()
}
