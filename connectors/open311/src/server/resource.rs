//! Which resource of GeoReport v2 a path names, and what a query asks for. Pure.

use chrono::{DateTime, Duration, Utc};

use super::form::{Parameters, decode};
use super::refusal::Refusal;
use crate::store::{MOST_REQUESTS, Search};
use crate::writing::Written;

/// Longest time that one query asks for: the specification's own limit.
const SPAN_DAYS: i64 = 90;

/// A resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Resource {
    Services,
    /// The definition of a service, by its code.
    Service(String),
    Requests,
    /// A request, by its id.
    Request(String),
    /// The id that a token has by now.
    Token(String),
}

impl Resource {
    /// What stands behind the path of the server, and how its answer is written; nothing where it names no resource.
    pub(super) fn of(rest: &str) -> (Written, Option<Self>) {
        let (path, ending) = rest.rsplit_once('.').unwrap_or((rest, ""));
        let Some(written) = Written::of(ending) else { return (Written::Xml, None) };
        let mut parts = path.trim_start_matches('/').splitn(2, '/');
        let kind = parts.next().unwrap_or_default();
        // A `+` in a path is a `+`.
        let name = parts.next().map(|name| decode(&name.replace('+', "%2B")));
        let resource = match (kind, name) {
            ("services", None) => Some(Self::Services),
            ("requests", None) => Some(Self::Requests),
            ("services", Some(Ok(code))) => Some(Self::Service(code)),
            ("requests", Some(Ok(id))) => Some(Self::Request(id)),
            ("tokens", Some(Ok(token))) => Some(Self::Token(token)),
            _ => None,
        };
        (written, resource)
    }
}

/// What a query of requests asks for at `now`.
pub(super) fn search(parameters: &Parameters, now: DateTime<Utc>) -> Result<Search, Refusal> {
    let ids = parameters.list("service_request_id");
    if !ids.is_empty() {
        if ids.len() > MOST_REQUESTS {
            return Err(Refusal::wrong(format!("service_request_id names more than {MOST_REQUESTS}")));
        }
        return Ok(Search::Ids(ids));
    }
    let statuses = parameters.list("status");
    if !statuses.iter().all(|status| matches!(status.as_str(), "open" | "closed")) {
        return Err(Refusal::wrong("status is `open` or `closed`"));
    }
    let codes = parameters.list("service_code");
    if codes.len() > MOST_REQUESTS {
        return Err(Refusal::wrong(format!("service_code names more than {MOST_REQUESTS}")));
    }
    let span = Duration::days(SPAN_DAYS);
    let (from, until) = match (instant(parameters, "start_date")?, instant(parameters, "end_date")?) {
        (Some(from), Some(until)) => (from, until),
        (Some(from), None) => (from, later(from, span)),
        (None, Some(until)) => (later(until, -span), until),
        (None, None) => (now - span, now),
    };
    if until < from {
        return Err(Refusal::wrong("end_date is before start_date"));
    }
    if until - from > span {
        return Err(Refusal::wrong(format!("start_date and end_date are more than {SPAN_DAYS} days apart")));
    }
    Ok(Search::Range { from, until, statuses, codes })
}

fn instant(parameters: &Parameters, name: &str) -> Result<Option<DateTime<Utc>>, Refusal> {
    let Some(text) = parameters.get(name) else { return Ok(None) };
    // A `+` that was not encoded came as a space.
    let text = text.replace(' ', "+");
    let read = DateTime::parse_from_rfc3339(&text);
    let read = read.map_err(|_| Refusal::wrong(format!("{name} is a time such as 2010-01-01T00:00:00Z")))?;
    Ok(Some(read.with_timezone(&Utc)))
}

/// The same later; at the end of time where that is nearer.
fn later(at: DateTime<Utc>, by: Duration) -> DateTime<Utc> {
    at.checked_add_signed(by).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_a_resource_and_how_its_answer_is_written() {
        let own = str::to_owned;
        for (path, written, resource) in [
            ("/services.xml", Written::Xml, Some(Resource::Services)),
            ("/services/033.json", Written::Json, Some(Resource::Service(own("033")))),
            ("/requests.json", Written::Json, Some(Resource::Requests)),
            ("/requests/14-01.2.xml", Written::Xml, Some(Resource::Request(own("14-01.2")))),
            ("/requests/a%2Fb+c.xml", Written::Xml, Some(Resource::Request(own("a/b+c")))),
            ("/tokens/12.json", Written::Json, Some(Resource::Token(own("12")))),
            ("/tokens.json", Written::Json, None),
            ("/requests/%ff.json", Written::Json, None),
            ("/discovery.json", Written::Json, None),
            ("/requests", Written::Xml, None),
            ("", Written::Xml, None),
        ] {
            assert_eq!(Resource::of(path), (written, resource), "{path}");
        }
    }

    fn asked(query: &str) -> Result<Search, Refusal> {
        let now = "2026-05-04T12:00:00Z".parse().expect("an instant");
        search(&Parameters::read([query.as_bytes()]).expect("parameters"), now)
    }

    #[test]
    fn a_query_without_times_asks_for_ninety_days_and_ids_override_all() {
        let range = |query: &str| match asked(query) {
            Ok(Search::Range { from, until, .. }) => (from.to_rfc3339(), until.to_rfc3339()),
            other => panic!("{query}: {other:?}"),
        };
        let both = |from: &str, until: &str| (from.to_owned(), until.to_owned());
        assert_eq!(range(""), both("2026-02-03T12:00:00+00:00", "2026-05-04T12:00:00+00:00"));
        assert_eq!(
            range("start_date=2010-05-24T00:00:00Z"),
            both("2010-05-24T00:00:00+00:00", "2010-08-22T00:00:00+00:00")
        );
        assert_eq!(
            range("end_date=2010-05-24T00:00:00+01:00"),
            both("2010-02-22T23:00:00+00:00", "2010-05-23T23:00:00+00:00")
        );
        let ids = asked("service_request_id=1,2&status=lost").expect("a search");
        assert_eq!(ids, Search::Ids(vec!["1".to_owned(), "2".to_owned()]));
    }

    #[test]
    fn a_query_that_asks_for_too_much_or_makes_no_sense_is_wrong() {
        for (query, word) in [
            ("status=lost", "status"),
            ("start_date=yesterday", "start_date"),
            ("start_date=2010-05-24T00:00:00", "start_date"),
            ("start_date=2010-05-24T00:00:00Z&end_date=2010-05-23T00:00:00Z", "before"),
            ("start_date=2010-01-01T00:00:00Z&end_date=2010-04-01T00:00:01Z", "90 days"),
        ] {
            match asked(query) {
                Err(Refusal::Wrong(words)) => assert!(words[0].contains(word), "{query}: {words:?}"),
                other => panic!("{query}: {other:?}"),
            }
        }
    }
}
