//! XML as starts, texts and ends, well-formed or refused: the parser's events, with the rules that it leaves to others.
//!
//! No document type declaration is read and no entity but XML's own five is known, so nothing can expand.

use postroom_event::{Fault, MAX_DEPTH};
use quick_xml::Reader;
use quick_xml::XmlVersion;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesDecl, BytesRef, BytesStart, Event};

use crate::decode::Text;
use crate::read_error::whole;
use crate::{MAX_RECORD_BYTES, ReadError, rules};

/// One step through a document; names are local names, without prefix.
pub(crate) enum Piece {
    /// An element begins; its attributes by name, without namespace declarations.
    Start { name: String, attributes: Vec<(String, String)> },
    /// Part of the text of the innermost element.
    Text(String),
    /// The innermost element ends.
    End,
}

/// A step, or nothing worth telling.
type Step = Result<Option<Piece>, ReadError>;

/// The pieces of a document.
pub(crate) struct Pieces {
    reader: Reader<Text>,
    buffer: Vec<u8>,
    path: Vec<String>,
    rooted: bool,
}

impl Pieces {
    pub(crate) fn new(text: Text) -> Self {
        let mut reader = Reader::from_reader(text);
        let config = reader.config_mut();
        config.expand_empty_elements = true;
        config.check_comments = true;
        config.check_end_names = true;
        config.allow_dangling_amp = false;
        config.allow_unmatched_ends = false;
        Self { reader, buffer: Vec::new(), path: Vec::new(), rooted: false }
    }

    /// The line of the next piece, from 1.
    pub(crate) fn line(&self) -> u64 {
        self.reader.get_ref().line()
    }

    /// The names of the open elements, outermost first.
    pub(crate) fn path(&self) -> &[String] {
        &self.path
    }

    /// Begins something that may have at most [`MAX_RECORD_BYTES`].
    pub(crate) fn begin(&mut self) {
        self.reader.get_mut().allow(MAX_RECORD_BYTES);
    }

    /// The next piece; none at the document's end.
    pub(crate) fn next(&mut self) -> Step {
        loop {
            self.buffer.clear();
            let line = self.line();
            let encoding = self.reader.get_ref().encoding();
            let event = match self.reader.read_event_into(&mut self.buffer) {
                Ok(Event::Eof) => return self.end_of_input(),
                Ok(event) => event,
                Err(error) => return Err(refused(&error, self.line())),
            };
            let mut rules = Rules { path: &mut self.path, rooted: &mut self.rooted, line };
            let piece = match event {
                Event::Start(start) | Event::Empty(start) => rules.start(&start)?,
                Event::End(_) => {
                    rules.path.pop();
                    Some(Piece::End)
                }
                Event::Text(text) => rules.text(text.xml10_content().into_owned())?,
                Event::CData(text) => rules.text(text.xml10_content().into_owned())?,
                Event::GeneralRef(reference) => rules.reference(&reference)?,
                Event::Decl(declaration) => {
                    declared(&declaration, encoding, line)?;
                    None
                }
                Event::DocType(_) => {
                    let words = "the document has a document type declaration (DTD)";
                    return Err(ReadError::whole(line, rules::XML_DTD, words));
                }
                Event::Comment(_) | Event::PI(_) | Event::Eof => None,
            };
            if piece.is_some() {
                return Ok(piece);
            }
        }
    }

    fn end_of_input(&self) -> Step {
        if !self.path.is_empty() {
            let words = "the document ends before its last element is closed";
            return Err(ReadError::whole(self.line(), rules::CUT_OFF, words));
        }
        if !self.rooted {
            return Err(ReadError::whole(self.line(), rules::NOT_XML, "the document has no element"));
        }
        Ok(None)
    }
}

/// What the parser leaves unchecked.
struct Rules<'a> {
    path: &'a mut Vec<String>,
    rooted: &'a mut bool,
    line: u64,
}

impl Rules<'_> {
    fn start(&mut self, start: &BytesStart<'_>) -> Step {
        if self.path.is_empty() && std::mem::replace(self.rooted, true) {
            return Err(self.not_xml("a second element stands beside the outermost"));
        }
        if self.path.len() == MAX_DEPTH {
            let words = format!("elements nested deeper than {MAX_DEPTH} levels");
            return Err(ReadError::whole(self.line, rules::TOO_DEEP, words));
        }
        let name = start.local_name().into_inner().to_owned();
        if name.is_empty() {
            return Err(self.not_xml("an element has no name"));
        }
        let mut attributes = Vec::new();
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|_| self.not_xml("an attribute is not well-formed"))?;
            if attribute.key.as_namespace_binding().is_some() {
                continue;
            }
            let value = attribute
                .normalized_value(XmlVersion::Explicit1_0)
                .map_err(|error| refused(&error, self.line))?;
            self.check_characters(&value)?;
            attributes.push((attribute.key.local_name().into_inner().to_owned(), value.into_owned()));
        }
        self.path.push(name.clone());
        Ok(Some(Piece::Start { name, attributes }))
    }

    fn text(&self, text: String) -> Step {
        self.check_characters(&text)?;
        if !self.path.is_empty() {
            return Ok(Some(Piece::Text(text)));
        }
        if text.trim_ascii().is_empty() {
            return Ok(None);
        }
        Err(self.not_xml("text stands outside the outermost element"))
    }

    fn reference(&self, reference: &BytesRef<'_>) -> Step {
        let unknown = || {
            let words = "the text refers to an entity or character that is not allowed";
            ReadError::whole(self.line, rules::XML_ENTITY, words)
        };
        let text = match reference.resolve_char_ref().map_err(|_| unknown())? {
            Some(character) if is_xml_character(character) => character.to_string(),
            Some(_) => return Err(unknown()),
            None => resolve_predefined_entity(reference).ok_or_else(unknown)?.to_owned(),
        };
        if self.path.is_empty() {
            return Err(self.not_xml("text stands outside the outermost element"));
        }
        Ok(Some(Piece::Text(text)))
    }

    fn check_characters(&self, text: &str) -> Result<(), ReadError> {
        if text.chars().all(is_xml_character) {
            return Ok(());
        }
        Err(self.not_xml("a text holds a control character"))
    }

    fn not_xml(&self, words: &str) -> ReadError {
        ReadError::whole(self.line, rules::NOT_XML, words)
    }
}

/// Whether XML 1.0 allows the character (production 2, `Char`).
pub(crate) fn is_xml_character(character: char) -> bool {
    matches!(character, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
}

/// An encoding that the declaration names must be the one that the settings name.
fn declared(declaration: &BytesDecl<'_>, encoding: crate::Encoding, line: u64) -> Result<(), ReadError> {
    let refused = |words: &str| Err(ReadError::whole(line, rules::ENCODING, words));
    match declaration.encoding() {
        None => Ok(()),
        Some(Ok(label)) if encoding.is_labelled(&label) => Ok(()),
        Some(Ok(_)) => {
            refused(&format!("the XML declaration names another encoding than {}", encoding.name()))
        }
        Some(Err(_)) => refused("the XML declaration is not well-formed"),
    }
}

/// The parser's error without its own words, which may quote the text.
fn refused(error: &quick_xml::Error, line: u64) -> ReadError {
    use quick_xml::Error;
    match error {
        Error::Io(error) => match error.get_ref().and_then(|inner| inner.downcast_ref::<Fault>()) {
            Some(fault) => fault.clone().into(),
            None => ReadError::Io(std::io::Error::new(error.kind(), error.to_string())),
        },
        Error::Escape(_) => {
            let words = "the text refers to an entity or character that is not allowed";
            whole(line, rules::XML_ENTITY, words).into()
        }
        Error::Syntax(_) => whole(line, rules::NOT_XML, "the document ends inside markup").into(),
        Error::IllFormed(_) => {
            let words = "an element, comment or reference is not closed as it was opened";
            whole(line, rules::NOT_XML, words).into()
        }
        _ => whole(line, rules::NOT_XML, "the document is not well-formed").into(),
    }
}
