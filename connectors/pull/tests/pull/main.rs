//! The sink over real sockets: systems that fetch and answer, twice, late, wrongly or as somebody else.

#[cfg(test)]
mod answering;
#[cfg(test)]
mod certificates;
#[cfg(test)]
mod conformance;
#[cfg(test)]
mod described;
#[cfg(test)]
mod fetching;
#[cfg(test)]
mod gate;
#[cfg(test)]
mod queue;
