//! The source over real sockets: webhooks from senders that are right, wrong and too many; and systems that are asked, and
//! answer, or not.

#[cfg(test)]
mod certificates;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod gate;
#[cfg(test)]
mod hook;
#[cfg(test)]
mod page;
#[cfg(test)]
mod poll;
#[cfg(test)]
mod poll_failures;
#[cfg(test)]
mod real;
#[cfg(test)]
mod room;
#[cfg(test)]
mod system;
#[cfg(test)]
mod webhook;
