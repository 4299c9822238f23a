//! Which seeds run, how many at once, and what is said of those that fail.

use std::sync::Arc;

use tokio::task::{JoinSet, LocalSet, spawn_local};

use crate::run::run;
use crate::schedule::Schedule;
use crate::world::Ground;

/// The range of seeds that run instead, as `FROM..TO`, without those that failed once.
const RANGE: &str = "POSTROOM_SIMULATION_SEEDS";
/// How often each seed of such a range runs: a schedule is fixed by its seed, the machine's timing is not.
const TIMES: &str = "POSTROOM_SIMULATION_TIMES";
/// Seeds of a run of the tests, beside those that failed once.
const SEEDS: u64 = 2_000;
/// Runs at the same time: they wait more than they work.
const CONCURRENT: usize = 32;
/// Seeds that fail before no more are begun.
const MOST_FAILURES: usize = 10;
/// The seeds that failed once: one a line, with the reason.
const FAILED_ONCE: &str = include_str!("seeds.txt");

/// The seeds that the environment asks for, or those that failed once and then a fixed range.
fn seeds() -> Vec<u64> {
    match std::env::var(RANGE) {
        Ok(range) => {
            let seeds = asked(&range).unwrap_or_else(|| panic!("{RANGE} is written FROM..TO, not {range:?}"));
            let times = std::env::var(TIMES).map_or(1, |times| {
                times.parse().unwrap_or_else(|_| panic!("{TIMES} is a number, not {times:?}"))
            });
            seeds.repeat(times)
        }
        Err(_) => failed_once(FAILED_ONCE).into_iter().chain(0..SEEDS).collect(),
    }
}

fn asked(range: &str) -> Option<Vec<u64>> {
    let (from, to) = range.split_once("..")?;
    Some((from.parse().ok()?..to.parse().ok()?).collect())
}

/// Behind a number stands why it is in the list.
fn failed_once(list: &str) -> Vec<u64> {
    let lines = list.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let number = |line: &str| line.split_whitespace().next().and_then(|number| number.parse().ok());
    lines.map(|line| number(line).unwrap_or_else(|| panic!("no seed: {line:?}"))).collect()
}

/// Runs them all; what is wrong, by seed.
async fn failures(seeds: Vec<u64>) -> Vec<String> {
    let ground = Arc::new(Ground::lay());
    let (mut seeds, mut runs, mut failures) = (seeds.into_iter(), JoinSet::new(), Vec::new());
    loop {
        while runs.len() < CONCURRENT && failures.len() < MOST_FAILURES {
            let Some(seed) = seeds.next() else { break };
            let ground = Arc::clone(&ground);
            runs.spawn_local(async move {
                let one = spawn_local(run(seed, ground)).await;
                (seed, one.unwrap_or_else(|defect| vec![format!("it ended on a defect: {defect}")]))
            });
        }
        let Some(ended) = runs.join_next().await else { return failures };
        let (seed, wrong) = ended.expect("a run is always told");
        if !wrong.is_empty() {
            failures.push(told(seed, &wrong));
        }
    }
}

fn told(seed: u64, wrong: &[String]) -> String {
    let alone = format!("{RANGE}={seed}..{} cargo nextest run -p postroom-tests --test simulation", seed + 1);
    let steps: Vec<_> = Schedule::draw(seed).steps.iter().map(|step| format!("{step:?}")).collect();
    let (wrong, steps) = (wrong.join("\n  "), steps.join(", "));
    format!("seed {seed}, which runs alone by `{alone}`:\n  {wrong}\n  after {steps}")
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_fails_nothing_confirmed_is_lost_and_every_subject_keeps_its_order() {
    let failures = LocalSet::new().run_until(failures(seeds())).await;
    assert!(failures.is_empty(), "{} seeds failed\n{}", failures.len(), failures.join("\n"));
}

#[test]
fn the_list_of_seeds_is_read_without_its_comments() {
    assert_eq!(failed_once("# why\n\n7 a cut\n9\n"), [7, 9]);
    assert_eq!(asked("3..6"), Some(vec![3, 4, 5]));
    assert_eq!(asked("3"), None);
}
