//! `postroom docs map`: that it has every system, event and route of a large council, in both forms.

use postroom_tests::council::TestCouncil;

use crate::said;

/// As large as a council's map must stay readable.
const SYSTEMS: usize = 30;
const ROUTES: usize = 100;
const TYPES: usize = 40;

/// A council of that size: each third system states events, the others receive them.
fn large() -> TestCouncil {
    let council = TestCouncil::small();
    let families = ["property", "resident", "planning", "tenancy", "street", "payment", "service", "licence"];
    let name = |number: usize| format!("{}.changed{}.v1", families[number % families.len()], letters(number));
    let schema = r#"{"type": "object", "additionalProperties": false, "title": "TITLE", "properties": {}}"#;
    for number in 0..TYPES {
        let title = format!("Something about a {} has changed ({number})", families[number % families.len()]);
        council.write(&format!("schemas/{}/schema.json", name(number)), &schema.replace("TITLE", &title));
    }
    let departments =
        ["Revenues", "Housing", "Planning & building control", "Environment", "Legal services", "Highways"];
    for number in 0..SYSTEMS {
        let head = format!(
            "title = \"The system of number {number}, <with> a \\\"long\\\" title\"\ndepartment = \"{}\"\nbroker_user = \"u{number}\"\n",
            departments[number % departments.len()]
        );
        let side = if number % 3 == 0 {
            let types: Vec<String> =
                (0..TYPES).filter(|at| at % 10 == number / 3).map(|at| format!("{:?}", name(at))).collect();
            format!("[source]\nconnector = \"queue\"\npublishes = [{}]\n", types.join(", "))
        } else {
            council.write(&format!("systems/s{number}/messages/m.schema.json"), schema);
            "[target]\nconnector = \"queue\"\n".to_owned()
        };
        council.write(&format!("systems/s{number}/system.toml"), &(head + &side));
    }
    let targets: Vec<usize> = (0..SYSTEMS).filter(|number| number % 3 != 0).collect();
    for number in 0..ROUTES {
        let (from, to) = (name(number * 7 % TYPES), targets[(number * 11 + number / TYPES) % targets.len()]);
        let filter = if number % 4 == 0 { "when = \"true\"\n" } else { "" };
        let route = format!("from = \"{from}\"\nto = \"s{to}\"\nmessage = \"m\"\n{filter}");
        council.write(&format!("routes/r{number}/route.toml"), &route);
        council.write(&format!("routes/r{number}/mapping.vrl"), "{}\n");
    }
    council
}

/// A number in letters, as names of event types have no digits.
fn letters(number: usize) -> String {
    let letter = |digit: usize| char::from(b'a' + u8::try_from(digit % 26).unwrap_or(0));
    [letter(number / 26), letter(number)].iter().collect()
}

#[test]
fn a_council_of_thirty_systems_and_a_hundred_routes_is_drawn_whole() {
    let council = large();
    let svg = said(&council.folder(), &["docs", "map", "--format", "svg"]);
    let mermaid = said(&council.folder(), &["docs", "map"]);
    assert_eq!(svg.matches("textLength").count(), svg.matches("</text>").count());
    for number in 0..SYSTEMS {
        let title = format!("The system of number {number}, &lt;with&gt; a &quot;long&quot; title");
        assert!(svg.contains(&title), "{title} is not in the drawing");
        assert!(mermaid.contains(&format!("<br>s{number} · queue")), "s{number} is not in the chart");
    }
    for number in 0..ROUTES {
        let named = |end: char| svg.contains(&format!(" r{number}{end}"));
        assert!(named(',') || named('<'), "r{number} is not in the drawing");
    }
    assert!(
        svg.starts_with("<svg ") && svg.contains("<title id=\"map-title\">") && svg.contains("<desc id=")
    );
    assert!(mermaid.starts_with("---\ntitle: \"Small: ") && mermaid.contains("-.->"), "{mermaid}");
    assert!(!mermaid.contains("<with>"));
}
