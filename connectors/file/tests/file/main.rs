//! What files in a folder, of this machine or of a server, promise, seen from outside.

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod real;
#[cfg(test)]
mod room;
#[cfg(test)]
mod sftp;
#[cfg(test)]
mod sink;
#[cfg(test)]
mod source;
