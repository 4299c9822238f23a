//! Certificates that systems show, for those who look from outside of the hub that meets them.

/// The certificate that a system showed last.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Peer {
    /// The system, or `hub` where the hub itself meets it.
    pub system: String,
    /// Its side and setting, such as `target.url`; of the hub the setting, such as `broker.url`.
    pub setting: String,
    /// Until when it holds, in microseconds since the epoch.
    pub until: i64,
}
