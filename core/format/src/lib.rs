//! Records from bytes and back, as a stream, with line numbers.
