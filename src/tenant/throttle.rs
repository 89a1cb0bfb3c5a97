//! Wrong credentials, counted by the address that they come from.
//!
//! An issued key has 256 bits, so nobody guesses one; what this bounds is the noise of a program that goes on with a wrong
//! key, and the guessing of an operator's token, which people may have chosen. Reads no clock: the moment is handed in.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Wrong credentials that an address may send in a minute (ours): more than a person mistypes.
pub const MOST_FAILURES: u32 = 10;
/// The minute.
const SPAN: Duration = Duration::from_secs(60);
/// Addresses that are told apart (ours): about 1 MiB. The others share one count.
const MOST_ADDRESSES: usize = 10_000;
/// How often it is looked whose minute is over, when there is no room (ours).
const SWEEP: Duration = Duration::from_secs(1);

/// See the module.
#[derive(Debug, Default)]
pub struct Throttle(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    seen: HashMap<IpAddr, Failures>,
    others: Option<Failures>,
    swept: Option<Instant>,
}

/// Failures since the first one of a minute.
#[derive(Debug, Clone, Copy)]
struct Failures {
    since: Instant,
    count: u32,
}

impl Failures {
    fn new(now: Instant) -> Self {
        Self { since: now, count: 0 }
    }

    /// How long its minute still lasts.
    fn left(&self, now: Instant) -> Option<Duration> {
        (self.since + SPAN).checked_duration_since(now).filter(|left| !left.is_zero())
    }

    /// One more. How long to wait, if it was one too many.
    fn add(&mut self, now: Instant) -> Option<Duration> {
        if self.left(now).is_none() {
            *self = Self::new(now);
        }
        self.count = self.count.saturating_add(1);
        self.left(now).filter(|_| self.count > MOST_FAILURES)
    }
}

impl Throttle {
    /// A wrong credential came from `peer`. How long it has to wait, if that was one too many.
    pub fn failed(&self, peer: IpAddr, now: Instant) -> Option<Duration> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.of(network(peer), now).add(now)
    }

    /// How long `peer` has to wait because of what it sent before, if it has to.
    pub fn barred(&self, peer: IpAddr, now: Instant) -> Option<Duration> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let failures = state.seen.get(&network(peer))?;
        failures.left(now).filter(|_| failures.count > MOST_FAILURES)
    }
}

impl State {
    fn of(&mut self, network: IpAddr, now: Instant) -> &mut Failures {
        if self.seen.len() >= MOST_ADDRESSES && !self.seen.contains_key(&network) {
            self.sweep(now);
            if self.seen.len() >= MOST_ADDRESSES {
                return self.others.get_or_insert(Failures::new(now));
            }
        }
        self.seen.entry(network).or_insert(Failures::new(now))
    }

    fn sweep(&mut self, now: Instant) {
        if self.swept.is_none_or(|swept| now >= swept + SWEEP) {
            self.swept = Some(now);
            self.seen.retain(|_, failures| failures.left(now).is_some());
        }
    }
}

/// Whom an address stands for: of IPv6 the first 64 bits, within which a caller may choose freely.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        address => address,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn the_eleventh_within_a_minute_waits_for_its_end() {
        let (throttle, start, ann) = (Throttle::default(), Instant::now(), peer("10.0.0.1"));
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!((0..10).all(|second| throttle.failed(ann, at(second)).is_none()));
        assert_eq!(throttle.barred(ann, at(10)), None);
        assert_eq!(throttle.failed(ann, at(10)), Some(Duration::from_secs(50)));
        assert_eq!(throttle.failed(ann, at(59)), Some(Duration::from_secs(1)));
        assert_eq!(throttle.barred(ann, at(59)), Some(Duration::from_secs(1)));
        assert_eq!(throttle.failed(peer("10.0.0.2"), at(59)), None);
        assert_eq!((throttle.barred(ann, at(60)), throttle.failed(ann, at(60))), (None, None));
    }

    #[test]
    fn a_network_of_ipv6_is_one_caller_and_a_mapped_address_is_ipv4() {
        assert_eq!(network(peer("2001:db8:1:2:3:4:5:6")), peer("2001:db8:1:2::"));
        assert_ne!(network(peer("2001:db8:1:2::1")), network(peer("2001:db8:1:3::1")));
        assert_eq!(network(peer("::ffff:10.0.0.1")), peer("10.0.0.1"));
    }

    #[test]
    fn any_number_of_addresses_takes_bounded_memory() {
        let (throttle, start) = (Throttle::default(), Instant::now());
        let address = |number: u32| IpAddr::from(number.to_be_bytes());
        for number in 0..30_000 {
            throttle.failed(address(number), start);
        }
        let seen = |throttle: &Throttle| throttle.0.lock().unwrap().seen.len();
        assert_eq!(seen(&throttle), MOST_ADDRESSES);
        assert!(throttle.failed(address(40_000), start).is_some(), "those without room share one count");
        assert!(throttle.failed(address(1), start).is_none());
        let later = start + Duration::from_secs(61);
        assert!(throttle.failed(address(40_000), later).is_none());
        assert_eq!(seen(&throttle), 1);
    }
}
