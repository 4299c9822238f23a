//! What the formats promise, seen from outside.

#[cfg(test)]
mod common;
#[cfg(test)]
mod limits;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod reading;
#[cfg(test)]
mod real_files;
#[cfg(test)]
mod writing;
