//! The listener over real sockets, by clients that are well-behaved, slow, too loud, or somebody else.

#[cfg(test)]
mod claims;
#[cfg(test)]
mod client;
#[cfg(test)]
mod crowds;
#[cfg(test)]
mod refused;
#[cfg(test)]
mod tls;
