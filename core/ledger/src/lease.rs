//! Leases: who may work on an ingress or a lane now.

use std::time::Duration;

use serde::Serialize;

/// How long a lease is in force after it was taken or renewed, by the database's clock.
pub const LEASE_TIME: Duration = Duration::from_secs(10);

/// What a write is fenced with: it fails once somebody else took the lease.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize)]
pub struct Fence {
    /// The lease.
    pub name: String,
    /// Its epoch: which taking of the lease it is, from 1.
    pub epoch: u64,
}

/// A lease that is held. Its holder stops at its own monotonic deadline: [`LEASE_TIME`] after it *asked*.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Lease {
    /// What its writes are fenced with.
    #[serde(flatten)]
    pub fence: Fence,
    /// Who holds it.
    pub owner: String,
    /// When it ends, in microseconds since the epoch, by the database's clock.
    pub expires_at: i64,
}

/// A lease that was just taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acquired {
    /// The lease.
    pub lease: Lease,
    /// Whether whoever had it before gave it back, or nobody had: else its work stopped in the middle.
    pub given_back: bool,
}
