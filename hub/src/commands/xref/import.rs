//! `postroom xref import`: a preview, then the file in pieces; what is the same already is not written again.

use std::collections::HashMap;
use std::process::ExitCode;

use postroom_ledger::{Ledger, Xref, XrefKey};
use serde_json::json;

use super::{begun, ended, file, now, told};
use crate::cli::XrefImportArgs;
use crate::commands::officers::consent;
use crate::failure::{Failure, count};
use crate::output;
use crate::place::Place;

/// The kind of job that says who imported cross-references, and why.
const IMPORT: &str = "xref-import";
/// Rows asked for, and written, at once.
const AT_ONCE: usize = 1_000;

/// What an import would do.
#[derive(Default)]
struct Preview {
    new: usize,
    changed: usize,
    same: usize,
    /// What is new or changed.
    writes: Vec<(XrefKey, String)>,
}

pub(super) async fn import(
    place: &Place,
    ledger: &Ledger,
    args: &XrefImportArgs,
) -> Result<ExitCode, Failure> {
    if !place.council.systems.contains_key(&args.system) {
        return Err(Failure::Wrong(format!("there is no system `{}`", args.system)));
    }
    let used = place.council.xref_kinds();
    if !used.contains(args.kind.as_str()) {
        let known = used.into_iter().collect::<Vec<_>>().join(", ");
        let words = format!(
            "no route looks up or notes a cross-reference of kind `{}`; known are: {known}",
            args.kind
        );
        return Err(Failure::Wrong(words));
    }
    let rows = file::read(&args.file)?;
    let preview = preview(ledger, args, rows).await?;
    let counts = format!("{} new, {} changed, {} the same", preview.new, preview.changed, preview.same);
    if !args.form.json {
        output::line(format!("{counts} of kind `{}` in `{}`", args.kind, args.system));
    }
    let Preview { new, changed, same, writes } = preview;
    let mut outcome = json!({"new": new, "changed": changed, "same": same, "written": false});
    if writes.is_empty() {
        return Ok(told(args.form.json, &outcome, "nothing to write", 0));
    }
    if args.consent.dry_run && args.form.json {
        output::json(&outcome);
        return Ok(ExitCode::SUCCESS);
    }
    let question = format!("write {}?", count(writes.len(), "cross-reference"));
    if !consent::given(&args.consent, &question)? {
        return Ok(ExitCode::SUCCESS);
    }
    let params =
        json!({"kind": args.kind, "system": args.system, "new": new, "changed": changed, "same": same});
    let job = begun(ledger, IMPORT, &args.consent, params).await?;
    write(ledger, &writes, job).await?;
    (outcome["written"], outcome["job"]) = (true.into(), job.into());
    let words = format!("{} written, job {job}", count(writes.len(), "cross-reference"));
    Ok(told(args.form.json, &outcome, &words, 0))
}

/// Writes piece by piece, and ends the job.
async fn write(ledger: &Ledger, writes: &[(XrefKey, String)], job: i64) -> Result<(), Failure> {
    let number = writes.len() as u64;
    let (bar, noted_by) = (output::progress(number, "writing"), format!("job {job}"));
    for piece in writes.chunks(AT_ONCE) {
        let at = now();
        let xref = |(of, id): &(XrefKey, String)| Xref {
            of: of.clone(),
            id: id.clone(),
            at,
            noted_by: noted_by.clone(),
        };
        ledger.note_xrefs(piece.iter().map(xref).collect()).await?;
        bar.inc(piece.len() as u64);
    }
    bar.finish_and_clear();
    ended(ledger, job, number).await
}

async fn preview(
    ledger: &Ledger,
    args: &XrefImportArgs,
    rows: Vec<(String, String)>,
) -> Result<Preview, Failure> {
    let mut preview = Preview::default();
    for piece in rows.chunks(AT_ONCE) {
        let of =
            |key: &String| XrefKey { kind: args.kind.clone(), key: key.clone(), system: args.system.clone() };
        let keys: Vec<XrefKey> = piece.iter().map(|(key, _)| of(key)).collect();
        let known = ledger.xrefs(&keys).await?.into_iter().map(|xref| (xref.of.key, xref.id));
        let known: HashMap<String, String> = known.collect();
        for (key, id) in piece {
            let is_same = match known.get(key) {
                None => {
                    preview.new += 1;
                    false
                }
                Some(kept) if kept == id => true,
                Some(_) => {
                    preview.changed += 1;
                    false
                }
            };
            if is_same {
                preview.same += 1;
            } else {
                preview.writes.push((of(key), id.clone()));
            }
        }
    }
    Ok(preview)
}
