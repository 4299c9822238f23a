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
