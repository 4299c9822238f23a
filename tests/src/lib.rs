//! End-to-end tests, simulation, golden cases, the tidy test and the bench.
