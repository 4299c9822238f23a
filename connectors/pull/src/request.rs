//! What a request wishes, by its path, method and query. Pure.

use postroom_event::DispatchId;
use postroom_listener::header::CONTENT_TYPE;
use postroom_listener::{Asked, HeaderMap, Method};

use crate::refusal::Refusal;
use crate::verdict::Verdict;

/// Most messages in one page, and as many as are given where nothing is said.
pub(crate) const MOST_IN_PAGE: usize = 200;
/// The name below the path at which the description of the interface is.
const DOCUMENT: &str = "openapi.json";

/// What is wished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Wish {
    /// A page of what is on offer: at most so many, behind that place.
    Look { limit: usize, after: u64 },
    /// To say what became of a message.
    Answer(DispatchId, Verdict),
    /// The description of the interface.
    Document,
}

impl Wish {
    /// What a request below `path` wishes.
    pub(crate) fn read(asked: &Asked, path: &str) -> Result<Self, Refusal> {
        let below = asked.path.strip_prefix(path).ok_or(Refusal::Nowhere)?;
        match below.strip_prefix('/') {
            None if below.is_empty() => {
                reading(&asked.method)?;
                look(asked.query.as_deref())
            }
            Some(DOCUMENT) => {
                reading(&asked.method)?;
                nothing(asked.query.as_deref())?;
                Ok(Self::Document)
            }
            Some(name) => {
                let dispatch = name.parse::<DispatchId>().ok().filter(|id| id.to_string() == name);
                let dispatch = dispatch.ok_or(Refusal::Nowhere)?;
                if asked.method != Method::PUT {
                    return Err(Refusal::Method("PUT"));
                }
                nothing(asked.query.as_deref())?;
                is_json(&asked.headers)?;
                Ok(Self::Answer(dispatch, Verdict::read(&asked.body)?))
            }
            None => Err(Refusal::Nowhere),
        }
    }
}

fn reading(method: &Method) -> Result<(), Refusal> {
    match method == Method::GET || method == Method::HEAD {
        true => Ok(()),
        false => Err(Refusal::Method("GET, HEAD")),
    }
}

fn nothing(query: Option<&str>) -> Result<(), Refusal> {
    match query.unwrap_or_default().is_empty() {
        true => Ok(()),
        false => Err(Refusal::Query("this takes no parameters")),
    }
}

fn look(query: Option<&str>) -> Result<Wish, Refusal> {
    let (mut limit, mut after) = (None, None);
    for pair in query.unwrap_or_default().split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        let (place, words) = match name {
            "limit" => (&mut limit, "`limit` is a number from 1 to 200, once"),
            "after" => (&mut after, "`after` is what `next` said, once"),
            _ => return Err(Refusal::Query("the parameters are `limit` and `after`")),
        };
        let digits = value.bytes().all(|byte| byte.is_ascii_digit()).then(|| value.parse::<u64>());
        match digits {
            Some(Ok(number)) if place.is_none() => *place = Some(number),
            _ => return Err(Refusal::Query(words)),
        }
    }
    let limit = limit.map_or(Some(MOST_IN_PAGE), |limit| usize::try_from(limit).ok());
    match limit.filter(|limit| (1..=MOST_IN_PAGE).contains(limit)) {
        Some(limit) => Ok(Wish::Look { limit, after: after.unwrap_or_default() }),
        None => Err(Refusal::Query("`limit` is a number from 1 to 200, once")),
    }
}

/// Whether the media type is JSON, whatever its parameters.
fn is_json(headers: &HeaderMap) -> Result<(), Refusal> {
    let mut values = headers.get_all(CONTENT_TYPE).iter();
    let named = values.next().and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media_type = named.split(';').next().unwrap_or_default().trim();
    match media_type.eq_ignore_ascii_case("application/json") && values.next().is_none() {
        true => Ok(()),
        false => Err(Refusal::MediaType),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_has_its_limits_and_a_parameter_that_is_not_known_is_refused() {
        for (query, limit, after) in [
            ("", 200, 0),
            ("limit=1", 1, 0),
            ("after=7&limit=200", 200, 7),
            ("limit=05", 5, 0),
            ("&", 200, 0),
        ] {
            assert_eq!(look(Some(query)), Ok(Wish::Look { limit, after }), "{query}");
        }
        for query in [
            "limit=0",
            "limit=201",
            "limit=",
            "limit=-1",
            "limit=+1",
            "limit=1&limit=1",
            "after=x",
            "after=99999999999999999999",
            "offset=1",
            "limit",
            "Limit=1",
        ] {
            assert!(matches!(look(Some(query)), Err(Refusal::Query(_))), "{query}");
        }
    }

    #[test]
    fn an_answer_is_json_by_its_media_type() {
        let check = |text: Option<&'static str>| {
            let value = text.map(postroom_listener::header::HeaderValue::from_static);
            is_json(&value.map(|value| (CONTENT_TYPE, value)).into_iter().collect())
        };
        for right in ["application/json", "Application/JSON; charset=utf-8"] {
            assert_eq!(check(Some(right)), Ok(()), "{right}");
        }
        for wrong in [None, Some(""), Some("text/plain"), Some("application/jsonl")] {
            assert_eq!(check(wrong), Err(Refusal::MediaType), "{wrong:?}");
        }
    }
}
