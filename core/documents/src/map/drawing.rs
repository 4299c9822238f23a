//! What a drawing is made of, before it is written in any form: boxes, labels and curves, in pixels from the upper left.

use super::measure::Face;

/// A rectangle.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Area {
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    pub(super) height: f64,
}

impl Area {
    /// Whether the two share any space.
    #[cfg(test)]
    pub(super) fn overlaps(&self, other: &Self) -> bool {
        self.x < other.x + other.width
            && other.x < self.x + self.width
            && self.y < other.y + other.height
            && other.y < self.y + self.height
    }

    /// Whether the other lies inside, its edge included.
    #[cfg(test)]
    pub(super) fn holds(&self, other: &Self) -> bool {
        self.x <= other.x
            && self.y <= other.y
            && other.x + other.width <= self.x + self.width
            && other.y + other.height <= self.y + self.height
    }
}

/// A text, of one line.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Label {
    pub(super) text: String,
    pub(super) face: Face,
    pub(super) x: f64,
    /// Where the letters stand.
    pub(super) baseline: f64,
    pub(super) tone: Tone,
}

/// How strong a text is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tone {
    Strong,
    Quiet,
}

impl Label {
    /// What it covers, from its highest letter to its lowest.
    #[cfg(test)]
    pub(super) fn area(&self) -> Area {
        let size = self.face.size;
        Area {
            x: self.x,
            y: self.baseline - 0.8 * size,
            width: self.face.width(&self.text),
            height: 1.05 * size,
        }
    }
}

/// A box with the words of a system or an event type.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Card {
    pub(super) area: Area,
    /// The colour of an event type.
    pub(super) colour: Option<usize>,
    /// All that it says, where labels are cut.
    pub(super) whole: String,
    pub(super) labels: Vec<Label>,
}

/// A line from a card to one of the next column.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Curve {
    pub(super) from: (f64, f64),
    pub(super) to: (f64, f64),
    pub(super) colour: usize,
    pub(super) dashed: bool,
    pub(super) whole: String,
}

/// An entry of the legend.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Key {
    pub(super) from: (f64, f64),
    pub(super) to: (f64, f64),
    /// The colour of a family; grey where the kind of line is explained.
    pub(super) colour: Option<usize>,
    pub(super) dashed: bool,
    pub(super) label: Label,
}

/// A whole drawing.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Drawing {
    pub(super) width: f64,
    pub(super) height: f64,
    /// The title, what is drawn, and the heads of columns and groups.
    pub(super) heads: Vec<Label>,
    /// The ground of each group.
    pub(super) grounds: Vec<Area>,
    pub(super) cards: Vec<Card>,
    pub(super) curves: Vec<Curve>,
    pub(super) keys: Vec<Key>,
}
