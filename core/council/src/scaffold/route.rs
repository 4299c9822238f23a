//! A new route: its file, and a mapping that type-checks.

use std::path::Path;

use postroom_schema::Validator;
use postroom_transform::{Context, Mapping, Shape};
use serde_json::Value;

use super::fill::{Filled, Given};
use super::{CLOSED, DECIDE, Draft, quoted};
use crate::load::is_name;
use crate::{Council, Target};

/// A route that there is not yet.
#[derive(Debug, Clone, Copy)]
pub struct NewRoute<'a> {
    /// The event type.
    pub from: &'a str,
    /// The target system.
    pub to: &'a str,
    /// The message; the target's only one unless it is given.
    pub message: Option<&'a str>,
    /// Why personal data may flow.
    pub purpose: Option<&'a str>,
    /// The name of its folder; made of event and target unless it is given.
    pub name: Option<&'a str>,
}

impl Council {
    /// The files of a new route.
    ///
    /// # Errors
    /// What of it the council does not have, and what there is instead.
    pub fn draft_route(&self, new: &NewRoute<'_>) -> Result<Draft, String> {
        let event = self
            .vocabulary
            .get(new.from)
            .ok_or_else(|| unknown("event type", new.from, self.vocabulary.names()))?;
        let target = self.systems.get(new.to).and_then(|system| system.target.as_ref());
        let target = target.ok_or_else(|| {
            unknown("target", new.to, self.targets().map(|(system, _)| system.name.as_str()))
        })?;
        let (message, accepts) = message(new, target)?;
        if let Some(purpose) = new.purpose.filter(|purpose| !self.purposes.contains_key(*purpose)) {
            return Err(unknown("purpose", purpose, self.purposes.keys().map(String::as_str)));
        }
        let name = new.name.map_or_else(|| name_of(new), str::to_owned);
        if !is_name(&name) {
            return Err(format!(
                "`{name}` is not a name of a route: up to 64 lower-case letters, digits and `-`"
            ));
        }
        let folder = Path::new("routes").join(&name);
        let (mapping, decisions) = mapping(&event.schema, accepts.schema());
        let (route, personal) = route(new, message, accepts.schema());
        let mut draft = Draft::default();
        draft.add(folder.join("route.toml"), route);
        draft.add(folder.join("mapping.vrl"), mapping);
        let at = folder.display();
        if personal {
            draft.next.push(format!("name the purpose in {at}/route.toml: the message holds personal data"));
        }
        if decisions > 0 {
            draft.next.push(format!("{DECIDE} what is marked in {at}/mapping.vrl ({decisions})"));
        }
        draft.next.push(format!(
            "write two golden cases: {at}/cases/<what-is-special>/event.json and message.json"
        ));
        draft.next.push(format!("postroom check; then take `when = \"false\"` out of {at}/route.toml"));
        Ok(draft)
    }
}

fn message<'t>(new: &NewRoute<'t>, target: &'t Target) -> Result<(&'t str, &'t Validator), String> {
    let known = || target.messages.keys().map(String::as_str);
    let name = match (new.message, known().collect::<Vec<_>>().as_slice()) {
        (Some(name), _) => name,
        (None, [only]) => only,
        (None, _) => {
            return Err(format!("say which message with --message: {} has {}", new.to, listed(known())));
        }
    };
    let accepts = target.messages.get(name).ok_or_else(|| unknown("message", name, known()))?;
    Ok((name, accepts.as_ref()))
}

fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> String {
    format!("there is no {what} `{name}`: there is {}", listed(known))
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<&str> = names.collect();
    if names.is_empty() { "none".to_owned() } else { names.join(", ") }
}

/// `resident.moved.v1` to `waste` is `resident-moved-to-waste`; a later version keeps its number.
fn name_of(new: &NewRoute<'_>) -> String {
    let from = new.from.strip_suffix(".v1").unwrap_or(new.from).replace('.', "-");
    format!("{from}-to-{}", new.to)
}

/// The text of route.toml, and whether its purpose is still to be named.
fn route(new: &NewRoute<'_>, message: &str, accepts: &Value) -> (String, bool) {
    let head = format!(
        "from = {}\nto = {}\nmessage = {}\n{CLOSED}",
        quoted(new.from),
        quoted(new.to),
        quoted(message)
    );
    match new.purpose {
        Some(purpose) => (format!("{head}purpose = {}\n", quoted(purpose)), false),
        None if is_classed(accepts) => (
            format!(
                "{head}# {DECIDE}: the message holds personal data; why may it flow? A name of purposes.toml.\n# purpose = \"\"\n"
            ),
            true,
        ),
        None => (head, false),
    }
}

/// Whether anything in it, in whichever form of several, is of a class other than `none`.
fn is_classed(schema: &Value) -> bool {
    let classed = |class: &Value| {
        class.as_array().map_or(class != "none", |classes| classes.iter().any(|class| class != "none"))
    };
    match schema {
        Value::Object(rules) => rules.get("x-class").is_some_and(classed) || rules.values().any(is_classed),
        Value::Array(all) => all.iter().any(is_classed),
        _ => false,
    }
}

/// The text of the mapping, and how much in it is to be decided.
fn mapping(event: &Value, accepts: &Value) -> (String, usize) {
    let given = Given::data(event);
    let filled = Some(given.fill(accepts, 0)).filter(|filled| is_right(filled, event, accepts));
    let filled = filled.unwrap_or_else(|| Given::nothing().fill(accepts, 0));
    let also = given.also(accepts);
    let also = if also.is_empty() {
        String::new()
    } else {
        format!("# The message may also hold what the event has under the same name: {}.\n", also.join(", "))
    };
    (format!("{also}{}\n", filled.text), filled.decisions)
}

fn is_right(filled: &Filled, event: &Value, accepts: &Value) -> bool {
    let compiled = Mapping::compile(&filled.text, &Shape::of_schema(event), Context::Route);
    compiled.is_ok_and(|mapping| mapping.fit(accepts).misfits.is_empty())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::PathBuf;

    use super::*;

    /// The files in the folders that are beside one another below `folder`.
    fn files(folder: &str, within: &str) -> Vec<PathBuf> {
        let house = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(folder);
        let inside = fs::read_dir(house)
            .expect("a folder")
            .filter_map(Result::ok)
            .map(|entry| entry.path().join(within));
        let files = inside.filter_map(|folder| fs::read_dir(folder).ok()).flatten();
        files.filter_map(Result::ok).map(|entry| entry.path()).collect()
    }

    fn schemas(mut files: Vec<PathBuf>) -> Vec<(PathBuf, Value)> {
        files.retain(|file| file.to_string_lossy().ends_with("schema.json"));
        let read = |file: PathBuf| {
            let text = fs::read_to_string(&file).expect("a schema");
            (file, text.parse().expect("JSON"))
        };
        files.into_iter().map(read).collect()
    }

    #[test]
    fn a_first_mapping_of_every_event_type_to_every_message_fits_by_its_types() {
        let events = schemas([files("schemas", ""), files("deploy/council/schemas", "")].concat());
        let messages = schemas(files("deploy/council/systems", "messages"));
        assert!(events.len() > 20 && messages.len() > 15, "{} {}", events.len(), messages.len());
        for (event, data) in &events {
            let shape = Shape::of_schema(data);
            for (message, accepts) in &messages {
                let (text, decisions) = mapping(data, accepts);
                let what = format!("{} to {}:\n{text}", event.display(), message.display());
                let compiled = Mapping::compile(&text, &shape, Context::Route).expect(&what);
                assert_eq!(compiled.fit(accepts).misfits, [], "{what}");
                assert_eq!(text.matches(&format!("# {DECIDE}: ")).count(), decisions, "{what}");
                let blind = Given::nothing().fill(accepts, 0);
                assert!(decisions <= blind.decisions, "{what}");
            }
        }
    }

    #[test]
    fn a_name_is_made_of_event_and_target_and_a_later_version_keeps_its_number() {
        let new = |from| NewRoute { from, to: "waste", message: None, purpose: None, name: None };
        assert_eq!(name_of(&new("resident.moved.v1")), "resident-moved-to-waste");
        assert_eq!(name_of(&new("resident.moved.v2")), "resident-moved-v2-to-waste");
    }

    #[test]
    fn a_message_with_personal_data_asks_for_a_purpose() {
        let new = NewRoute { from: "a.v1", to: "b", message: None, purpose: None, name: None };
        let schema = |class: &str| -> Value {
            format!("{{\"properties\": {{\"a\": {{\"type\": \"string\", \"x-class\": {class}}}}}}}")
                .parse()
                .expect("JSON")
        };
        assert!(!route(&new, "m", &schema("\"none\"")).1);
        let forms = serde_json::json!({"oneOf": [schema("\"none\""), schema("\"P\"")]});
        assert!(route(&new, "m", &forms).1);
        assert!(route(&new, "m", &schema("\"P\"")).1 && route(&new, "m", &schema("[\"none\", \"C\"]")).1);
        let named = route(&NewRoute { purpose: Some("x"), ..new }, "m", &schema("\"P\""));
        assert!(!named.1 && named.0.ends_with("when = \"false\"\npurpose = \"x\"\n"), "{}", named.0);
    }
}
