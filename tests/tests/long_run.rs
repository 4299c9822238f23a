//! The ordinary run: 10,000 events, 500 subjects, 8 targets and every kind of fault, judged by the oracle.

use std::path::Path;

use postroom_tests::long_run::{self, Plan};

/// The variable that names another seed.
const SEED: &str = "POSTROOM_TEST_SEED";
/// The seed, unless it is named.
const ORDINARY: u64 = 11;

#[test]
fn whatever_fails_under_load_every_event_arrives_in_order_and_twice_only_where_an_answer_was_lost() {
    let given = std::env::var(SEED).ok().and_then(|text| text.parse().ok());
    let plan = Plan::ordinary(given.unwrap_or(ORDINARY));
    println!("{SEED}={}", plan.seed);
    let target = Path::new(env!("CARGO_BIN_EXE_http-target"));
    let evidence = Path::new(env!("CARGO_TARGET_TMPDIR")).join("ordinary-run");
    let report = long_run::run(&plan, target, &evidence, |words| println!("{words}"));
    println!("{report}");
    assert!(report.is_well(), "a promise was broken: see the report above, and {}", evidence.display());
}
