//! Texts of the council that stand in files of their own: `{ from_file = "notice.xml" }` anywhere in the settings of a
//! connector is the text of that file in the system's folder. Knows no connector.

use std::path::{Component, Path};

use toml::{Table, Value};

use crate::written::Text;

const KEY: &str = "from_file";

/// Puts the texts in. Gives the keys, dotted, whose file cannot be read, with the reason; they get an empty text.
pub(crate) fn put_in(settings: &mut Table, folder: &Path) -> Vec<(String, String)> {
    let mut wrong = Vec::new();
    for (key, value) in settings {
        put_into(value, key.clone(), folder, &mut wrong);
    }
    wrong
}

fn put_into(value: &mut Value, key: String, folder: &Path, wrong: &mut Vec<(String, String)>) {
    match value {
        Value::Table(table) => {
            if let Some(name) = named(table) {
                let text = read(folder, Path::new(name));
                *value = Value::String(text.unwrap_or_else(|words| {
                    wrong.push((key, words));
                    String::new()
                }));
                return;
            }
            for (name, value) in table {
                put_into(value, format!("{key}.{name}"), folder, wrong);
            }
        }
        Value::Array(items) => {
            for (position, item) in items.iter_mut().enumerate() {
                put_into(item, format!("{key}[{position}]"), folder, wrong);
            }
        }
        _ => {}
    }
}

/// The file that a table names, where it does nothing else.
fn named(table: &Table) -> Option<&str> {
    let name = table.get(KEY)?.as_str()?;
    (table.len() == 1).then_some(name)
}

fn read(folder: &Path, name: &Path) -> Result<String, String> {
    let inside = name.components().all(|part| matches!(part, Component::Normal(_)));
    if !inside || name.as_os_str().is_empty() {
        return Err(format!("`{KEY}` names a file in the system's folder"));
    }
    let told = |problem: crate::Problem| format!("{}: {}", name.display(), problem.words);
    Text::read(&folder.join(name)).map(|read| read.text).map_err(told)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(text: &str) -> Table {
        text.parse().expect("TOML")
    }

    #[test]
    fn the_text_of_a_file_stands_where_the_settings_name_it() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::create_dir(folder.path().join("soap")).expect("a folder");
        std::fs::write(folder.path().join("soap/move.xml"), "<m/>\n").expect("a file");
        let mut settings = table(
            "url = 'x'\nbody = { template = { from_file = 'soap/move.xml' } }\nall = [{ from_file = 'soap/move.xml' }, 1]\nbearer = { file = 'token' }",
        );
        assert_eq!(put_in(&mut settings, folder.path()), []);
        let expected = table(
            "url = 'x'\nbody = { template = \"<m/>\\n\" }\nall = [\"<m/>\\n\", 1]\nbearer = { file = 'token' }",
        );
        assert_eq!(settings, expected);
    }

    #[test]
    fn a_file_that_is_elsewhere_or_not_there_is_told_with_its_key() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["absent.xml", "../system.toml", "/etc/hostname", ""] {
            let mut settings = table(&format!("body = {{ template = {{ from_file = '{name}' }} }}"));
            let wrong = put_in(&mut settings, folder.path());
            assert_eq!(
                wrong.iter().map(|(key, _)| key.as_str()).collect::<Vec<_>>(),
                ["body.template"],
                "{name}"
            );
        }
    }
}
