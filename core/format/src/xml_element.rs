//! An XML element as JSON: only text -> text; attributes as `@name`; children as fields; repeated or listed children as
//! lists; text beside attributes or children as `#text`; an element without anything, or with white space only -> "".

use std::collections::BTreeSet;

use serde_json::{Map, Value};

const TEXT: &str = "#text";

/// An element, and those open inside it.
pub(crate) struct Element {
    /// The line on which it starts.
    pub(crate) line: u64,
    open: Vec<Node>,
    /// An attribute that stands twice once prefixes are dropped.
    pub(crate) repeated: Option<String>,
}

#[derive(Default)]
struct Node {
    name: String,
    fields: Map<String, Value>,
    text: String,
}

impl Element {
    /// An element that starts at `line`; [`Self::open`] it next.
    pub(crate) fn new(line: u64) -> Self {
        Self { line, open: Vec::new(), repeated: None }
    }

    pub(crate) fn open(&mut self, name: String, attributes: Vec<(String, String)>) {
        let mut fields = Map::new();
        for (name, text) in attributes {
            let key = format!("@{name}");
            if fields.contains_key(&key) {
                self.repeated.get_or_insert(key.clone());
            }
            fields.insert(key, Value::String(text));
        }
        self.open.push(Node { name, fields, text: String::new() });
    }

    pub(crate) fn text(&mut self, text: &str) {
        if let Some(node) = self.open.last_mut() {
            node.text.push_str(text);
        }
    }

    /// Closes the innermost; the whole element's value where it was the last. Children named in `lists` are lists even
    /// when they are alone.
    pub(crate) fn close(&mut self, lists: &BTreeSet<String>) -> Option<Value> {
        let node = self.open.pop()?;
        let name = node.name.clone();
        let value = node.value();
        let Some(parent) = self.open.last_mut() else { return Some(value) };
        parent.add(name, value, lists);
        None
    }
}

impl Node {
    fn value(mut self) -> Value {
        let blank = self.text.trim_ascii().is_empty();
        if self.fields.is_empty() {
            return Value::String(if blank { String::new() } else { self.text });
        }
        if !blank {
            self.fields.insert(TEXT.to_owned(), Value::String(self.text));
        }
        Value::Object(self.fields)
    }

    fn add(&mut self, name: String, value: Value, lists: &BTreeSet<String>) {
        match self.fields.get_mut(&name) {
            Some(Value::Array(list)) => list.push(value),
            Some(before) => *before = Value::Array(vec![before.take(), value]),
            None if lists.contains(&name) => {
                self.fields.insert(name, Value::Array(vec![value]));
            }
            None => {
                self.fields.insert(name, value);
            }
        }
    }
}
