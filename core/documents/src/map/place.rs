//! Where everything of a map stands: three columns of cards in groups, and curves in the two gaps between them, so that no
//! line runs through a word. Pure arithmetic; the widths of words are those of `measure`.

use super::drawing::{Area, Card, Curve, Drawing, Key, Label, Tone};
use super::measure::Face;
use super::order::{self, Column};
use super::{Chart, Edge, Node, families};

const TITLE: Face = Face { size: 22.0, bold: true };
const SUMMARY: Face = Face { size: 13.0, bold: false };
const COLUMN: Face = Face { size: 14.0, bold: true };
const GROUP: Face = Face { size: 11.0, bold: true };
const CARD: Face = Face { size: 12.0, bold: false };
const NOTE: Face = Face { size: 10.0, bold: false };
/// White around everything.
const MARGIN: f64 = 32.0;
/// Where the columns begin, under title and heads.
const TOP: f64 = 128.0;
/// The widest card; longer words are cut.
const WIDEST_CARD: f64 = 290.0;
/// White around the words of a card.
const PADDING: f64 = 9.0;
/// The lowest card: two lines.
const LOWEST_CARD: f64 = 36.0;
/// The least room between two lines at a card.
const PORT: f64 = 5.0;
const BETWEEN_CARDS: f64 = 5.0;
const BETWEEN_GROUPS: f64 = 12.0;
/// The head of a group.
const GROUP_HEAD: f64 = 20.0;
/// The gap between two columns: so much, and more for each line in it.
const GAP: f64 = 150.0;
const GAP_FOR_A_LINE: f64 = 1.2;
const WIDEST_GAP: f64 = 300.0;
/// A line of the legend.
const KEY_LINE: f64 = 22.0;
const KEY_STROKE: f64 = 26.0;
/// The heads of the columns.
const HEADS: [&str; 3] = ["Systems that state events", "Events", "Systems that receive them"];
/// What the two kinds of lines mean.
const KINDS: [(bool, &str); 2] = [(false, "every event"), (true, "some events: its routes have a filter")];

/// The drawing of a chart.
pub(super) fn drawing(chart: &Chart) -> Drawing {
    let columns = order::columns(chart);
    let nodes = [&chart.sources, &chart.events, &chart.targets];
    let widths = [0, 1, 2].map(|at| width(&columns[at], nodes[at], HEADS[at]));
    let gaps = [&chart.stated, &chart.routed]
        .map(|edges| (GAP + GAP_FOR_A_LINE * edges.len() as f64).min(WIDEST_GAP));
    let xs = [MARGIN, MARGIN + widths[0] + gaps[0], MARGIN + widths[0] + gaps[0] + widths[1] + gaps[1]];
    let heights = [0, 1, 2].map(|at| tall(chart, at, &columns[at]));
    let lowest = heights.iter().copied().fold(0.0, f64::max);
    let mut drawing = Drawing {
        width: (xs[2] + widths[2] + MARGIN).max(2.0 * MARGIN + TITLE.width(&chart.council)),
        height: TOP + lowest + BETWEEN_GROUPS,
        heads: vec![
            label(&chart.council, TITLE, MARGIN, MARGIN + TITLE.size, Tone::Strong),
            label(&chart.summary(), SUMMARY, MARGIN, MARGIN + TITLE.size + 22.0, Tone::Quiet),
        ],
        grounds: Vec::new(),
        cards: Vec::new(),
        curves: Vec::new(),
        keys: Vec::new(),
    };
    let mut areas: [Vec<Area>; 3] =
        [0, 1, 2].map(|at| vec![Area { x: 0.0, y: 0.0, width: 0.0, height: 0.0 }; nodes[at].len()]);
    for at in 0..3 {
        drawing.heads.push(label(HEADS[at], COLUMN, xs[at], TOP - 14.0, Tone::Strong));
        // The groups of a shorter column are spread, so that lines are less steep.
        let spare = (lowest - heights[at]) / columns[at].len().max(1) as f64;
        fill(&mut drawing, &mut areas[at], (chart, at, &columns[at]), (xs[at], widths[at], spare));
    }
    drawing.curves = curves(chart, &areas);
    legend(&mut drawing, chart);
    drawing
}

fn label(text: &str, face: Face, x: f64, baseline: f64, tone: Tone) -> Label {
    Label { text: text.to_owned(), face, x, baseline, tone }
}

fn nodes(chart: &Chart, column: usize) -> &[Node] {
    [&chart.sources, &chart.events, &chart.targets][column]
}

/// How wide the cards of a column are.
fn width(column: &Column<'_>, nodes: &[Node], head: &str) -> f64 {
    let cards = nodes.iter().map(|node| CARD.width(&node.title).max(NOTE.width(&node.note)));
    let groups = column.iter().map(|(group, _)| GROUP.width(group));
    let widest = cards.chain(groups).fold(0.0, f64::max) + 2.0 * PADDING;
    // The ground of a group is wider than its cards on both sides.
    widest.min(WIDEST_CARD).max(COLUMN.width(head))
}

/// How tall a card is, with room for its lines on the busier side.
fn card_height(chart: &Chart, column: usize, node: usize) -> f64 {
    let count = |edges: &[Edge], of: fn(&Edge) -> usize| edges.iter().filter(|edge| of(edge) == node).count();
    let lines = match column {
        0 => count(&chart.stated, |edge| edge.from),
        1 => count(&chart.stated, |edge| edge.to).max(count(&chart.routed, |edge| edge.from)),
        _ => count(&chart.routed, |edge| edge.to),
    };
    LOWEST_CARD.max(PORT * (lines as f64 + 1.0))
}

fn group_height(chart: &Chart, column: usize, members: &[usize]) -> f64 {
    let cards: f64 = members.iter().map(|node| card_height(chart, column, *node) + BETWEEN_CARDS).sum();
    GROUP_HEAD + cards
}

fn tall(chart: &Chart, at: usize, column: &Column<'_>) -> f64 {
    column.iter().map(|(_, members)| group_height(chart, at, members) + BETWEEN_GROUPS).sum()
}

/// Puts the groups and cards of one column into the drawing, and notes where each card is.
fn fill(
    drawing: &mut Drawing,
    areas: &mut [Area],
    (chart, at, column): (&Chart, usize, &Column<'_>),
    (x, width, spare): (f64, f64, f64),
) {
    let families: Vec<&str> = families(&chart.events).into_iter().collect();
    let mut y = TOP + spare / 2.0;
    for (group, members) in column {
        let height = group_height(chart, at, members);
        drawing.grounds.push(Area { x: x - 6.0, y, width: width + 12.0, height });
        let text = GROUP.fitted(group, width);
        drawing.heads.push(label(&text, GROUP, x, y + 14.0, Tone::Quiet));
        let mut below = y + GROUP_HEAD;
        for node in members {
            let area = Area { x, y: below, width, height: card_height(chart, at, *node) };
            let colour = (at == 1).then(|| families.iter().position(|family| family == group).unwrap_or(0));
            drawing.cards.push(card(&nodes(chart, at)[*node], area, colour));
            areas[*node] = area;
            below += area.height + BETWEEN_CARDS;
        }
        y += height + BETWEEN_GROUPS + spare;
    }
}

fn card(node: &Node, area: Area, colour: Option<usize>) -> Card {
    let room = area.width - 2.0 * PADDING;
    let middle = area.y + area.height / 2.0;
    let line = |text: &str, face: Face, baseline: f64, tone: Tone| {
        label(&face.fitted(text, room), face, area.x + PADDING, baseline, tone)
    };
    Card {
        area,
        colour,
        whole: format!("{} ({})", node.title, node.note),
        labels: vec![
            line(&node.title, CARD, middle - 2.0, Tone::Strong),
            line(&node.note, NOTE, middle + 12.0, Tone::Quiet),
        ],
    }
}

fn curves(chart: &Chart, areas: &[Vec<Area>; 3]) -> Vec<Curve> {
    let families: Vec<&str> = families(&chart.events).into_iter().collect();
    let colour = |event: usize| {
        let family = chart.events.get(event).map(|node| node.group.as_str());
        families.iter().position(|known| Some(*known) == family).unwrap_or(0)
    };
    let mut curves = joined(&chart.stated, (&chart.sources, &areas[0]), (&chart.events, &areas[1]), |edge| {
        colour(edge.to)
    });
    curves.extend(joined(&chart.routed, (&chart.events, &areas[1]), (&chart.targets, &areas[2]), |edge| {
        colour(edge.from)
    }));
    curves
}

/// The curves of one gap; at each card they are in the order of where they go, so that they do not cross there.
fn joined(
    edges: &[Edge],
    (left, lefts): (&[Node], &[Area]),
    (right, rights): (&[Node], &[Area]),
    colour: impl Fn(&Edge) -> usize,
) -> Vec<Curve> {
    let middle = |area: &Area| area.y + area.height / 2.0;
    let port =
        |edge: &Edge, own: fn(&Edge) -> usize, far: fn(&Edge) -> usize, areas: &[Area], fars: &[Area]| {
            let mut beside: Vec<&Edge> = edges.iter().filter(|other| own(other) == own(edge)).collect();
            beside.sort_by(|one, other| middle(&fars[far(one)]).total_cmp(&middle(&fars[far(other)])));
            let number = beside.iter().position(|other| far(other) == far(edge)).unwrap_or(0);
            let area = &areas[own(edge)];
            area.y + area.height * (number as f64 + 1.0) / (beside.len() as f64 + 1.0)
        };
    let curve = |edge: &Edge| {
        let from = port(edge, |edge| edge.from, |edge| edge.to, lefts, rights);
        let to = port(edge, |edge| edge.to, |edge| edge.from, rights, lefts);
        let names =
            if edge.names.is_empty() { String::new() } else { format!(": {}", edge.names.join(", ")) };
        Curve {
            from: (lefts[edge.from].x + lefts[edge.from].width, from),
            to: (rights[edge.to].x, to),
            colour: colour(edge),
            dashed: edge.some,
            whole: format!("{} to {}{names}", left[edge.from].title, right[edge.to].title),
        }
    };
    edges.iter().map(curve).collect()
}

/// What colours and lines mean, under everything, as many entries a line as there is room for.
fn legend(drawing: &mut Drawing, chart: &Chart) {
    let families = families(&chart.events).into_iter().enumerate();
    let families = families.map(|(colour, family)| (Some(colour), false, format!("{family} events")));
    let kinds = KINDS.iter().map(|(dashed, means)| (None, *dashed, (*means).to_owned()));
    let (mut x, mut y) = (MARGIN, drawing.height + KEY_LINE);
    for (colour, dashed, text) in families.chain(kinds) {
        let text = NOTE.fitted(&text, WIDEST_CARD);
        let width = KEY_STROKE + 6.0 + NOTE.width(&text);
        if x > MARGIN && x + width > drawing.width - MARGIN {
            (x, y) = (MARGIN, y + KEY_LINE);
        }
        let label = label(&text, NOTE, x + KEY_STROKE + 6.0, y + 3.5, Tone::Strong);
        drawing.keys.push(Key { from: (x, y), to: (x + KEY_STROKE, y), colour, dashed, label });
        x += width + 22.0;
    }
    drawing.height = y + MARGIN;
}
