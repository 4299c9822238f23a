//! The fields of a report as GeoReport v2 names them, and how long each may be. Pure; it knows neither server nor client.

/// A field of a report that is one text.
pub(crate) struct Field {
    pub(crate) name: &'static str,
    /// Longest value, in characters.
    pub(crate) most_chars: usize,
}

/// Longest description, in characters: the specification's own limit.
pub(crate) const MAX_DESCRIPTION_CHARS: usize = 4_000;
/// Longest answer to a question of a service, in characters.
pub(crate) const MAX_ANSWER_CHARS: usize = 4_000;
/// Most answers in a report.
pub(crate) const MOST_ANSWERS: usize = 100;

const fn field(name: &'static str, most_chars: usize) -> Field {
    Field { name, most_chars }
}

/// The fields of a report that are texts. `lat`, `long` and the answers are apart.
pub(crate) const TEXTS: [Field; 11] = [
    field("service_code", 100),
    field("description", MAX_DESCRIPTION_CHARS),
    field("address_string", 500),
    field("address_id", 100),
    field("email", 254),
    field("device_id", 200),
    field("account_id", 200),
    field("first_name", 100),
    field("last_name", 100),
    field("phone", 50),
    field("media_url", 2_000),
];

/// The degrees of a point, within `most` to both sides.
pub(crate) const POINT: [(&str, f64); 2] = [("lat", 90.0), ("long", 180.0)];

/// The answers to a service's questions: in a record and a message a list of `{code, value}`.
pub(crate) const ANSWERS: &str = "attributes";
