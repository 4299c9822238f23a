//! The command line of officers: what is dead, what is invalid, what they decide on it, and the jobs that carry it out.

use chrono::{DateTime, NaiveDate, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Europe::London;
use clap::{Args, Subcommand};
use postroom_event::Concern;

use super::{FormArgs, RevealArgs};

/// Most sent again in a second, unless told otherwise.
const REDRIVES_A_SECOND: u32 = 50;
/// The fastest rate that can be asked for.
const MOST_A_SECOND: u32 = 1_000;

#[derive(Debug, Subcommand)]
pub(crate) enum DeadCommand {
    /// Lists them, newest first.
    List(DeadListArgs),
    /// Shows one with every attempt and every decision.
    Show(ShowArgs),
    /// Sends them again, each in its place in its subject, after a preview; the hub does it, at once when it runs.
    Redrive(DeadRedriveArgs),
    /// Gives them up for good: what waits behind them goes on. The hub does it, at once when it runs.
    Discard(DeadDiscardArgs),
}

#[derive(Debug, Subcommand)]
pub(crate) enum InvalidCommand {
    /// Lists them, newest first: events, and records of files.
    List(InvalidListArgs),
    /// Shows one event with every decision.
    Show(ShowArgs),
    /// Has them decided again, after a preview; what is valid now goes on as any event.
    Redrive(InvalidRedriveArgs),
    /// Gives them up for good.
    Discard(InvalidDiscardArgs),
}

#[derive(Debug, Subcommand)]
pub(crate) enum JobsCommand {
    /// Lists them, newest first.
    List {
        /// At most so many.
        #[arg(long, default_value_t = 100)]
        limit: u32,
        #[command(flatten)]
        form: FormArgs,
    },
    /// Shows one: how far it came, and what it left as it was, and why.
    Show {
        /// The number that `list` prints.
        id: i64,
        /// Waits until it has ended.
        #[arg(long)]
        wait: bool,
        #[command(flatten)]
        form: FormArgs,
    },
    /// Stops one: what is not done yet stays as it is.
    Cancel {
        /// The number that `list` prints.
        id: i64,
    },
}

/// Which dead letters.
#[derive(Debug, Default, Args)]
pub(crate) struct WhichDead {
    /// Only those to this system.
    #[arg(long, value_name = "SYSTEM")]
    pub(crate) target: Option<String>,
    /// Only those of this route.
    #[arg(long)]
    pub(crate) route: Option<String>,
    /// Only those that are `business` (the work list) or `technical`.
    #[arg(long, value_name = "WHOSE", value_parser = concern)]
    pub(crate) concern: Option<Concern>,
    #[command(flatten)]
    pub(crate) when: When,
}

/// Which invalid events.
#[derive(Debug, Default, Args)]
pub(crate) struct WhichInvalid {
    /// Only those from this system.
    #[arg(long)]
    pub(crate) system: Option<String>,
    /// Only those that are `business` (the work list) or `technical`.
    #[arg(long, value_name = "WHOSE", value_parser = concern)]
    pub(crate) concern: Option<Concern>,
    #[command(flatten)]
    pub(crate) when: When,
}

/// About what, and when.
#[derive(Debug, Default, Args)]
pub(crate) struct When {
    /// Only those about this subject, e.g. `uprn:100061234567`.
    #[arg(long)]
    pub(crate) subject: Option<String>,
    /// Only those since then: `2026-03-20`, `2026-03-20T10:14`, or `2h` ago.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) since: Option<i64>,
    /// Only those before then.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) until: Option<i64>,
}

/// How a list is cut and printed.
#[derive(Debug, Args)]
pub(crate) struct Listing {
    /// Only those with this code.
    #[arg(long, visible_alias = "code", value_name = "CODE")]
    pub(crate) reason: Option<String>,
    /// Only those that are `open`, `discarded` or `redriven`; or `all`.
    #[arg(long, default_value = "open", value_parser = ["open", "discarded", "redriven", "all"])]
    pub(crate) state: String,
    /// Counts them by where and why, the largest group first.
    #[arg(long)]
    pub(crate) groups: bool,
    /// At most so many.
    #[arg(long, default_value_t = 100)]
    pub(crate) limit: u32,
    #[command(flatten)]
    pub(crate) form: FormArgs,
}

#[derive(Debug, Args)]
pub(crate) struct DeadListArgs {
    #[command(flatten)]
    pub(crate) which: WhichDead,
    #[command(flatten)]
    pub(crate) listing: Listing,
}

#[derive(Debug, Args)]
pub(crate) struct InvalidListArgs {
    #[command(flatten)]
    pub(crate) which: WhichInvalid,
    #[command(flatten)]
    pub(crate) listing: Listing,
}

#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    /// The id that `list` prints.
    pub(crate) id: String,
    #[command(flatten)]
    pub(crate) reveal: RevealArgs,
    #[command(flatten)]
    pub(crate) form: FormArgs,
}

/// What an officer says beside what is decided on.
#[derive(Debug, Args)]
pub(crate) struct Deciding {
    /// Only those with this code.
    #[arg(long)]
    pub(crate) code: Option<String>,
    #[command(flatten)]
    pub(crate) consent: Consent,
}

/// What somebody says who changes something.
#[derive(Debug, Clone, Args)]
pub(crate) struct Consent {
    /// Why you decide so; it is kept with who and when.
    #[arg(long, value_name = "TEXT", required_unless_present = "dry_run")]
    pub(crate) reason: Option<String>,
    /// Shows what would happen, and does nothing.
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Does it without asking.
    #[arg(long)]
    pub(crate) yes: bool,
}

/// How what is sent again is sent.
#[derive(Debug, Args)]
pub(crate) struct Sending {
    /// How many a second.
    #[arg(long, value_name = "N/s", default_value_t = REDRIVES_A_SECOND, value_parser = rate)]
    pub(crate) rate: u32,
    /// Sends those, too, that would not be accepted.
    #[arg(long)]
    pub(crate) all: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DeadRedriveArgs {
    /// The ids that `list` prints; without any, all that the filters name.
    pub(crate) ids: Vec<String>,
    #[command(flatten)]
    pub(crate) which: WhichDead,
    #[command(flatten)]
    pub(crate) deciding: Deciding,
    #[command(flatten)]
    pub(crate) sending: Sending,
    /// Sends those, too, that a later event of the same subject went past.
    #[arg(long)]
    pub(crate) stale: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DeadDiscardArgs {
    /// The ids that `list` prints; without any, all that the filters name.
    pub(crate) ids: Vec<String>,
    #[command(flatten)]
    pub(crate) which: WhichDead,
    #[command(flatten)]
    pub(crate) deciding: Deciding,
}

#[derive(Debug, Args)]
pub(crate) struct InvalidRedriveArgs {
    /// The numbers that `list` prints; without any, all that the filters name.
    pub(crate) ids: Vec<i64>,
    #[command(flatten)]
    pub(crate) which: WhichInvalid,
    #[command(flatten)]
    pub(crate) deciding: Deciding,
    #[command(flatten)]
    pub(crate) sending: Sending,
}

#[derive(Debug, Args)]
pub(crate) struct InvalidDiscardArgs {
    /// The numbers that `list` prints; without any, all that the filters name.
    pub(crate) ids: Vec<i64>,
    #[command(flatten)]
    pub(crate) which: WhichInvalid,
    #[command(flatten)]
    pub(crate) deciding: Deciding,
}

/// An instant in microseconds since the epoch: as the clock in London shows it, as RFC 3339, or so long ago.
pub(super) fn moment(text: &str) -> Result<i64, String> {
    read_moment(text, Utc::now())
        .map(|at| at.timestamp_micros())
        .ok_or_else(|| "a time such as `2026-03-20`, `2026-03-20T10:14` or `2h` (ago)".to_owned())
}

fn concern(text: &str) -> Result<Concern, String> {
    let known = Concern::ALL.into_iter().find(|concern| concern.word() == text);
    known.ok_or_else(|| "`business` or `technical`".to_owned())
}

fn read_moment(text: &str, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
    if let Some(ago) = postroom_connector::parse_duration(text) {
        return now.checked_sub_signed(chrono::Duration::from_std(ago).ok()?);
    }
    if let Ok(exact) = DateTime::parse_from_rfc3339(text) {
        return Some(exact.to_utc());
    }
    let minute = ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"];
    let shown = minute.iter().find_map(|form| NaiveDateTime::parse_from_str(text, form).ok());
    let shown = shown.or_else(|| NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_hms_opt(0, 0, 0))?;
    London.from_local_datetime(&shown).earliest().map(|at| at.to_utc())
}

/// `50/s`, or `50`.
fn rate(text: &str) -> Result<u32, String> {
    let number = text.strip_suffix("/s").unwrap_or(text).parse().ok();
    number
        .filter(|rate| (1..=MOST_A_SECOND).contains(rate))
        .ok_or_else(|| format!("a rate such as `50/s`, from 1 to {MOST_A_SECOND}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_read_as_london_shows_it_as_rfc_3339_or_as_so_long_ago() {
        let now = DateTime::parse_from_rfc3339("2026-07-01T12:00:00Z").unwrap().to_utc();
        let read = |text: &str| read_moment(text, now).map(|at| at.to_rfc3339());
        for (text, expected) in [
            ("2h", "2026-07-01T10:00:00+00:00"),
            ("2026-06-20", "2026-06-19T23:00:00+00:00"),
            ("2026-01-20T10:14", "2026-01-20T10:14:00+00:00"),
            ("2026-06-20 10:14:03", "2026-06-20T09:14:03+00:00"),
            ("2026-06-20T10:14:03+02:00", "2026-06-20T08:14:03+00:00"),
        ] {
            assert_eq!(read(text).as_deref(), Some(expected), "{text}");
        }
        assert_eq!((read("yesterday"), read("2026-13-01")), (None, None));
    }

    #[test]
    fn a_rate_is_a_number_a_second_within_its_limits() {
        assert_eq!((rate("50/s"), rate("1")), (Ok(50), Ok(1)));
        for wrong in ["0", "1001", "5/m", "fast"] {
            assert!(rate(wrong).is_err(), "{wrong}");
        }
    }
}
