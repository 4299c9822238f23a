//! The names under which a sink writes before a file has its own, and how it knows the ones that it left behind. Pure.

/// The name of a file of handover `id` while it is written.
pub(super) fn unfinished(name: &str, id: &str) -> String {
    format!(".{name}.{id}.part")
}

/// Whether `found` is such a name of a sink whose files are named by `template`.
pub(super) fn is_own(found: &str, template: &str) -> bool {
    let Some(inner) = found.strip_prefix('.').and_then(|rest| rest.strip_suffix(".part")) else {
        return false;
    };
    let mut splits = inner.match_indices('.');
    splits.any(|(at, _)| is_named(&inner[..at], template, &inner[at + 1..]))
}

/// Whether `name` is that of handover `id` on some day.
fn is_named(name: &str, template: &str, id: &str) -> bool {
    if id.is_empty() {
        return false;
    }
    let filled = template.replace("{batch}", id);
    let mut parts = filled.split("{date}");
    let Some(mut rest) = parts.next().and_then(|first| name.strip_prefix(first)) else { return false };
    for part in parts {
        let is_date = rest.len() >= 8 && rest.bytes().take(8).all(|byte| byte.is_ascii_digit());
        let Some(after) = is_date.then(|| rest[8..].strip_prefix(part)).flatten() else { return false };
        rest = after;
    }
    rest.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sink_knows_its_own_leavings_and_nobody_elses() {
        let template = "changes-{date}-{batch}.csv";
        let own = unfinished("changes-20260701-0190-a.b.csv", "0190-a.b");
        assert_eq!(own, ".changes-20260701-0190-a.b.csv.0190-a.b.part");
        assert!(is_own(&own, template));
        for other in [
            "changes-20260701-0190.csv",
            ".changes-20260701-0190.csv.0191.part",
            ".changes-2026-0190.csv.0190.part",
            ".other-20260701-0190.csv.0190.part",
            ".changes-20260701-0190.csv.part",
            ".changes-20260701-.csv..part",
            ".part",
            ".é.part",
        ] {
            assert!(!is_own(other, template), "{other}");
        }
        assert!(is_own(".7.7.part", "{batch}"));
    }
}
