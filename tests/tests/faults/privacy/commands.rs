//! Every command of the program, run with the canary in place: the list is held against what the program says of itself, and each
//! command is run in every form that it offers.

use std::collections::BTreeMap;
use std::process::Output;

use postroom_tests::council::TestCouncil;
use postroom_tests::hub::TestHub;
use postroom_tests::marked;

use super::canary::{Canary, message_of};
use super::secrets::Written;

/// What cannot be run so, and why not.
const NOT_RUN: [(&str, &str); 1] =
    [("run", "it is the hub itself, whose log is searched from its start to its end")];

/// Each command and the lines that are run of it, in this order. What stands in braces is filled in, by each of the things that it
/// names; a line that begins with `!` ends in vain.
const COMMANDS: &[(&str, &[&str])] = &[
    ("check", &["check", "check --ledger", "check --against {older}", "check --sunset", "check --unproved"]),
    ("explain", &["explain {an-event}", "!explain {a-wrong-one}"]),
    ("status", &["status", "!status --wait --timeout 1s"]),
    ("trace", &["trace {id}", "trace person:m0", "trace {a-letter}"]),
    ("subject export", &["subject person:m0 export --to {new} --reason asked"]),
    ("worklist", &["worklist", "worklist --system till"]),
    ("worklist show", &["worklist show {item}"]),
    ("worklist take", &["worklist take {items}"]),
    ("worklist release", &["worklist release {items}"]),
    ("worklist done", &["worklist done {an-item} --dry-run", "worklist done {an-item} --reason asked --yes"]),
    ("dead list", &["dead list", "dead list --groups", "dead list --state all"]),
    ("dead show", &["dead show {dead}"]),
    ("holds", &["holds", "holds --target gate"]),
    ("invalid list", &["invalid list", "invalid list --groups"]),
    ("invalid show", &["invalid show {invalid}"]),
    ("whatif", &["whatif --routes {changed} --since 1h", "whatif --routes {changed} --since 1h --sample 20"]),
    ("case new", &["case new {case}"]),
    (
        "xref import",
        &[
            "!xref import {references} --kind tenancy --system desk --dry-run",
            "xref import {good} --kind tenancy --system desk --dry-run",
            "xref import {good} --kind tenancy --system desk --reason asked --yes",
        ],
    ),
    ("xref list", &["xref list"]),
    ("xref show", &["xref show {noted}"]),
    ("xref remove", &["xref remove --kind tenancy --reason asked --dry-run"]),
    ("publish", &["publish {an-event}", "publish --system yard {rows}", "!publish --system yard {half}"]),
    ("replay", &["replay", "replay --again", "replay --again --to till --reason asked --yes"]),
    ("reconcile", &["reconcile", "reconcile --reason asked --yes"]),
    (
        "dead redrive",
        &["dead redrive --target till --dry-run", "dead redrive --target till --reason asked --yes"],
    ),
    (
        "dead discard",
        &["dead discard --target vault --dry-run", "dead discard --target vault --reason asked --yes"],
    ),
    (
        "invalid redrive",
        &[
            "!invalid redrive --system shop --dry-run",
            "invalid redrive --system shop --all --reason asked --yes",
        ],
    ),
    (
        "invalid discard",
        &["invalid discard --system shop --dry-run", "invalid discard --system shop --reason asked --yes"],
    ),
    ("jobs list", &["jobs list"]),
    ("jobs show", &["jobs show {job}"]),
    ("jobs cancel", &["!jobs cancel {a-job}"]),
    (
        "subject erase",
        &[
            "subject person:m0 erase --dry-run",
            "subject parcel:a erase --discard-open --mentions --reason asked --yes",
        ],
    ),
    ("subject erasures", &["subject erasures"]),
    ("pause", &["pause yard --reason asked"]),
    ("resume", &["resume yard --reason asked"]),
    ("docs logs", &["docs logs"]),
    ("docs metrics", &["docs metrics"]),
    ("docs codes", &["docs codes"]),
    ("docs functions", &["docs functions"]),
    ("docs ropa", &["docs ropa"]),
    ("docs asyncapi", &["docs asyncapi"]),
    ("docs map", &["docs map"]),
    ("docs catalogue", &["docs catalogue --to {pages}"]),
    ("docs config-schema", &["docs config-schema", "docs config-schema route"]),
    ("ledger backup", &["ledger backup {new}"]),
    ("ledger forget-snapshot", &["!ledger forget-snapshot yard --dry-run"]),
    ("ledger restored", &["ledger restored --reason asked"]),
    ("ledger accept-restore", &["ledger accept-restore"]),
    ("new system", &["new system annex --connector queue --target"]),
    ("new event", &["new event annex.opened.v1"]),
    ("new route", &["new route parcel.moved.v1 annex"]),
];

/// The exit code of a line that is none, and that of what differs.
const USAGE: Option<i32> = Some(2);
const DIFFERS: Option<i32> = Some(5);

/// What the program says of one of its commands.
fn help(hub: &TestHub, command: &str) -> String {
    let words: Vec<&str> = command.split(' ').filter(|word| !word.is_empty()).chain(["-h"]).collect();
    hub.say(&words)
}

/// The commands below `command` that do something themselves, with what the program says of each.
fn told(hub: &TestHub, command: &str, found: &mut BTreeMap<String, String>) {
    let help = help(hub, command);
    let listed =
        help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
    let named = listed.filter(|line| line.starts_with("  ") && !line.starts_with("   "));
    let below: Vec<String> =
        named.filter_map(|line| line.split_whitespace().next().map(str::to_owned)).collect();
    for name in below.iter().filter(|name| *name != "help") {
        told(hub, format!("{command} {name}").trim_start(), found);
    }
    let usage = help.lines().find(|line| line.starts_with("Usage:")).expect("how it is used");
    if !usage.ends_with("<COMMAND>") {
        found.insert(command.to_owned(), help);
    }
}

fn commands(hub: &TestHub) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    told(hub, "", &mut found);
    found
}

/// The forms of an answer that a command offers, as arguments.
fn forms(help: &str) -> Vec<Vec<String>> {
    let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut forms = vec![Vec::new()];
    forms.extend(help.contains(" --json ").then(|| vec!["--json".to_owned()]));
    let format = help.split_once("--format <").and_then(|(_, rest)| rest.split_once("[possible values: "));
    let values =
        format.and_then(|(_, rest)| rest.split_once(']')).map(|(values, _)| values).unwrap_or_default();
    let named = values.split(", ").filter(|value| !value.is_empty());
    forms.extend(named.map(|value| vec!["--format".to_owned(), value.to_owned()]));
    forms
}

/// What the braces of a line stand for now.
fn fillings(canary: &Canary, name: &str) -> Vec<String> {
    let (hub, count) = (&canary.hub, canary.all.len());
    let given = |file: String| canary.given.path().join(file).display().to_string();
    let each = |name: &dyn Fn(usize) -> String| (0..count).map(name).collect::<Vec<_>>();
    let ids = |arguments: &[&str], list: &str, id: &str| -> Vec<String> {
        let listed = hub.json(arguments);
        let rows = if list.is_empty() { &listed } else { &listed[list] };
        let rows = rows.as_array().expect("a list").iter();
        rows.map(|row| row[id].to_string().trim_matches('"').to_owned()).collect()
    };
    match name {
        "an-event" => vec![given("m1.json".to_owned())],
        "a-wrong-one" => vec![given("w1.json".to_owned())],
        "id" => each(&|number| format!("m{number}")),
        "case" => each(&|number| {
            format!(
                "{}-to-desk {}",
                message_of(&canary.all[number].event_type),
                given(format!("m{number}.json"))
            )
        }),
        "noted" => ids(&["xref", "list", "--json"], "", "key"),
        "rows" | "half" | "references" | "good" => vec![given(format!("{name}.csv"))],
        "new" => vec![given(format!("new-{}", uuid::Uuid::new_v4().simple()))],
        "pages" => vec![hub.council.data().join("pages").display().to_string()],
        "older" => vec![canary.older().display().to_string()],
        "changed" => vec![canary.changed().display().to_string()],
        "dead" => ids(&["dead", "list", "--json"], "", "dispatch"),
        "invalid" => ids(&["invalid", "list", "--json"], "events", "id"),
        // Each is a dead letter or an invalid event too, and shown as that.
        "item" => ids(&["worklist", "--format", "json"], "", "id").into_iter().step_by(6).collect(),
        "items" => vec![ids(&["worklist", "--format", "json"], "", "id").join(" ")],
        "job" => ids(&["jobs", "list", "--json"], "", "id").into_iter().step_by(5).collect(),
        "a-letter" => fillings(canary, "dead")[..1].to_vec(),
        "an-item" => fillings(canary, "item")[1..2].to_vec(),
        "a-job" => fillings(canary, "job")[..1].to_vec(),
        _ => panic!("nothing is known of {name}"),
    }
}

/// The line with what its braces stand for, once for each of that.
fn filled(canary: &Canary, line: &str) -> Vec<String> {
    let Some((before, rest)) = line.split_once('{') else { return vec![line.to_owned()] };
    let (name, behind) = rest.split_once('}').expect("a brace that closes");
    let values = fillings(canary, name);
    assert!(!values.is_empty(), "there is no {name}");
    values.into_iter().map(|value| format!("{before}{value}{behind}")).collect()
}

fn words(output: &Output) -> String {
    [output.stdout.as_slice(), &output.stderr].map(String::from_utf8_lossy).concat()
}

/// What every command says in every form that it offers; and what went otherwise than its line says, or shows nothing to who
/// asks for values.
pub(super) fn run(canary: &Canary) -> (Vec<Written>, Vec<String>) {
    let (helps, mut said, mut odd) = (commands(&canary.hub), Vec::new(), Vec::new());
    for (command, lines) in COMMANDS {
        let help = &helps[*command];
        for (number, form) in forms(help).iter().enumerate() {
            for line in lines.iter().flat_map(|line| filled(canary, line)) {
                let told = asked(canary, line.trim_start_matches('!'), form);
                let as_expected = match (number, told.0) {
                    (0, code) if line.starts_with('!') => code != Some(0) && code != USAGE,
                    (0, code) => code == Some(0) || code == DIFFERS,
                    (_, code) => code != USAGE,
                };
                odd.extend((!as_expected).then(|| format!("{line} {form:?}: {told:?}")));
                said.push((format!("{line} {}", form.join(" ")), told.1));
            }
        }
        if help.contains("--reveal") {
            odd.extend((!is_seen(canary, lines)).then(|| format!("{command} reveals nothing")));
        }
    }
    (said, odd)
}

/// Whether one of the lines shows a value to who says why, and says that in the log.
fn is_seen(canary: &Canary, lines: &[&str]) -> bool {
    let why = ["--reveal", "--reason", "asked"].map(str::to_owned);
    let sees = |line: String| {
        let told = asked(canary, line.trim_start_matches('!'), &why).1;
        told.contains("operator.revealed") && marked::found(canary.planted(), &told).is_some()
    };
    lines.iter().flat_map(|line| filled(canary, line)).any(sees)
}

/// The exit code of a line, and what it says.
fn asked(canary: &Canary, line: &str, form: &[String]) -> (Option<i32>, String) {
    let arguments: Vec<&str> = line.split(' ').chain(form.iter().map(String::as_str)).collect();
    let output = canary.hub.run(&arguments);
    (output.status.code(), words(&output))
}

#[test]
fn every_command_of_the_program_is_run_with_the_canary_or_says_why_not() {
    let hub = TestHub::new(TestCouncil::small(), "amqp://127.0.0.1:1");
    let known: Vec<String> = commands(&hub).into_keys().collect();
    let mut listed: Vec<&str> = COMMANDS.iter().map(|(command, _)| *command).collect();
    listed.extend(NOT_RUN.iter().map(|(command, _)| *command));
    listed.sort_unstable();
    assert_eq!(listed, known, "a command that is new, or gone");
    for (command, lines) in COMMANDS {
        for line in *lines {
            // A subject stands between `subject` and what is done with it.
            let words = line.trim_start_matches('!').split(' ').filter(|word| !word.contains(['{', ':']));
            assert!(words.collect::<Vec<_>>().join(" ").starts_with(command), "{command}: {line}");
        }
    }
}
