//! The server over real sockets with its board, and the client against endpoints that are right and wrong.

#[cfg(test)]
mod asking;
#[cfg(test)]
mod client;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod desk;
#[cfg(test)]
mod endpoint;
#[cfg(test)]
mod real;
#[cfg(test)]
mod reporting;
