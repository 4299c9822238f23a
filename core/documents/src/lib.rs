//! Documents written from the council's text: what it says, in the forms that others read. Pure: a council in, text out;
//! it starts nothing, asks no ledger and no broker, and holds no value of an event.

mod asyncapi;
mod catalogue;
mod html;
mod map;
mod ropa;
mod who;

pub use asyncapi::{Wire, asyncapi};
pub use catalogue::{MARK, Page, catalogue};
pub use map::{Chart, Edge, Node, mermaid, svg};
pub use ropa::{RopaForm, ropa};
