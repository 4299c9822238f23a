//! Rules on the manifests: which crate may name which, who owns a dependency, and what every crate inherits.

use toml::{Table, Value};

use crate::tree::{Offence, Tree};

/// Which crates of the house a crate may name: the arrows of the design. `hub` and `tests` may name all.
const ARROWS: [(&str, &[&str]); 14] = [
    ("postroom-event", &[]),
    ("postroom-telemetry", &[]),
    ("postroom-lane", &[]),
    ("postroom-schema", &["postroom-event", "postroom-transform"]),
    ("postroom-transform", &["postroom-event"]),
    ("postroom-format", &["postroom-event"]),
    ("postroom-broker", &["postroom-event"]),
    ("postroom-ledger", &["postroom-event"]),
    ("postroom-connector", &["postroom-event"]),
    ("postroom-listener", &["postroom-connector"]),
    ("postroom-request", &["postroom-connector"]),
    ("postroom-documents", &["postroom-council", "postroom-event", "postroom-schema", "postroom-transform"]),
    (
        "postroom-council",
        &["postroom-connector", "postroom-event", "postroom-format", "postroom-schema", "postroom-transform"],
    ),
    (
        "postroom-router",
        &[
            "postroom-broker",
            "postroom-connector",
            "postroom-council",
            "postroom-event",
            "postroom-lane",
            "postroom-ledger",
            "postroom-schema",
            "postroom-telemetry",
            "postroom-transform",
        ],
    ),
];

/// What every crate `postroom-connector-*` may name of the house; `postroom-transform` for rules of the council over what
/// a system answers (ADR 0010).
const A_CONNECTOR_MAY: &[&str] = &[
    "postroom-connector",
    "postroom-event",
    "postroom-format",
    "postroom-listener",
    "postroom-request",
    "postroom-transform",
];

/// The crates that may name everything of the house.
const MAY_NAME_ALL: [&str; 3] = ["postroom", "postroom-tests", "postroom-fuzz"];

/// Dependencies that only these crates name, so that they can be replaced in one place.
const OWNERS: [(&str, &[&str]); 26] = [
    ("annotate-snippets", &["postroom-council"]),
    ("axum", &["postroom"]),
    ("backoff", &["postroom-broker"]),
    ("clap", &["postroom"]),
    ("comfy-table", &["postroom"]),
    ("csv", &["postroom-format"]),
    ("encoding_rs", &["postroom-format"]),
    ("hyper", &["postroom-listener"]),
    ("indicatif", &["postroom"]),
    ("jsonschema", &["postroom-schema"]),
    ("lapin", &["postroom-broker", "postroom-tests"]),
    ("metrics", &["postroom-telemetry"]),
    ("metrics-exporter-prometheus", &["postroom-telemetry"]),
    ("opentelemetry", &["postroom-telemetry"]),
    ("opentelemetry-otlp", &["postroom-telemetry"]),
    ("opentelemetry_sdk", &["postroom-telemetry"]),
    ("quick-xml", &["postroom-format"]),
    ("reqwest", &["postroom-request"]),
    ("russh", &["postroom-connector-file"]),
    ("russh-sftp", &["postroom-connector-file"]),
    ("schemars", &["postroom-council"]),
    ("sqlx", &["postroom-connector-open311", "postroom-connector-sql", "postroom-ledger"]),
    ("tracing", &["postroom-telemetry"]),
    ("tracing-subscriber", &["postroom-telemetry"]),
    ("vrl", &["postroom-transform"]),
    ("x509-parser", &["postroom-connector", "postroom-listener"]),
];

/// Crates of the house that a crate names and may not.
pub(crate) fn arrows(path: &str, text: &str) -> Vec<Offence> {
    let Some((name, manifest)) = package(path, text) else { return Vec::new() };
    let allowed = match ARROWS.iter().find(|(from, _)| *from == name) {
        Some((_, allowed)) => *allowed,
        None if name.starts_with("postroom-connector-") => A_CONNECTOR_MAY,
        None if MAY_NAME_ALL.contains(&name.as_str()) => return Vec::new(),
        None => {
            return vec![Offence::new(
                path,
                1,
                format!("`{name}` has no place in the arrows of the tidy test"),
            )];
        }
    };
    named(&manifest)
        .into_iter()
        // A crate names itself for a feature that its tests need.
        .filter(|other| other.starts_with("postroom") && *other != name && !allowed.contains(&other.as_str()))
        .map(|other| Offence::new(path, line_of(text, &other), format!("`{name}` may not name `{other}`")))
        .collect()
}

/// Dependencies that a crate names and another owns.
pub(crate) fn owners(path: &str, text: &str) -> Vec<Offence> {
    let Some((name, manifest)) = package(path, text) else { return Vec::new() };
    named(&manifest)
        .into_iter()
        .filter_map(|other| {
            let (_, owners) = OWNERS.iter().find(|(owned, _)| *owned == other)?;
            let words = format!("`{other}` is named by {} only", owners.join(" and "));
            (!owners.contains(&name.as_str())).then(|| Offence::new(path, line_of(text, &other), words))
        })
        .collect()
}

/// Crates that do not say `[lints] workspace = true`.
pub(crate) fn lints(path: &str, text: &str) -> Vec<Offence> {
    let Some((_, manifest)) = package(path, text).filter(|(_, manifest)| !is_root(manifest)) else {
        return Vec::new();
    };
    let inherited =
        manifest.get("lints").and_then(|lints| lints.get("workspace")) == Some(&Value::Boolean(true));
    if inherited {
        Vec::new()
    } else {
        vec![Offence::new(path, 1, "a crate says `[lints] workspace = true`")]
    }
}

/// Crates that the root manifest does not name, and names without a crate.
pub(crate) fn members(tree: &Tree) -> Vec<Offence> {
    let root = tree.text("Cargo.toml").and_then(|text| text.parse::<Table>().ok()).unwrap_or_default();
    let named =
        root.get("workspace").and_then(|workspace| workspace.get("members")).and_then(Value::as_array);
    let named: Vec<&str> = named.into_iter().flatten().filter_map(Value::as_str).collect();
    let is_of_the_house = |path: &&str| {
        let manifest = tree.text(path).and_then(|text| text.parse().ok());
        !manifest.is_some_and(|manifest| is_root(&manifest))
    };
    let paths = tree.paths().filter(is_of_the_house);
    let found: Vec<&str> = paths.filter_map(|path| path.strip_suffix("/Cargo.toml")).collect();
    let is_named = |folder: &&&str| {
        let parent = folder.rsplit_once('/').map(|(parent, _)| format!("{parent}/*"));
        named.contains(folder) || parent.is_some_and(|all| named.contains(&all.as_str()))
    };
    let unnamed = found.iter().filter(|folder| !is_named(folder));
    let unnamed = unnamed.map(|folder| Offence::new("Cargo.toml", 1, format!("`{folder}` is no member")));
    let empty = named.iter().filter(|folder| !folder.ends_with("/*") && !found.contains(folder));
    let empty =
        empty.map(|folder| Offence::new("Cargo.toml", 1, format!("the member `{folder}` is not there")));
    unnamed.chain(empty).collect()
}

/// The name and the manifest of a crate; nothing for other files and for the root.
fn package(path: &str, text: &str) -> Option<(String, Table)> {
    if !path.ends_with("/Cargo.toml") {
        return None;
    }
    let manifest: Table = text.parse().ok()?;
    let name = manifest.get("package")?.get("name")?.as_str()?.to_owned();
    Some((name, manifest))
}

/// Whether a manifest is the root of a workspace of its own.
fn is_root(manifest: &Table) -> bool {
    manifest.contains_key("workspace")
}

/// Every dependency that a manifest names, of whatever kind and for whatever target, by its real name.
fn named(manifest: &Table) -> Vec<String> {
    const KINDS: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];
    let targets = manifest.get("target").and_then(Value::as_table).into_iter().flat_map(Table::values);
    let homes = std::iter::once(manifest).chain(targets.filter_map(Value::as_table));
    homes
        .flat_map(|home| KINDS.iter().filter_map(|kind| home.get(*kind)?.as_table()))
        .flat_map(|table| table.iter())
        .map(|(key, value)| value.get("package").and_then(Value::as_str).unwrap_or(key).to_owned())
        .collect()
}

fn line_of(text: &str, word: &str) -> usize {
    text.lines().position(|line| line.contains(word)).map_or(1, |index| index + 1)
}

fn manifest(name: &str, rest: &str) -> String {
    format!("[package]\nname = \"{name}\"\n{rest}\n")
}

#[test]
fn an_arrow_that_points_the_wrong_way_is_caught() {
    let check = |name: &str, rest: &str, expected: usize| {
        assert_eq!(arrows("core/x/Cargo.toml", &manifest(name, rest)).len(), expected, "{name}: {rest}");
    };
    check("postroom-router", "[dependencies]\npostroom-broker.workspace = true", 0);
    check("postroom-broker", "[dependencies]\npostroom-router.workspace = true", 1);
    check("postroom-broker", "[dev-dependencies]\npostroom-ledger = { path = \"../ledger\" }", 1);
    check("postroom-event", "[dependencies]\nhidden = { package = \"postroom-broker\", version = \"1\" }", 1);
    check("postroom-event", "[target.'cfg(unix)'.dependencies]\npostroom-connector-file.workspace = true", 1);
    check("postroom-connector-http", "[dependencies]\npostroom-connector-file.workspace = true", 1);
    check("postroom-connector-http", "[dependencies]\npostroom-format.workspace = true", 0);
    check("postroom-connector-http", "[dependencies]\npostroom-transform.workspace = true", 0);
    check("postroom-connector-http", "[dependencies]\npostroom-council.workspace = true", 1);
    check("postroom", "[dependencies]\npostroom-connector-file.workspace = true", 0);
    check("postroom-stray", "", 1);
}

#[test]
fn a_dependency_named_by_another_than_its_owner_is_caught_on_its_line() {
    let text = manifest("postroom-router", "[dependencies]\nlapin.workspace = true");
    assert_eq!(owners("core/router/Cargo.toml", &text)[0].line, 4);
    let text = manifest("postroom-broker", "[dependencies]\nlapin.workspace = true");
    assert!(owners("core/broker/Cargo.toml", &text).is_empty());
}

#[test]
fn a_crate_without_the_lints_is_caught() {
    assert_eq!(lints("core/x/Cargo.toml", &manifest("postroom-x", "")).len(), 1);
    assert!(lints("core/x/Cargo.toml", &manifest("postroom-x", "[lints]\nworkspace = true")).is_empty());
}

#[test]
fn a_crate_outside_the_workspace_and_a_member_without_a_crate_are_caught() {
    let root = "[workspace]\nmembers = [\"core/a\", \"core/b\", \"connectors/*\"]";
    let tree = Tree::planted(&[
        ("Cargo.toml", root),
        ("core/a/Cargo.toml", ""),
        ("core/c/Cargo.toml", ""),
        ("connectors/x/Cargo.toml", ""),
        ("tests/fuzz/Cargo.toml", "[workspace]"),
    ]);
    assert_eq!(members(&tree).len(), 2);
}
