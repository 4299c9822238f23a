//! A small XML document as one value: what answers of other systems are read with. Knows no records.

use std::collections::BTreeSet;
use std::io::Cursor;

use serde_json::Value;

use crate::decode::Text;
use crate::xml_element::Element;
use crate::xml_events::{Piece, Pieces};
use crate::{Encoding, ReadError};

/// The encodings that are tried. A document that says its encoding fits one of them at most.
const ENCODINGS: [Encoding; 2] = [Encoding::Utf8, Encoding::Windows1252];

/// The content of the outermost element as JSON, as [`Xml`](crate::Xml) makes it of a record; none where the bytes are no
/// well-formed document in UTF-8 or, if it says so, in Windows-1252 or ISO-8859-1.
#[must_use]
pub fn xml_document(bytes: &[u8]) -> Option<Value> {
    ENCODINGS.into_iter().find_map(|encoding| read(bytes, encoding).ok().flatten())
}

fn read(bytes: &[u8], encoding: Encoding) -> Result<Option<Value>, ReadError> {
    let mut pieces = Pieces::new(Text::new(Box::new(Cursor::new(bytes.to_vec())), encoding));
    pieces.begin();
    let (mut element, lists, mut content) = (Element::new(1), BTreeSet::new(), None);
    while let Some(piece) = pieces.next()? {
        match piece {
            Piece::Start { name, attributes } => element.open(name, attributes),
            Piece::Text(text) => element.text(&text),
            Piece::End => content = element.close(&lists).or(content),
        }
    }
    Ok(content.filter(|_| element.repeated.is_none()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_content_of_the_outermost_element_is_read_and_prefixes_are_dropped() {
        let text = "<?xml version='1.0'?>\n<!-- a --><s:E xmlns:s='urn:s' a='1'><s:b>x</s:b><c/><s:b>y &amp; z</s:b></s:E>\n";
        assert_eq!(xml_document(text.as_bytes()), Some(json!({"@a": "1", "b": ["x", "y & z"], "c": ""})));
        assert_eq!(xml_document(b"<a>x</a>"), Some(json!("x")));
        assert_eq!(xml_document(b"<a/>"), Some(json!("")));
    }

    #[test]
    fn an_old_encoding_is_read_where_the_document_says_so() {
        let old = b"<?xml version='1.0' encoding='ISO-8859-1'?><a>\xe9</a>";
        assert_eq!(xml_document(old), Some(json!("\u{e9}")));
        assert_eq!(xml_document(b"<?xml version='1.0' encoding='utf-8'?><a>\xe9</a>"), None);
    }

    #[test]
    fn what_is_no_document_is_none() {
        for text in [
            "",
            "text",
            "{}",
            "<a>",
            "<a></b>",
            "<a/><b/>",
            "<!DOCTYPE a><a/>",
            "<a x='1' x='2'/>",
            "<a>&b;</a>",
        ] {
            assert_eq!(xml_document(text.as_bytes()), None, "{text}");
        }
    }
}
