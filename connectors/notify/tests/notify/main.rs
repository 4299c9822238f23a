//! The sink against a Notify of the test's own, which checks tokens with the code of Notify's official client.

#[cfg(test)]
mod conformance;
#[cfg(test)]
mod fake;
#[cfg(test)]
mod real;
#[cfg(test)]
mod sink;
