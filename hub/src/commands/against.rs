//! `postroom check --against`: what schemas that differ from an older configuration mean for each route. The older one is a
//! council's folder, or the council's own at a revision of its git repository, of which a copy is made.

use std::path::{Path, PathBuf};
use std::process::Command;

use postroom_council::{ChangedSchema, Council, Problem, SchemaChange, Touch};
use postroom_schema::{Differs, FieldDifference};
use tempfile::TempDir;

use crate::failure::{Failure, count};
use crate::output;
use crate::place::Place;

/// Variables by which git would look at another repository than the council's.
const OF_GIT: [&str; 3] = ["GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE"];

/// Tells what differs from `against`; `problems` are those of the configuration as it is.
pub(crate) fn tell(place: &Place, against: &str, problems: &[Problem]) -> Result<(), Failure> {
    let council = &place.council;
    let changes = if Path::new(against).is_dir() {
        council.compared_with(&read(place, Path::new(against))?, problems)
    } else {
        let copy = copied(council, against)?;
        council.compared_with(&read(place, &copy.folder)?, problems)
    };
    if changes.is_empty() {
        output::line(format!("no schema differs from {against}"));
    }
    changes.iter().for_each(one);
    Ok(())
}

/// What can be read of the older configuration: what is wrong with it is not told.
fn read(place: &Place, folder: &Path) -> Result<Council, Failure> {
    let read = Council::read(folder, Some(place.council.data.as_path()), &place.connectors);
    read.map(|(council, _)| council).map_err(Failure::Configuration)
}

/// A copy of the council's text, and of its vocabulary, as they were.
struct Copied {
    folder: PathBuf,
    _rest: TempDir,
}

fn copied(council: &Council, revision: &str) -> Result<Copied, Failure> {
    let unreadable = |error: std::io::Error| Failure::Unreachable(format!("copying {revision}: {error}"));
    let folder = council.folder.canonicalize().map_err(unreadable)?;
    let top = PathBuf::from(git(&folder, &["rev-parse", "--show-toplevel"], None)?);
    let repository = git(&folder, &["rev-parse", "--absolute-git-dir"], None)?;
    let commit = format!("{revision}^{{commit}}");
    let commit = git(&folder, &["rev-parse", "--verify", "--quiet", "--end-of-options", &commit], None)
        .map_err(|_| {
            Failure::Wrong(format!("`{revision}` is neither a folder nor a revision of {}", top.display()))
        })?;
    let copy = tempfile::Builder::new().prefix("postroom-").tempdir().map_err(unreadable)?;
    let inside = |path: &Path| path.canonicalize().ok()?.strip_prefix(&top).ok().map(Path::to_owned);
    let of_vocabulary = council.vocabulary.folders().iter().filter_map(|folder| inside(folder));
    let place = inside(&folder)
        .ok_or_else(|| Failure::Wrong("the council's folder is not in its repository".into()))?;
    check_out((&repository, &commit), copy.path(), &place)?;
    for folder in of_vocabulary.filter(|folder| !folder.starts_with(&place)) {
        // One that was not there then holds no types.
        let _absent = check_out((&repository, &commit), copy.path(), &folder);
    }
    Ok(Copied { folder: copy.path().join(place), _rest: copy })
}

/// Writes `path` of a commit into `to`, past the repository's own index and work tree.
fn check_out((repository, commit): (&str, &str), to: &Path, path: &Path) -> Result<(), Failure> {
    let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
    let (tree, path) = (to.display().to_string(), path.display().to_string());
    let arguments =
        ["--git-dir", repository, "--work-tree", &tree, "checkout", "--quiet", commit, "--", &path];
    git(to, &arguments, Some(&to.join(".index"))).map(drop)
}

fn git(folder: &Path, arguments: &[&str], index: Option<&Path>) -> Result<String, Failure> {
    let mut command = Command::new("git");
    for name in OF_GIT {
        command.env_remove(name);
    }
    // A hook of the repository has nothing to do with a copy.
    command
        .args(["-c", "core.hooksPath=/dev/null"])
        .args(arguments)
        .current_dir(folder)
        .envs(index.map(|index| ("GIT_INDEX_FILE", index)));
    let output = command.output().map_err(|error| Failure::Unreachable(format!("running git: {error}")))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned());
    }
    Err(Failure::Wrong(format!("git: {}", String::from_utf8_lossy(&output.stderr).trim())))
}

fn one(change: &SchemaChange) {
    let fields: Vec<String> = change.fields.iter().map(field).collect();
    let fields = fields.join("; ");
    output::line(match &change.of {
        ChangedSchema::EventType(name) => format!("event type {name} differs: {fields}"),
        ChangedSchema::Gone(name) => format!("event type {name} is gone"),
        ChangedSchema::Message { system, message } => {
            format!("message {message} of {system} differs: {fields}")
        }
    });
    for (route, touch) in &change.routes {
        output::line(match touch {
            Touch::Breaks(problems) => format!("  breaks {route}: {}", count(*problems, "problem")),
            Touch::Reads(fields) => format!("  touches {route}, which reads {}", fields.join(", ")),
            Touch::Fits => format!("  no problem was found with {route}"),
            Touch::Left(rules) => {
                format!("  leaves to validation what {route} makes of {}", rules.join(", "))
            }
            Touch::Untouched => format!("  does not touch {route}"),
        });
    }
}

fn field(field: &FieldDifference) -> String {
    let path = if field.path.is_empty() { "the whole" } else { &field.path };
    match &field.how {
        Differs::New => format!("{path} is new"),
        Differs::Gone => format!("{path} is gone"),
        Differs::Rules(rules) => format!("{path} ({})", rules.join(", ")),
    }
}
