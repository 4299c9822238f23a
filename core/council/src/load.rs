//! Reading the folder: what stands where, and which names meet.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::time::Duration;

use postroom_connector::{Connectors, parse_duration};
use postroom_event::MAX_BODY_BYTES;
use postroom_schema::Vocabulary;

use crate::lists::{self, Lists};
use crate::own;
use crate::reading::Reading;
use crate::shared::Shared;
use crate::written::{CouncilText, PurposesText, Text};
use crate::{
    Council, DEFAULT_PREFIX, MAX_ROUTES, MAX_SYSTEMS, Problem, System, retention, reveals, route, sent,
    system, versions, watching,
};

impl Council {
    /// Reads the council's folder; `data` overrides where its inboxes, outboxes and ledger lie.
    ///
    /// # Errors
    /// Every problem that was found, not only the first.
    pub fn load(folder: &Path, data: Option<&Path>, connectors: &Connectors) -> Result<Self, Vec<Problem>> {
        let (council, problems) = Self::read(folder, data, connectors)?;
        if problems.is_empty() { Ok(council) } else { Err(problems) }
    }

    /// Reads what can be read, so that a check can go on and tell the problems of the rest as well.
    ///
    /// # Errors
    /// Where council.toml itself cannot be read.
    pub fn read(
        folder: &Path,
        data: Option<&Path>,
        connectors: &Connectors,
    ) -> Result<(Self, Vec<Problem>), Vec<Problem>> {
        Self::read_with(folder, &folder.join("routes"), data, connectors)
    }

    /// Reads a changed configuration beside the one in `folder`: `changed` is a council's folder, and stands for all of
    /// it, or a folder of routes, and stands for those alone.
    ///
    /// # Errors
    /// Where it is neither, or as of [`Self::read`].
    pub fn read_changed(
        folder: &Path,
        changed: &Path,
        data: Option<&Path>,
        connectors: &Connectors,
    ) -> Result<(Self, Vec<Problem>), Vec<Problem>> {
        if changed.join("council.toml").is_file() {
            return Self::read(changed, data, connectors);
        }
        let mut inside = std::fs::read_dir(changed).into_iter().flatten().filter_map(Result::ok);
        if !inside.any(|entry| entry.path().join("route.toml").is_file()) {
            let words = "it is neither a council's folder, with council.toml, nor a folder of routes";
            return Err(vec![Problem::new(changed, "no-routes", words)]);
        }
        Self::read_with(folder, changed, data, connectors)
    }

    fn read_with(
        folder: &Path,
        routes: &Path,
        data: Option<&Path>,
        connectors: &Connectors,
    ) -> Result<(Self, Vec<Problem>), Vec<Problem>> {
        let text = Text::read(&folder.join("council.toml")).map_err(|problem| {
            vec![problem.hint("a council's folder has a council.toml; name it with --council")]
        })?;
        let written: CouncilText = text.parse().map_err(|problem| vec![problem])?;
        let data = data
            .map_or_else(|| folder.join(written.data.as_deref().unwrap_or(Path::new("var"))), Path::to_owned);
        let mut reading = Reading {
            connectors,
            data,
            shared: Shared::default(),
            lists: Lists::default(),
            problems: Vec::new(),
        };
        reading.lists = lists::read_all(&folder.join("lists"), &mut reading);
        let (prefix, max_body) = limits(&text, &written, &mut reading);
        let in_place = in_place(&text, &written, &mut reading);
        let (health, otlp) = watching::read(&text, &written, &mut reading);
        let vocabulary = vocabulary(folder, &written.schemas.folders, &mut reading);
        let versions = versions::read(&vocabulary, &mut reading);
        let purposes = purposes(folder, &mut reading);
        let mut council = Self {
            name: written.name.clone(),
            folder: folder.to_owned(),
            data: reading.data.clone(),
            prefix,
            broker_url: written.broker.url.clone(),
            management_url: written.broker.management_url.clone(),
            ledger_url: written.ledger.url.clone(),
            journal: written.broker.journal.unwrap_or(true),
            journal_age: retention::journal_age(&text, &written, &mut reading),
            keep: Duration::ZERO,
            max_body,
            in_place,
            health,
            otlp,
            reload: written.reload,
            vocabulary,
            versions,
            systems: BTreeMap::new(),
            routes: Vec::new(),
            purposes,
        };
        for (name, path) in subfolders(&folder.join("systems"), MAX_SYSTEMS, &mut reading) {
            if let Some(system) = system::read(&name, &path, &council.vocabulary, &mut reading) {
                council.systems.insert(name, system);
            }
        }
        for (name, path) in subfolders(routes, MAX_ROUTES, &mut reading) {
            let route = route::read(&name, &path, &council, &mut reading);
            council.routes.extend(route);
        }
        own::add(&mut council, folder, &mut reading);
        check_owners(&council.systems, folder, &mut reading);
        council.keep = retention::keep(&text, &written, &council, &mut reading);
        sent::check(&council, &mut reading);
        Ok((council, reading.problems))
    }

    /// Works under another prefix than the text names.
    ///
    /// # Errors
    /// What a prefix looks like, where `prefix` does not.
    pub fn set_prefix(&mut self, prefix: &str) -> Result<(), String> {
        if !is_prefix(prefix) {
            return Err(format!("prefix `{prefix}`: {PREFIX_FORM}"));
        }
        prefix.clone_into(&mut self.prefix);
        Ok(())
    }
}

/// Longest time in place: a dispatch stays unacked meanwhile, and none may for 20 minutes (DESIGN 3.8).
const MAX_IN_PLACE: Duration = Duration::from_secs(10 * 60);
/// The time in place where the text gives none.
const IN_PLACE: Duration = Duration::from_secs(60);

fn in_place(text: &Text, written: &CouncilText, reading: &mut Reading<'_>) -> Duration {
    let Some(limit) = &written.limits.in_place else { return IN_PLACE };
    let parsed = parse_duration(limit.as_ref()).filter(|limit| *limit <= MAX_IN_PLACE);
    let words = "`in_place` is a duration of at most 10 minutes, such as `60s`";
    reading.keep(parsed.ok_or_else(|| text.problem(limit, "limit", words))).unwrap_or(IN_PLACE)
}

/// What a prefix looks like.
const PREFIX_FORM: &str = "a prefix has up to 32 letters, digits, `-` and `_`, and ends in a full stop";

fn limits(text: &Text, written: &CouncilText, reading: &mut Reading<'_>) -> (String, usize) {
    let max_body = match &written.limits.body_bytes {
        None => MAX_BODY_BYTES,
        Some(limit) if (1024..=16 * MAX_BODY_BYTES).contains(limit.as_ref()) => *limit.as_ref(),
        Some(limit) => {
            reading.problems.push(text.problem(limit, "limit", "`body_bytes` lies between 1 KiB and 16 MiB"));
            MAX_BODY_BYTES
        }
    };
    let prefix = match &written.broker.prefix {
        None => DEFAULT_PREFIX.to_owned(),
        Some(prefix) if is_prefix(prefix.as_ref()) => prefix.as_ref().clone(),
        Some(prefix) => {
            reading.problems.push(text.problem(prefix, "prefix", PREFIX_FORM));
            DEFAULT_PREFIX.to_owned()
        }
    };
    (prefix, max_body)
}

/// Whether `text` can be a prefix of names on the broker.
fn is_prefix(text: &str) -> bool {
    text.ends_with('.')
        && text.len() <= 32
        && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

fn vocabulary(folder: &Path, folders: &[PathBuf], reading: &mut Reading<'_>) -> Vocabulary {
    let mut all: Vec<PathBuf> = folders.iter().map(|path| folder.join(path)).collect();
    let own = folder.join("schemas");
    if own.is_dir() {
        all.push(own);
    }
    let (vocabulary, problems) = Vocabulary::load(&all);
    reading.problems.extend(problems.into_iter().map(file_problem));
    vocabulary
}

/// A problem of a schema or an example.
pub(crate) fn file_problem(problem: postroom_schema::FileProblem) -> Problem {
    let place = (problem.line > 0).then_some(crate::Place { line: problem.line, column: 1, length: 1 });
    Problem { place, ..Problem::new(problem.file, "schema", problem.words) }
}

fn purposes(folder: &Path, reading: &mut Reading<'_>) -> BTreeMap<String, crate::Purpose> {
    let file = folder.join("purposes.toml");
    if !file.is_file() {
        return BTreeMap::new();
    }
    let parsed = Text::read(&file).and_then(|text| Ok((text.parse::<PurposesText>()?, text)));
    let Some((written, text)) = reading.keep(parsed) else { return BTreeMap::new() };
    reading.problems.extend(reveals::of_purposes(&text, &written));
    written.purposes
}

/// The folders below `parent` by name, in order; none where `parent` does not exist.
fn subfolders(parent: &Path, most: usize, reading: &mut Reading<'_>) -> Vec<(String, PathBuf)> {
    let Ok(entries) = std::fs::read_dir(parent) else { return Vec::new() };
    let mut found: Vec<_> = entries
        .filter_map(Result::ok)
        .filter(|entry| entry.path().is_dir())
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()))
        .collect();
    found.sort();
    if found.len() > most {
        let words = format!("{} folders, the limit is {most}", found.len());
        reading.problems.push(Problem::new(parent, "limit", words));
        found.truncate(most);
    }
    found.retain(|(name, path)| {
        let named = is_name(name);
        if !named {
            let words = format!("`{name}` is not a name: up to 64 lower-case letters, digits and `-`");
            reading.problems.push(Problem::new(path, "name", words));
        }
        named
    });
    found
}

/// Whether `name` can be a system or route: it becomes part of names on the broker.
pub fn is_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 64
        && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

/// A CloudEvents source and a broker user belong to one system each.
fn check_owners(systems: &BTreeMap<String, System>, folder: &Path, reading: &mut Reading<'_>) {
    let mut owners: HashMap<String, &str> = HashMap::new();
    for (name, system) in systems {
        let owned =
            system.source.iter().flat_map(|side| side.owns.iter().map(|source| format!("source `{source}`")));
        for thing in owned.chain(system.broker_user.iter().map(|user| format!("broker user `{user}`"))) {
            if let Some(other) = owners.get(thing.as_str()) {
                let file = folder.join("systems").join(name).join("system.toml");
                let words = format!("{thing} belongs to system `{other}` already");
                let key = if thing.starts_with("source") { "source.sources" } else { "broker_user" };
                let problem = match Text::read(&file) {
                    Ok(text) => text.problem_at(key, "owner", words),
                    Err(_) => Problem::new(file, "owner", words),
                };
                reading.problems.push(problem);
            }
            owners.entry(thing).or_insert(name);
        }
    }
}
