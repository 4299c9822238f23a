//! `postroom docs catalogue`: pages that hold together, of what the council wrote and nothing of its markup.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use postroom_tests::council::{TestCouncil, house, names_in};

use crate::{postroom, said};

/// The pages in a folder, by name.
fn pages(folder: &Path) -> BTreeMap<String, String> {
    let read = |name: String| (name.clone(), fs::read_to_string(folder.join(name)).expect("a page"));
    names_in(folder).into_iter().map(read).collect()
}

fn written(council: &Path) -> BTreeMap<String, String> {
    let folder = tempfile::tempdir().expect("a folder");
    said(council, &["docs", "catalogue", "--to", &folder.path().display().to_string()]);
    pages(folder.path())
}

/// The names of elements that are open and closed in the order in which they are met; checks that they nest.
fn assert_nested(name: &str, page: &str) {
    const VOID: [&str; 3] = ["meta", "br", "!DOCTYPE"];
    let mut open = Vec::new();
    for tag in page.split('<').skip(1) {
        let tag = tag.split('>').next().unwrap_or_default();
        let word = tag.split_whitespace().next().unwrap_or_default();
        match word.strip_prefix('/') {
            Some(closed) => assert_eq!(open.pop(), Some(closed), "{name}: </{closed}>"),
            None if VOID.contains(&word) => {}
            None => open.push(word),
        }
    }
    assert_eq!(open, Vec::<&str>::new(), "{name}");
}

#[test]
fn every_page_is_whole_and_every_link_leads_to_one() {
    let pages = written(&house().join("deploy/council"));
    assert!(pages.len() > 20 && pages.contains_key("index.html"), "{:?}", pages.keys());
    for (name, page) in &pages {
        assert_nested(name, page);
        assert!(!page.contains("<script") && !page.contains("http:") && !page.contains("src="), "{name}");
        for link in page.split("href=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
            assert!(pages.contains_key(link), "{name} leads to {link}");
        }
    }
}

#[test]
fn a_page_says_who_publishes_who_receives_and_what_each_field_holds() {
    let pages = written(&house().join("deploy/council"));
    let page = &pages["resident.moved.v1.html"];
    for words in [
        "Customer services",
        "as the broker user <code>customer-services</code>",
        "<code>resident-moved-to-waste</code>",
        "Keeping council tax accounts",
        "<code>household[].name.given</code>",
        "text (date)",
        "Zedbury",
    ] {
        assert!(page.contains(words), "{words} is not in the page");
    }
    assert!(pages["index.html"].contains("<a href=\"resident.moved.v1.html\">"));
    assert!(!page.contains("<h2>Versions"), "there is one version only");
}

#[test]
fn two_versions_stand_side_by_side_and_differences_are_marked() {
    let council = TestCouncil::small();
    let schema =
        fs::read_to_string(council.folder().join("schemas/parcel.moved.v1/schema.json")).expect("a schema");
    let second = schema.replace("\"telephone\"", "\"phone\"");
    council.write("schemas/parcel.moved.v2/schema.json", &second);
    let pages = written(&council.folder());
    let page = &pages["parcel.moved.v2.html"];
    assert!(page.contains("<h2>Versions") && page.contains("href=\"parcel.moved.v1.html\""));
    let row = |name: &str| {
        page.lines()
            .rfind(|line| line.starts_with(&format!("<tr><th scope=\"row\"><code>{name}</code>")))
            .expect("a row")
    };
    assert!(row("phone").contains("absent") && row("telephone").contains("absent"));
    assert!(!row("place").contains("differs"));
    assert_eq!(page.matches("<h2>Versions").count(), 1);
}

#[test]
fn what_the_council_writes_is_text_and_never_markup() {
    let council = TestCouncil::small();
    let markup = "<script>alert(1)</script>";
    council.edit(
        "systems/dock/system.toml",
        "title = \"Dock\"",
        &format!("title = \"{markup}\"\ndepartment = \"{markup}\""),
    );
    council.edit("schemas/parcel.moved.v1/schema.json", "A parcel was moved.", markup);
    council.edit("schemas/parcel.moved.v1/valid/parcel.json", "shelf", markup);
    for (name, page) in written(&council.folder()) {
        assert_nested(&name, &page);
        assert!(!page.contains("<script") && page.contains("&lt;script&gt;"), "{name}");
    }
}

#[test]
fn a_folder_with_anything_else_is_left_alone_and_its_own_is_made_anew() {
    let council = TestCouncil::small();
    let folder = tempfile::tempdir().expect("a folder");
    let to = folder.path().display().to_string();
    let arguments = ["docs", "catalogue", "--to", &to];
    let page = said(&council.folder(), &arguments);
    assert!(page.contains("2 pages"), "{page}");
    fs::rename(folder.path().join("parcel.moved.v1.html"), folder.path().join("parcel.gone.v1.html"))
        .expect("renamed");
    said(&council.folder(), &arguments);
    assert_eq!(names_in(folder.path()), ["index.html", "parcel.moved.v1.html"]);
    fs::write(folder.path().join("letter.txt"), "Dear council").expect("written");
    let before = pages(folder.path());
    let output = postroom(&council.folder(), &arguments);
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    assert_eq!(pages(folder.path()), before);
}
