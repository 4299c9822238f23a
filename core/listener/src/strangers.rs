//! How often whoever proves nothing may try: each address has an allowance of its own, so that no stranger uses up what others may do.
//! Pure.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv6Addr};
use std::time::{Duration, Instant};

use crate::{Rate, RateLimit};

/// Failures of one address.
const ALLOWANCE: RateLimit = RateLimit::new(60, Duration::from_secs(60));
/// How long an address is one that somebody proved itself from.
const KNOWN_FOR: Duration = Duration::from_secs(3_600);
/// Most addresses that are remembered.
const MOST_PEERS: usize = 1_024;

/// Addresses from which somebody failed to prove itself, or did not.
#[derive(Debug, Default)]
pub struct Strangers(BTreeMap<IpAddr, Peer>);

#[derive(Debug)]
struct Peer {
    failures: Rate,
    /// When somebody last proved itself from there.
    proved: Option<Instant>,
}

/// Why somebody is not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turned {
    /// Nothing was proved.
    Away,
    /// Nothing was proved, and too often of late: it may try again in so long.
    Again(Duration),
    /// It was not looked at, as there were too many failures from the address: for so long.
    Later(Duration),
}

impl Strangers {
    /// Whether a request from `peer` is let in at `now`: `proves` says whether it proves what is asked for. That is not even looked at
    /// where the allowance of the address is used up; but for addresses that others may share: one that somebody has proved itself
    /// from lately, and this machine, where a proxy stands.
    ///
    /// # Errors
    /// Why it is not.
    pub fn admit(&mut self, peer: IpAddr, now: Instant, proves: impl FnOnce() -> bool) -> Result<(), Turned> {
        let network = network(peer);
        if let Some(peer) = self.0.get(&network)
            && !peer.is_known(now)
            && !network.is_loopback()
            && let Err(wait) = peer.failures.look(now)
        {
            return Err(Turned::Later(wait));
        }
        let is_proved = proves();
        self.make_room(network, now);
        let peer = self.0.entry(network).or_insert_with(|| Peer::new(now));
        if is_proved {
            peer.proved = Some(now);
            return Ok(());
        }
        Err(peer.failures.take(now).map_or_else(Turned::Again, |()| Turned::Away))
    }

    /// Forgets an address for a new one, where there are as many as there may be: one that has tried least of late.
    fn make_room(&mut self, network: IpAddr, now: Instant) {
        if self.0.len() < MOST_PEERS || self.0.contains_key(&network) {
            return;
        }
        let least = self.0.iter().min_by_key(|(_, peer)| (peer.is_known(now), peer.failures.full()));
        if let Some(least) = least.map(|(network, _)| *network) {
            self.0.remove(&least);
        }
    }
}

impl Peer {
    fn new(now: Instant) -> Self {
        Self { failures: Rate::new(ALLOWANCE, now), proved: None }
    }

    fn is_known(&self, now: Instant) -> bool {
        self.proved.is_some_and(|proved| now.duration_since(proved) < KNOWN_FOR)
    }
}

/// What stands for an address: of IPv6 its network, of which one machine has all addresses.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) if !address.is_loopback() => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    /// How often out of so many a request from there that proves nothing is looked at.
    fn looks(strangers: &mut Strangers, peer: &str, times: u32, now: Instant) -> u32 {
        let mut looks = 0;
        for _ in 0..times {
            let turned = strangers.admit(address(peer), now, || {
                looks += 1;
                false
            });
            assert!(turned.is_err());
        }
        looks
    }

    #[test]
    fn a_stranger_is_looked_at_as_often_as_its_allowance_says_and_nobody_else_hears_of_it() {
        let (mut strangers, now) = (Strangers::default(), Instant::now());
        assert_eq!(looks(&mut strangers, "192.0.2.1", 100, now), 60);
        let turned = strangers.admit(address("192.0.2.1"), now, || true);
        assert_eq!(turned, Err(Turned::Later(Duration::from_secs(1))), "not even what is right");
        assert_eq!(strangers.admit(address("192.0.2.2"), now, || true), Ok(()));
        assert_eq!(strangers.admit(address("192.0.2.1"), now + Duration::from_secs(1), || true), Ok(()));
        assert_eq!(looks(&mut strangers, "2001:db8::1", 60, now), 60);
        assert_eq!(looks(&mut strangers, "2001:db8::2", 1, now), 0, "of the same network");
    }

    #[test]
    fn who_shares_the_address_of_a_stranger_is_let_in_where_it_was_known_or_a_proxy_may_stand() {
        let (mut strangers, now) = (Strangers::default(), Instant::now());
        assert_eq!(strangers.admit(address("192.0.2.1"), now, || true), Ok(()));
        for peer in ["192.0.2.1", "127.0.0.1", "::1"] {
            assert_eq!(looks(&mut strangers, peer, 100, now), 100, "{peer}");
            let turned = strangers.admit(address(peer), now, || false);
            assert!(matches!(turned, Err(Turned::Again(_))), "{peer}: {turned:?}");
            assert_eq!(strangers.admit(address(peer), now, || true), Ok(()), "{peer}");
        }
    }

    #[test]
    fn no_more_addresses_are_remembered_than_may_be_and_those_that_are_known_stay() {
        let (mut strangers, now) = (Strangers::default(), Instant::now());
        assert_eq!(strangers.admit(address("192.0.2.1"), now, || true), Ok(()));
        for number in 0..5_000_u32 {
            looks(&mut strangers, &format!("10.0.{}.{}", number / 256, number % 256), 1, now);
        }
        assert_eq!(strangers.0.len(), MOST_PEERS);
        assert!(strangers.0.contains_key(&address("192.0.2.1")));
    }
}
