//! A large file through `postroom publish --system`: how fast, and in how much memory.

use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;

use serde_json::{Value, json};

use super::Outcome;
use super::broker::Bench;
use super::council::{FILES, Mappings, Plan, Reach};
use super::drain::topology;
use super::figure::{Target, rounded};
use super::hub::{self, Hub};

/// Size of the file, in bytes.
const FILE_BYTES: u64 = 200 * 1024 * 1024;
/// Size of a row, in bytes.
const ROW_BYTES: usize = 1_024;

/// Imports once, and says how it stands to the target.
pub(crate) async fn measure(bench: &Bench) -> Outcome<(Value, Vec<Target>)> {
    let prefix = format!("bench-{}-import.", std::process::id());
    let user = bench.user.clone();
    let mappings = Mappings::Own;
    let plan = Plan {
        prefix,
        user,
        routes: 1,
        matching: 1,
        targets: 1,
        reach: Reach::Queue,
        mappings,
        journal: false,
    };
    let folder = tempfile::tempdir()?;
    plan.write(folder.path())?;
    let file = folder.path().join("export.csv");
    let records = write_file(&file)?;
    let mut hub = Hub::start(folder.path(), &bench.url)?;
    hub.said("hub.ready").await?;
    hub.stop().await?;
    let imported = import(folder.path(), &file, bench).await;
    let (names, topology) = topology(&plan);
    bench.delete_all(&names, &topology).await?;
    let (seconds, peak, said) = imported?;
    let peak = rounded(peak, 1);
    let figures = json!({
        "runs": 1,
        "file_bytes": std::fs::metadata(&file)?.len(),
        "records": records,
        "records_per_second": rounded(f64::from(records) / seconds, 0),
        "seconds": rounded(seconds, 1),
        "peak_mib": peak,
        "said": said.rsplit_once(": ").map(|(_, tally)| tally.trim()),
    });
    Ok((figures, vec![Target::at_most("import of 200 MiB, memory at its peak, MiB", peak, 64.0)]))
}

/// Seconds, peak memory in MiB, and what the program said.
pub(crate) async fn import(folder: &Path, file: &Path, bench: &Bench) -> Outcome<(f64, f64, String)> {
    let mut command = hub::command(folder, &bench.url)?;
    command.args(["publish", "--system", FILES]).arg(file);
    let (seconds, peak, output) = hub::watched(command).await?;
    if output.status.success() {
        return Ok((seconds, peak, String::from_utf8_lossy(&output.stdout).into_owned()));
    }
    Err(String::from_utf8_lossy(&output.stderr).trim().to_owned().into())
}

fn write_file(file: &Path) -> Outcome<u32> {
    let mut out = BufWriter::new(File::create(file)?);
    let (mut bytes, mut records) = (0, 0_u32);
    let notes = "seen at the counter; ".repeat(ROW_BYTES / 20);
    while bytes < FILE_BYTES {
        let mut row = format!("{records:08},Ada,Example,Orchard Way,Zedbury,ZZ2 3AB,2026-10-01,{notes}");
        row.truncate(ROW_BYTES - 1);
        writeln!(out, "{row}")?;
        bytes += row.len() as u64 + 1;
        records += 1;
    }
    out.flush()?;
    Ok(records)
}
