//! A large snapshot through `postroom publish --system`, of which one row in a hundred differs from the last one: how fast,
//! and in how much memory. The last one is only remembered, and its time is told too.

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;

use serde_json::{Value, json};

use super::Outcome;
use super::broker::Bench;
use super::council::{FILES, Mappings, Plan, Reach};
use super::drain::topology;
use super::figure::{Target, rounded};
use super::hub::Hub;
use super::import::import;

/// Rows for each event that the other parts measure with: 500,000, unless `--events` says otherwise.
const ROWS_AN_EVENT: usize = 25;
/// One row in so many differs.
const DIFFERS: usize = 100;
/// Seconds that comparing half a million rows may take.
const SECONDS: f64 = 30.0;
/// Memory at its peak, in MiB.
const MEMORY: f64 = 200.0;

/// Takes two snapshots, and says how the second stands to the targets.
pub(crate) async fn measure(bench: &Bench, events: usize) -> Outcome<(Value, Vec<Target>)> {
    let rows = events * ROWS_AN_EVENT;
    let prefix = format!("bench-{}-snapshot.", std::process::id());
    let plan = Plan {
        prefix,
        user: bench.user.clone(),
        routes: 1,
        matching: 1,
        targets: 1,
        reach: Reach::Queue,
        mappings: Mappings::Own,
        journal: false,
    };
    let folder = tempfile::tempdir()?;
    plan.write(folder.path())?;
    compare(folder.path())?;
    let (first, second) = (folder.path().join("first.csv"), folder.path().join("second.csv"));
    write_file(&first, rows, "Orchard Way")?;
    write_file(&second, rows, "Church Lane")?;
    let mut hub = Hub::start(folder.path(), &bench.url)?;
    hub.said("hub.ready").await?;
    hub.stop().await?;
    let remembered = import(folder.path(), &first, bench).await;
    let compared = import(folder.path(), &second, bench).await;
    let (names, topology) = topology(&plan);
    bench.delete_all(&names, &topology).await?;
    let ((remembered, first_peak, _), (seconds, peak, said)) = (remembered?, compared?);
    let (seconds, peak) = (rounded(seconds, 1), rounded(peak.max(first_peak), 1));
    let figures = json!({
        "runs": 1,
        "rows": rows,
        "file_bytes": fs::metadata(&second)?.len(),
        "ledger_bytes": fs::metadata(folder.path().join("var/ledger.db"))?.len(),
        "seconds_of_the_first": rounded(remembered, 1),
        "seconds": seconds,
        "peak_mib": peak,
        "said": said.rsplit_once(": ").map(|(_, tally)| tally.trim()),
    });
    let targets = vec![
        Target::at_most("snapshot of 500,000 rows, 1 % changed, s", seconds, SECONDS),
        Target::at_most("snapshot, memory at its peak, MiB", peak, MEMORY),
    ];
    Ok((figures, targets))
}

/// Has the files of the register compared as snapshots.
fn compare(folder: &Path) -> Outcome<()> {
    let file = folder.join("systems").join(FILES).join("system").with_extension("toml");
    let (connector, rule) =
        ("connector = \"file\"\n", "snapshot = { key = [\"reference\"], first = \"remember\" }\n");
    let text = fs::read_to_string(&file)?.replace(connector, &format!("{connector}{rule}"));
    Ok(fs::write(file, text)?)
}

/// Writes rows of about 130 bytes; one in [`DIFFERS`] has this street.
fn write_file(file: &Path, rows: usize, street: &str) -> Outcome<()> {
    let mut out = BufWriter::new(File::create(file)?);
    for number in 0..rows {
        let street = if number.is_multiple_of(DIFFERS) { street } else { "High Street" };
        writeln!(
            out,
            "{number:08},Ada,Example,{street},Zedbury,ZZ2 3AB,2026-10-01,seen at the counter and noted there"
        )?;
    }
    Ok(out.flush()?)
}
