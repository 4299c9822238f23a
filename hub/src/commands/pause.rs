//! `postroom pause|resume SYSTEM`: nothing is taken from a system and nothing is sent to it, until somebody says so. The
//! word stands in the ledger; a running hub hears it within a second, and the next one when it starts.

use std::process::ExitCode;

use chrono::{DateTime, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Europe::London;
use postroom_connector::parse_duration;
use postroom_ledger::Pause;

use crate::cli::{Cli, PauseArgs, ResumeArgs};
use crate::failure::Failure;
use crate::output;
use crate::place::Place;

/// How a time of day in London is written.
const LOCAL: &str = "%Y-%m-%d %H:%M";

pub(crate) async fn pause(cli: &Cli, args: &PauseArgs) -> Result<ExitCode, Failure> {
    let place = Place::load(cli)?;
    if !place.council.systems.contains_key(&args.system) {
        return Err(Failure::Wrong(format!("there is no system `{}`", args.system)));
    }
    let now = Utc::now();
    let until = args.until.as_deref().map(|text| moment(text, now)).transpose()?;
    let since = now.timestamp_micros();
    let word = Pause {
        system: args.system.clone(),
        since,
        until: until.map(|until| until.timestamp_micros()),
        actor: output::actor(),
        reason: args.reason.clone(),
    };
    let end = word.until.map_or_else(|| "somebody resumes it".to_owned(), output::time);
    place.ledger().await?.pause(word).await?;
    output::line(format!("{} is paused until {end}", args.system));
    Ok(ExitCode::SUCCESS)
}

pub(crate) async fn resume(cli: &Cli, args: &ResumeArgs) -> Result<ExitCode, Failure> {
    let ledger = Place::load(cli)?.ledger().await?;
    let now = Utc::now().timestamp_micros();
    let word = Pause {
        system: args.system.clone(),
        since: now,
        until: Some(now),
        actor: output::actor(),
        reason: args.reason.clone(),
    };
    if !ledger.resume(word).await? {
        return Err(Failure::Wrong(format!("`{}` is not paused", args.system)));
    }
    output::line(format!("{} is paused no longer", args.system));
    Ok(ExitCode::SUCCESS)
}

/// The moment that somebody means: a time from now on, an instant, or a time of day in London; it must be to come.
fn moment(text: &str, now: DateTime<Utc>) -> Result<DateTime<Utc>, Failure> {
    let from_now = || now.checked_add_signed(chrono::TimeDelta::from_std(parse_duration(text)?).ok()?);
    let instant = || Some(DateTime::parse_from_rfc3339(text).ok()?.to_utc());
    let local = || {
        let time = NaiveDateTime::parse_from_str(text, LOCAL).ok()?;
        Some(London.from_local_datetime(&time).earliest()?.to_utc())
    };
    let found = from_now().or_else(instant).or_else(local).ok_or_else(|| {
        Failure::Wrong(format!(
            "`{text}` is no time: `2h`, `2026-03-20 18:00` in London, or `2026-03-20T18:00:00Z`"
        ))
    })?;
    if found <= now {
        return Err(Failure::Wrong(format!("`{text}` is over already")));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_duration_an_instant_or_a_time_of_day_in_london_and_still_to_come() {
        let now = DateTime::parse_from_rfc3339("2026-07-01T10:00:00Z").expect("a time").to_utc();
        let meant =
            |text| moment(text, now).map(|found| found.to_rfc3339()).map_err(|error| error.to_string());
        for text in ["2h", "2026-07-01T12:00:00Z", "2026-07-01 13:00"] {
            assert_eq!(meant(text).as_deref(), Ok("2026-07-01T12:00:00+00:00"), "{text}");
        }
        assert!(meant("2026-07-01 10:59").is_err_and(|error| error.contains("over already")));
        assert!(meant("tomorrow").is_err_and(|error| error.contains("is no time")));
    }
}
