//! Rules on the registers in `docs/`: tables whose rows start "| `name` |".

use crate::tree::Offence;

/// Names that the code has and the page has not.
pub(crate) fn missing(page: &str, text: Option<&str>, names: &[&str]) -> Vec<Offence> {
    let Some(text) = text else {
        return vec![Offence::new(page, 1, "the page of this register is missing")];
    };
    names
        .iter()
        .filter(|name| !rows(text).any(|(_, row)| row == **name))
        .map(|name| Offence::new(page, 1, format!("the register has no row \"| `{name}` |\"")))
        .collect()
}

/// Names that the page has and the code has not.
pub(crate) fn surplus(page: &str, text: Option<&str>, names: &[&str]) -> Vec<Offence> {
    rows(text.unwrap_or_default())
        .filter(|(_, row)| !names.contains(row))
        .map(|(line, row)| Offence::new(page, line, format!("`{row}` is not in the code any more")))
        .collect()
}

/// Rows of the tables whose last column is "shown by" that name no test there, or one that `is_there` does not know.
pub(crate) fn unshown(page: &str, text: Option<&str>, is_there: impl Fn(&str) -> bool) -> Vec<Offence> {
    let mut offences = Vec::new();
    let mut inside = false;
    for (index, line) in text.unwrap_or_default().lines().enumerate() {
        let is_head = line.ends_with("| shown by |");
        inside = is_head || inside && line.starts_with('|');
        if !inside || is_head || line.starts_with("|---") {
            continue;
        }
        let last = line.trim_end_matches('|').rsplit('|').next().unwrap_or_default();
        let names: Vec<&str> = last.split('`').skip(1).step_by(2).collect();
        if names.is_empty() {
            offences.push(Offence::new(page, index + 1, "a row is shown by a test"));
        }
        let missing = names.into_iter().filter(|name| !is_there(name));
        offences
            .extend(missing.map(|name| Offence::new(page, index + 1, format!("no test is called `{name}`"))));
    }
    offences
}

fn rows(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines().enumerate().filter_map(|(index, line)| {
        let name = line.strip_prefix("| `")?.split_once("` |")?.0;
        Some((index + 1, name))
    })
}

#[test]
fn a_name_without_a_row_and_a_row_without_a_name_are_caught() {
    let page = "# Page\n\n| `hub.ready` | info |\n| `hub.gone` | info |\n";
    let names = ["hub.ready", "hub.failed"];
    assert_eq!(missing("p.md", Some(page), &names).len(), 1);
    assert_eq!(surplus("p.md", Some(page), &names)[0].line, 4);
    assert_eq!(missing("p.md", None, &names).len(), 1);
}

#[test]
fn a_row_that_no_test_shows_and_a_test_that_is_not_there_are_caught() {
    let page = "| point | shown by |\n|---|---|\n| `a` | `there` |\n| `b` | `there`, `gone` |\n| `c` | |\n\n| d | e |\n";
    let found = unshown("p.md", Some(page), |name| name == "there");
    assert_eq!(found.iter().map(|offence| offence.line).collect::<Vec<_>>(), [4, 5]);
}
