//! `long-run [ordinary] [SEED [EVENTS]]`: a million events and 200 faults on real parts, judged by an oracle; prints the
//! report, and keeps evidence of a broken promise in `var/long-run/evidence`. `ordinary`: 10,000 events, and each kind of fault once. `./deploy/long-run` builds what it needs.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use postroom_tests::long_run::{self, Plan};

/// The seed, unless the command line names one.
const SEED: u64 = 20_261_128;
/// Where it is kept what tells of a broken promise.
const EVIDENCE: &str = "var/long-run/evidence";

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1).peekable();
    let ordinary = arguments.next_if(|argument| argument == "ordinary").is_some();
    let seed = arguments.next().map_or(Ok(SEED), |seed| seed.parse())?;
    let long = if ordinary { Plan::ordinary(seed) } else { Plan::long(seed) };
    let events = arguments.next().map_or(Ok(long.events), |events| events.parse())?;
    // A shorter run meets as many fewer faults.
    let faults = usize::try_from(long.faults as u64 * events / long.events)?.max(1);
    let plan = Plan { events, faults, ..long };
    let target = std::env::current_exe()?.with_file_name("http-target");
    let report = long_run::run(&plan, &target, Path::new(EVIDENCE), |words| {
        // Nobody may be listening.
        let _ = writeln!(io::stderr(), "{words}");
    });
    writeln!(io::stdout(), "{report}")?;
    Ok(if report.is_well() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
