//! What the sink makes of every way in which a target can answer, or not, over real sockets.

#[cfg(test)]
mod authority;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod oauth2;
#[cfg(test)]
mod page;
#[cfg(test)]
mod rig;
#[cfg(test)]
mod server;
#[cfg(test)]
mod sink;
#[cfg(test)]
mod speech;
#[cfg(test)]
mod tls;
