//! The council's own text, read and checked: the only crate that knows the layout of its folder.
