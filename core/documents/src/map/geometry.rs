//! The geometry of a map of thirty systems and a hundred routes: what a reader sees, without looking.

use super::drawing::{Area, Drawing};
use super::order::columns;
use super::{Chart, Edge, Node, place, svg};

const SYSTEMS: usize = 15;
const TYPES: usize = 40;
const ROUTES: usize = 100;

/// A chart as large as a council's may be, with the names that people give.
fn chart() -> Chart {
    let departments =
        ["Revenues", "Housing", "Planning and building control", "Environment", "Legal services"];
    let families = ["property", "resident", "planning", "tenancy", "street", "payment", "service", "licence"];
    let node = |title: String, note: String, group: &str| Node { title, note, group: group.to_owned() };
    let system = |at: usize| {
        let title =
            ["Council tax", "A system whose title is so long that nobody reads it to its very end", "Æøå"]
                [at % 3];
        node(format!("{title} {at}"), format!("system-{at} · file"), departments[at % departments.len()])
    };
    let edge = |from, to, name: Option<usize>| Edge {
        from,
        to,
        some: from % 3 == 0,
        names: name.map(|name| format!("route-{name}")).into_iter().collect(),
    };
    Chart {
        council: "Zedshire District Council & <partners>".to_owned(),
        sources: (0..SYSTEMS).map(system).collect(),
        targets: (0..SYSTEMS).map(system).collect(),
        events: (0..TYPES)
            .map(|at| {
                let family = families[at % families.len()];
                node(
                    format!("Something about a {family} has changed for the {at}th time"),
                    format!("{family}.changed.v{at}"),
                    family,
                )
            })
            .collect(),
        stated: (0..TYPES).map(|at| edge(at * 7 % SYSTEMS, at, None)).collect(),
        routed: (0..ROUTES)
            .map(|at| edge(at * 7 % TYPES, (at * 11 + at / TYPES) % SYSTEMS, Some(at)))
            .collect(),
    }
}

fn whole(drawing: &Drawing) -> Area {
    Area { x: 0.0, y: 0.0, width: drawing.width, height: drawing.height }
}

fn labels(drawing: &Drawing) -> Vec<(&str, Area)> {
    let on_cards = drawing.cards.iter().flat_map(|card| &card.labels);
    let in_legend = drawing.keys.iter().map(|key| &key.label);
    let all = drawing.heads.iter().chain(on_cards).chain(in_legend);
    all.map(|label| (label.text.as_str(), label.area())).collect()
}

/// The places of pairs that share space.
fn overlapping(areas: &[Area]) -> Vec<(usize, usize)> {
    let after = |at: usize| (at + 1..areas.len()).filter(move |other| areas[at].overlaps(&areas[*other]));
    (0..areas.len()).flat_map(|at| after(at).map(move |other| (at, other))).collect()
}

#[test]
fn no_two_labels_overlap_and_all_lie_within_the_picture() {
    let drawing = place::drawing(&chart());
    let labels = labels(&drawing);
    assert!(labels.len() > 2 * (2 * SYSTEMS + TYPES));
    let areas: Vec<Area> = labels.iter().map(|(_, area)| *area).collect();
    let told: Vec<_> =
        overlapping(&areas).iter().map(|(one, other)| (labels[*one], labels[*other])).collect();
    assert!(told.is_empty(), "{told:?}");
    for (text, area) in labels {
        assert!(whole(&drawing).holds(&area), "{text}: {area:?}");
        assert!(!text.is_empty());
    }
}

#[test]
fn cards_do_not_overlap_and_hold_their_words() {
    let drawing = place::drawing(&chart());
    let areas: Vec<Area> = drawing.cards.iter().map(|card| card.area).collect();
    assert_eq!((overlapping(&areas), areas.len()), (vec![], 2 * SYSTEMS + TYPES));
    for card in &drawing.cards {
        assert!(card.labels.iter().all(|label| card.area.holds(&label.area())), "{card:?}");
        assert!(drawing.grounds.iter().any(|ground| ground.holds(&card.area)), "{card:?}");
    }
    assert_eq!(overlapping(&drawing.grounds), []);
}

#[test]
fn a_line_runs_between_the_columns_only_and_leaves_each_card_at_a_place_of_its_own() {
    let drawing = place::drawing(&chart());
    assert_eq!(drawing.curves.len(), TYPES + ROUTES);
    for curve in &drawing.curves {
        let ((left, _), (right, _)) = (curve.from, curve.to);
        assert!(left < right, "{curve:?}");
        let between = |area: &Area| area.x < right && left < area.x + area.width;
        assert!(!drawing.cards.iter().any(|card| between(&card.area)), "{curve:?}");
    }
    let mut ends: Vec<_> = drawing.curves.iter().flat_map(|curve| [(curve.from, 0), (curve.to, 1)]).collect();
    ends.sort_by(|(one, _), (other, _)| one.0.total_cmp(&other.0).then(one.1.total_cmp(&other.1)));
    for pair in ends.windows(2) {
        let ((one, _), (other, _)) = (pair[0], pair[1]);
        assert!(one.0 < other.0 || other.1 - one.1 > 2.0, "{pair:?}");
    }
}

/// How many pairs of lines of one gap cross.
fn crossings(edges: &[Edge], lefts: &[usize], rights: &[usize]) -> usize {
    let at = |order: &[usize], node: usize| {
        order.iter().position(|known| *known == node).expect("it stands there")
    };
    let ends: Vec<_> = edges.iter().map(|edge| (at(lefts, edge.from), at(rights, edge.to))).collect();
    let crosses = |one: &(usize, usize), other: &(usize, usize)| {
        (one.0 < other.0 && one.1 > other.1) || (one.0 > other.0 && one.1 < other.1)
    };
    (0..ends.len()).map(|at| ends[at + 1..].iter().filter(|other| crosses(&ends[at], other)).count()).sum()
}

#[test]
fn what_belongs_together_stands_near_each_other() {
    let chart = chart();
    let order = |groups: &[(&str, Vec<usize>)]| {
        groups.iter().flat_map(|(_, nodes)| nodes.clone()).collect::<Vec<_>>()
    };
    let [sources, events, targets] = columns(&chart).map(|column| order(&column));
    let plain = |nodes: &[Node]| Chart::groups(nodes).into_values().flatten().collect::<Vec<_>>();
    let count = |sources: &[usize], events: &[usize], targets: &[usize]| {
        crossings(&chart.stated, sources, events) + crossings(&chart.routed, events, targets)
    };
    let sorted = count(&sources, &events, &targets);
    let unsorted = count(&plain(&chart.sources), &plain(&chart.events), &plain(&chart.targets));
    assert!(sorted < unsorted, "{sorted} {unsorted}");
}

#[test]
fn the_drawing_is_one_that_any_reader_of_xml_can_read() {
    let text = svg(&chart());
    assert!(text.contains("Zedshire District Council &amp; &lt;partners&gt;"));
    assert!(!text.contains("NaN") && !text.contains("<script"));
    let open = text.matches("<g").count();
    assert_eq!(open, text.matches("</g>").count());
    assert_eq!(text.matches("<text").count(), text.matches("</text>").count());
}

#[test]
fn a_council_without_anything_has_a_picture_too() {
    let nothing =
        Chart { sources: vec![], events: vec![], targets: vec![], stated: vec![], routed: vec![], ..chart() };
    let drawing = place::drawing(&nothing);
    assert!(drawing.width > 0.0 && drawing.height > 0.0);
    assert!(labels(&drawing).iter().all(|(_, area)| whole(&drawing).holds(area)));
}
