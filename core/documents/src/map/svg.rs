//! The map as SVG: a drawing that needs no script and no font of its own, for browsers and for print.

use super::drawing::{Area, Card, Curve, Key, Label, Tone};
use super::{Chart, place};
use crate::html::escaped;

/// The colours of families of events; each is dark enough for print on white.
const COLOURS: [&str; 12] = [
    "#1b5e9b", "#b3541e", "#2e7d32", "#8e24aa", "#00796b", "#c2185b", "#6d4c41", "#455a64", "#827717",
    "#283593", "#c62828", "#0277bd",
];
/// The colour of what has none.
const GREY: &str = "#777";

/// The drawing of a chart.
pub fn svg(chart: &Chart) -> String {
    let drawing = place::drawing(chart);
    let (width, height) = (drawing.width.ceil(), drawing.height.ceil());
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\" \
         aria-labelledby=\"map-title map-desc\" font-family=\"Arial, Helvetica, 'Liberation Sans', sans-serif\">\n\
         <title id=\"map-title\">{}: the map of its events</title>\n<desc id=\"map-desc\">{}. On the left who states events, in the \
         middle the events, on the right who receives them.</desc>\n<style>path:hover{{stroke-width:5;stroke-opacity:1}}</style>\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"#fff\"/>\n",
        escaped(&chart.council),
        escaped(&chart.summary()),
    );
    let mut group = |kind: &str, parts: Vec<String>| {
        text.push_str(&format!("<g {kind}>\n{}\n</g>\n", parts.join("\n")));
    };
    group("fill=\"#f1f3f5\"", drawing.grounds.iter().map(|area| rect(area, "rx=\"4\"")).collect());
    group(
        "fill=\"none\" stroke-width=\"1.5\" stroke-opacity=\"0.8\"",
        drawing.curves.iter().map(curve).collect(),
    );
    group("stroke-width=\"1\"", drawing.cards.iter().map(card).collect());
    group("stroke=\"none\"", drawing.heads.iter().map(label).collect());
    group("fill=\"none\" stroke-width=\"2\"", drawing.keys.iter().map(key).collect());
    text.push_str("</svg>");
    text
}

/// The colour of a family, by its place in the alphabet.
pub(super) fn colour(number: usize) -> &'static str {
    COLOURS[number % COLOURS.len()]
}

fn rect(area: &Area, more: &str) -> String {
    let Area { x, y, width, height } = area;
    format!("<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{height:.1}\" {more}/>")
}

fn card(card: &Card) -> String {
    let (stroke, bar) = match card.colour {
        None => ("#adb5bd", String::new()),
        Some(number) => {
            let bar = Area { width: 4.0, ..card.area };
            (colour(number), rect(&bar, &format!("fill=\"{}\" stroke=\"none\"", colour(number))))
        }
    };
    let ground = rect(&card.area, &format!("rx=\"2\" fill=\"#fff\" stroke=\"{stroke}\""));
    let labels: String = card.labels.iter().map(label).collect();
    format!("<g><title>{}</title>{ground}{bar}{labels}</g>", escaped(&card.whole))
}

/// A text; its width is given, so that another font cannot make it longer.
fn label(label: &Label) -> String {
    let Label { text, face, x, baseline, tone } = label;
    let weight = if face.bold { " font-weight=\"bold\"" } else { "" };
    let fill = match tone {
        Tone::Strong => "#111",
        Tone::Quiet => "#444",
    };
    format!(
        "<text x=\"{x:.1}\" y=\"{baseline:.1}\" font-size=\"{}\"{weight} fill=\"{fill}\" textLength=\"{:.1}\" lengthAdjust=\"spacingAndGlyphs\">{}</text>",
        face.size,
        face.width(text),
        escaped(text),
    )
}

fn dashes(dashed: bool) -> &'static str {
    if dashed { " stroke-dasharray=\"5 3\"" } else { "" }
}

fn curve(curve: &Curve) -> String {
    let ((x1, y1), (x2, y2)) = (curve.from, curve.to);
    let half = (x2 - x1) / 2.0;
    format!(
        "<path d=\"M{x1:.1} {y1:.1}C{:.1} {y1:.1} {:.1} {y2:.1} {x2:.1} {y2:.1}\" stroke=\"{}\"{}><title>{}</title></path>",
        x1 + half,
        x2 - half,
        colour(curve.colour),
        dashes(curve.dashed),
        escaped(&curve.whole),
    )
}

fn key(key: &Key) -> String {
    let ((x1, y1), (x2, y2)) = (key.from, key.to);
    format!(
        "<line x1=\"{x1:.1}\" y1=\"{y1:.1}\" x2=\"{x2:.1}\" y2=\"{y2:.1}\" stroke=\"{}\"{}/>{}",
        key.colour.map_or(GREY, colour),
        dashes(key.dashed),
        label(&key.label),
    )
}
