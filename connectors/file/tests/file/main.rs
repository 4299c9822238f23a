//! What files in a folder promise, seen from outside.

#[cfg(test)]
mod real;
#[cfg(test)]
mod room;
#[cfg(test)]
mod sink;
#[cfg(test)]
mod source;
