//! The sink against a mail server of the test's own: what arrives there, and what every failure means.

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod content;
#[cfg(test)]
mod failing;
#[cfg(test)]
mod line;
#[cfg(test)]
mod room;
#[cfg(test)]
mod server;
