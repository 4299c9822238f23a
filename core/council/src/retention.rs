//! How long things are kept: the journal by the age of its events, the ledger longer than anything can come again.

use std::time::Duration;

use postroom_connector::parse_duration;

use crate::Council;
use crate::reading::Reading;
use crate::written::{CouncilText, Text};

/// A day.
const DAY: Duration = Duration::from_secs(86_400);
/// How long the journal keeps an event, where the text gives no other age.
const JOURNAL_AGE: Duration = Duration::from_secs(30 * 86_400);
/// The shortest and the longest age of the journal.
const JOURNAL_AGES: (Duration, Duration) = (Duration::from_secs(3_600), Duration::from_secs(3_650 * 86_400));
/// What the ledger keeps beyond what it must, where the text says nothing.
const MARGIN: Duration = Duration::from_secs(7 * 86_400);

/// `max_age` under `[journal]`.
pub(crate) fn journal_age(text: &Text, written: &CouncilText, reading: &mut Reading<'_>) -> Duration {
    let Some(age) = &written.journal.max_age else { return JOURNAL_AGE };
    let (shortest, longest) = JOURNAL_AGES;
    let parsed = parse_duration(age.as_ref()).filter(|age| (shortest..=longest).contains(age));
    let words = "`max_age` is a duration between an hour and ten years, such as `30d`";
    reading.keep(parsed.ok_or_else(|| text.problem(age, "retention", words))).unwrap_or(JOURNAL_AGE)
}

/// `keep` under `[ledger]`: no less than the journal's age plus the longest retry schedule.
pub(crate) fn keep(
    text: &Text,
    written: &CouncilText,
    council: &Council,
    reading: &mut Reading<'_>,
) -> Duration {
    let schedules = council.routes.iter().map(|route| route.retry.iter().sum::<Duration>());
    let least = council.journal_age + schedules.max().unwrap_or_default();
    let Some(keep) = &written.ledger.keep else { return least + MARGIN };
    let days = least.as_secs().div_ceil(DAY.as_secs());
    let words = format!(
        "`keep` is a duration of at least {days}d: the journal's age and the longest retry schedule of a route"
    );
    let parsed = parse_duration(keep.as_ref()).filter(|keep| *keep >= least);
    reading.keep(parsed.ok_or_else(|| text.problem(keep, "retention", words))).unwrap_or(least + MARGIN)
}
