//! JSON Schemas of the files of a council's text, by which an editor completes and checks them. They are made of the types
//! that read the files, so that both know the same keys; what only `check` can know is not in them.

use std::fmt;
use std::str::FromStr;

use postroom_connector::{Connectors, SinkKind, SourceKind};
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

use crate::written::{CouncilText, PurposesText, RouteText, SystemText};

/// A file of a council's text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ConfigFile {
    /// `council.toml`.
    Council,
    /// `purposes.toml`.
    Purposes,
    /// `systems/<system>/system.toml`.
    System,
    /// `routes/<route>/route.toml`.
    Route,
}

impl ConfigFile {
    /// Each of them.
    pub const ALL: [Self; 4] = [Self::Council, Self::Purposes, Self::System, Self::Route];

    /// The name of the file without its ending.
    pub fn name(self) -> &'static str {
        match self {
            Self::Council => "council",
            Self::Purposes => "purposes",
            Self::System => "system",
            Self::Route => "route",
        }
    }

    /// Its schema (draft 7, which editors know), with the connectors of this program.
    pub fn schema(self, connectors: &Connectors) -> Value {
        let mut schema = match self {
            Self::Council => of::<CouncilText>(),
            Self::Purposes => of::<PurposesText>(),
            Self::System => of::<SystemText>(),
            Self::Route => of::<RouteText>(),
        };
        plain(&mut schema);
        schema["title"] = format!("{}.toml of a council", self.name()).into();
        if self == Self::System {
            let sources = connectors.source_names().into_iter();
            let sources = sources.map(|name| (name, connectors.source(name).map(SourceKind::keys)));
            side(&mut schema["definitions"]["SourceText"], sources.collect());
            let sinks = connectors.sink_names().into_iter();
            let sinks = sinks.map(|name| (name, connectors.sink(name).map(SinkKind::keys)));
            side(&mut schema["definitions"]["TargetText"], sinks.collect());
        }
        schema
    }
}

impl fmt::Display for ConfigFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for ConfigFile {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        let known = || Self::ALL.map(Self::name).join(", ");
        Self::ALL.into_iter().find(|file| file.name() == name).ok_or_else(|| format!("one of {}", known()))
    }
}

fn of<T: JsonSchema>() -> Value {
    SchemaSettings::draft07().into_generator().into_root_schema_for::<T>().to_value()
}

/// Says it as TOML has it: there is no null, and the width of a number is nobody's business.
fn plain(schema: &mut Value) {
    let Value::Object(members) = schema else {
        if let Value::Array(items) = schema {
            items.iter_mut().for_each(plain);
        }
        return;
    };
    if members.get("format").and_then(Value::as_str).is_some_and(|format| format.starts_with("uint")) {
        members.remove("format");
    }
    if members.get("default").is_some_and(Value::is_null) {
        members.remove("default");
    }
    if let Some(Value::Array(names)) = members.get_mut("type") {
        names.retain(|name| name != "null");
        if let [only] = names.as_slice() {
            let only = only.clone();
            members.insert("type".to_owned(), only);
        }
    }
    if let Some(Value::Array(branches)) = members.get_mut("anyOf") {
        branches.retain(|branch| branch.get("type") != Some(&Value::from("null")));
        if let [only] = branches.as_slice() {
            let only = json!([only]);
            members.remove("anyOf");
            // A reference has no siblings in draft 7.
            members.insert("allOf".to_owned(), only);
        }
    }
    members.values_mut().for_each(plain);
}

/// Which connectors a side can have, and for each that tells them the keys of its settings.
fn side(schema: &mut Value, kinds: Vec<(&str, Option<Vec<&str>>)>) {
    let names: Vec<&str> = kinds.iter().map(|(name, _)| *name).collect();
    schema["properties"]["connector"]["enum"] = json!(names);
    let told =
        kinds.into_iter().filter_map(|(name, keys)| Some((name, keys.filter(|keys| !keys.is_empty())?)));
    let rule = |(name, keys): (&str, Vec<&str>)| {
        let keys: Map<String, Value> = keys.into_iter().map(|key| (key.to_owned(), json!(true))).collect();
        json!({
            "if": { "properties": { "connector": { "const": name } } },
            "then": { "properties": { "settings": { "properties": keys, "additionalProperties": false } } },
        })
    };
    let rules: Vec<Value> = told.map(rule).collect();
    if !rules.is_empty() {
        schema["allOf"] = rules.into();
    }
}

#[cfg(test)]
mod tests {
    use postroom_connector::{Batching, keys_of};
    use postroom_schema::Validator;
    use serde::Deserialize;

    use super::*;
    use crate::snapshot::SnapshotText;
    use crate::written::{
        BatchText, BrokerText, FillText, HealthText, IgnoreText, JournalText, LedgerText, LimitsText,
        LookupText, MapText, SchemasText, SourceText, TargetText, TelemetryText,
    };

    /// The keys that a schema allows.
    fn keys_in(schema: &Value) -> Vec<&str> {
        assert_eq!(schema["additionalProperties"], json!(false), "{schema}");
        schema["properties"]
            .as_object()
            .map(|keys| keys.keys().map(String::as_str).collect())
            .unwrap_or_default()
    }

    fn assert_same<'de, T: JsonSchema + Deserialize<'de>>() {
        let mut schema = of::<T>();
        plain(&mut schema);
        let mut read = keys_of::<T>();
        read.sort_unstable();
        assert_eq!(keys_in(&schema), read);
        for (key, said) in schema["properties"].as_object().into_iter().flatten() {
            assert!(said["description"].is_string(), "{key} says nothing of itself: {said}");
        }
    }

    #[test]
    fn every_key_that_is_read_is_in_the_schema_with_words_and_no_other() {
        assert_same::<CouncilText>();
        assert_same::<BrokerText>();
        assert_same::<LedgerText>();
        assert_same::<JournalText>();
        assert_same::<SchemasText>();
        assert_same::<LimitsText>();
        assert_same::<HealthText>();
        assert_same::<TelemetryText>();
        assert_same::<SystemText>();
        assert_same::<SourceText>();
        assert_same::<MapText>();
        assert_same::<LookupText>();
        assert_same::<FillText>();
        assert_same::<IgnoreText>();
        assert_same::<SnapshotText>();
        assert_same::<TargetText>();
        assert_same::<RouteText>();
        assert_same::<PurposesText>();
        assert_same::<crate::Purpose>();
    }

    #[test]
    fn the_keys_of_a_batch_are_those_that_are_read() {
        let mut schema = of::<BatchText>();
        plain(&mut schema);
        let reads = |key: &str| {
            let table = format!("every = '1s'\n{key} = 'x'").parse().ok();
            let refused = table.and_then(|table| Batching::from_table(&table).err());
            !refused.is_some_and(|error| error.to_string().contains("unknown field"))
        };
        assert_eq!(keys_in(&schema), ["at", "every", "max_items"]);
        assert!(["at", "max_items"].iter().all(|key| reads(key)) && !reads("evry"));
    }

    #[test]
    fn every_schema_is_one_and_knows_no_null() {
        for file in ConfigFile::ALL {
            let schema = file.schema(&Connectors::default());
            let known = json!({"definitions": schema["definitions"], "allOf": [schema]});
            Validator::compile(&known).expect("a schema");
            let text = schema.to_string();
            assert!(
                ![r#""type":"null""#, r#","null"]"#].iter().any(|null| text.contains(null)),
                "{file}: {schema}"
            );
            assert_eq!(file.name().parse(), Ok(file));
        }
        assert_eq!("routes".parse::<ConfigFile>(), Err("one of council, purposes, system, route".to_owned()));
    }
}
