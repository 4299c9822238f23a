//! The order of a map's columns: what belongs together stands near what it is joined to, so that few lines cross.

use super::{Chart, Edge, Node};

/// How often each column is sorted by its neighbours.
const ROUNDS: usize = 8;

/// Groups in their order, each with the places of its nodes in their order.
pub(super) type Column<'c> = Vec<(&'c str, Vec<usize>)>;

/// The three columns.
pub(super) fn columns(chart: &Chart) -> [Column<'_>; 3] {
    let [mut sources, mut events, mut targets] =
        [&chart.sources, &chart.events, &chart.targets].map(|nodes| alphabetical(nodes));
    for _ in 0..ROUNDS {
        let (left, right) = (heights(&sources), heights(&targets));
        let joined: Vec<(usize, f64)> = chart
            .stated
            .iter()
            .map(|edge| (edge.to, at(&left, edge.from)))
            .chain(chart.routed.iter().map(|edge| (edge.from, at(&right, edge.to))))
            .collect();
        sort(&mut events, &joined);
        let middle = heights(&events);
        let outward =
            |edges: &[Edge], near: fn(&Edge) -> usize, far: fn(&Edge) -> usize| -> Vec<(usize, f64)> {
                edges.iter().map(|edge| (near(edge), at(&middle, far(edge)))).collect()
            };
        sort(&mut sources, &outward(&chart.stated, |edge| edge.from, |edge| edge.to));
        sort(&mut targets, &outward(&chart.routed, |edge| edge.to, |edge| edge.from));
    }
    [sources, events, targets]
}

fn alphabetical(nodes: &[Node]) -> Column<'_> {
    Chart::groups(nodes).into_iter().collect()
}

/// How far down each node stands, by its place: from 0 to 1.
fn heights(column: &Column<'_>) -> Vec<f64> {
    let all: Vec<usize> = column.iter().flat_map(|(_, nodes)| nodes.iter().copied()).collect();
    let mut heights = vec![0.5; all.len()];
    for (row, node) in all.iter().enumerate() {
        if let Some(height) = heights.get_mut(*node) {
            *height = (row as f64 + 0.5) / all.len() as f64;
        }
    }
    heights
}

fn at(heights: &[f64], place: usize) -> f64 {
    heights.get(place).copied().unwrap_or(0.5)
}

/// Sorts groups, and the nodes in each, by the mean height of what they are joined to.
fn sort(column: &mut Column<'_>, joined: &[(usize, f64)]) {
    let own = heights(column);
    let mean = |nodes: &[usize]| {
        let met: Vec<f64> =
            joined.iter().filter(|(node, _)| nodes.contains(node)).map(|(_, height)| *height).collect();
        // What is joined to nothing stays where it is.
        let met = if met.is_empty() { nodes.iter().map(|node| at(&own, *node)).collect() } else { met };
        met.iter().sum::<f64>() / met.len() as f64
    };
    for (_, nodes) in column.iter_mut() {
        nodes.sort_by(|one, other| mean(&[*one]).total_cmp(&mean(&[*other])));
    }
    column.sort_by(|(_, one), (_, other)| mean(one).total_cmp(&mean(other)));
}
