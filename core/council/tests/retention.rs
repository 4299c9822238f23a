//! How long journal and ledger keep things, as the council's text says it.

#![expect(clippy::unwrap_used, reason = "what goes wrong in a test fails it")]

use std::time::Duration;

use postroom_connector::Connectors;
use postroom_council::{Council, Problem};

const DAY: Duration = Duration::from_secs(86_400);

/// A council without systems, with this in its text.
fn read(more: &str) -> Result<Council, Vec<Problem>> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("council.toml"), format!("name = \"Small\"\n{more}")).unwrap();
    Council::load(folder.path(), None, &Connectors::default())
}

fn check_age(more: &str, expected: Duration) {
    let council = read(more).unwrap();
    assert_eq!((council.journal_age, council.keep), (expected, expected + 7 * DAY), "{more}");
}

#[test]
fn the_journal_keeps_for_as_long_as_is_written_else_for_thirty_days_and_the_ledger_for_a_week_more() {
    check_age("", 30 * DAY);
    check_age("[journal]\nmax_age = \"36h\"\n", DAY + DAY / 2);
    check_age("[journal]\nmax_age = \"1h\"\n", DAY / 24);
    check_age("[journal]\nmax_age = \"3650d\"\n", 3_650 * DAY);
}

#[test]
fn an_age_of_the_journal_below_an_hour_or_beyond_ten_years_is_refused() {
    for age in ["59min", "3651d", "30", "D"] {
        let problems = read(&format!("[journal]\nmax_age = \"{age}\"\n")).err().unwrap_or_default();
        assert_eq!(problems.iter().map(|one| one.code.as_str()).collect::<Vec<_>>(), ["retention"], "{age}");
    }
}
