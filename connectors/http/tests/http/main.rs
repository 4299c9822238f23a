//! What the sink makes of every way in which a target can answer, or not, over real sockets.

#[cfg(test)]
mod server;
#[cfg(test)]
mod sink;
