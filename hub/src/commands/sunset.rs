//! `postroom check --sunset`: who still reads, and who still publishes, a version of an event type of which there is a newer one.

use postroom_council::{Council, Sunset};

use crate::output;

pub(crate) fn tell(council: &Council) {
    let all = council.sunset();
    if all.is_empty() {
        output::line("no event type has a newer version");
    }
    let themselves = council.sources().filter(|(_, side)| side.is_queue());
    let themselves: Vec<&str> = themselves.map(|(system, _)| system.name.as_str()).collect();
    all.iter().for_each(|old| one(old, &themselves));
}

fn one(old: &Sunset, themselves: &[&str]) {
    output::line(format!("{}; the newest is {}", old.event_type, old.newest));
    output::line(format!("  read by {}", named(&old.read_by)));
    output::line(format!("  published by {}", named(&old.published_by)));
    if !themselves.is_empty() {
        // What they publish is in no text of the council.
        output::line(format!(
            "  perhaps published by {}, for they publish themselves",
            themselves.join(", ")
        ));
    }
    if !old.becomes.is_empty() {
        output::line(format!("  what is published becomes {}", old.becomes.join(", ")));
    }
    if !old.made_of.is_empty() {
        output::line(format!("  who reads it also gets {}", old.made_of.join(", ")));
    }
}

fn named(names: &[String]) -> String {
    if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
}
