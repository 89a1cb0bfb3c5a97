//! Who is next: start-time fair queueing between keys, by what their requests cost, within a priority.
//!
//! Every key has a virtual clock that moves by cost ÷ weight with each of its requests. The request with the earliest
//! start goes first, so a key that asks for little is served before the backlog of one that asks for much, and nobody
//! saves up a right to the past: a key that comes back starts where the queue is now.

use std::cmp::{Ordering, Reverse};
use std::collections::BTreeMap;
use std::sync::Arc;

use super::map::QuickMap;

/// A key as the queue sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct Flow {
    /// Its name.
    pub name: Arc<str>,
    /// Its part in proportion to others'; above 0.
    pub weight: f64,
    /// Higher goes first, whatever is waiting below.
    pub priority: u8,
}

/// A place in the queue.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    priority: Reverse<u8>,
    start: f64,
    number: u64,
}

impl Eq for Place {}

impl Ord for Place {
    fn cmp(&self, other: &Self) -> Ordering {
        let start = || self.start.total_cmp(&other.start);
        self.priority.cmp(&other.priority).then_with(start).then(self.number.cmp(&other.number))
    }
}

impl PartialOrd for Place {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[derive(Debug)]
struct Waiting<T> {
    flow: Arc<str>,
    /// Cost ÷ weight.
    length: f64,
    item: T,
}

/// Virtual time of one priority.
#[derive(Debug, Default)]
struct Level {
    now: f64,
    /// Where each key's next request starts. Keys that are not ahead of `now` have none.
    finished: QuickMap<Arc<str>, f64>,
}

impl Level {
    /// A key that is not ahead of `now` has a request; where it starts.
    fn begin(&mut self, flow: &Flow, cost: f64) -> f64 {
        let now = self.now;
        self.finished.insert(flow.name.clone(), now + cost / flow.weight);
        if self.finished.len() > MANY_FLOWS {
            self.finished.retain(|_, finished| *finished > now);
        }
        now
    }
}

/// See the module.
#[derive(Debug)]
pub struct FairQueue<T> {
    waiting: BTreeMap<Place, Waiting<T>>,
    levels: QuickMap<u8, Level>,
    /// How many wait of each key.
    flows: QuickMap<Arc<str>, usize>,
    number: u64,
}

impl<T> Default for FairQueue<T> {
    fn default() -> Self {
        Self { waiting: BTreeMap::new(), levels: QuickMap::default(), flows: QuickMap::default(), number: 0 }
    }
}

/// How many keys a level remembers before it looks for those it can forget (ours).
const MANY_FLOWS: usize = 256;

impl<T> FairQueue<T> {
    /// How many wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    /// How many keys have a request in line.
    pub fn flows(&self) -> usize {
        self.flows.len()
    }

    /// Where a request of `flow` that costs `cost` would stand.
    pub fn place(&self, flow: &Flow) -> Place {
        let level = self.levels.get(&flow.priority);
        let start = level.map_or(0.0, |level| level.finished.get(&flow.name).copied().unwrap_or(0.0).max(level.now));
        Place { priority: Reverse(flow.priority), start, number: self.number }
    }

    /// Puts a request in line.
    pub fn push(&mut self, flow: &Flow, cost: f64, item: T) -> Place {
        let place = self.advance(flow, cost);
        self.insert(place, flow, cost, item)
    }

    /// A request of `flow` that did not have to wait: it counts all the same.
    pub fn passed(&mut self, flow: &Flow, cost: f64) {
        let place = self.advance(flow, cost);
        self.move_to(place);
    }

    /// Puts a request before all of its priority: it was told to come now.
    pub fn push_first(&mut self, flow: &Flow, cost: f64, item: T) -> Place {
        let place = Place { start: f64::NEG_INFINITY, ..self.advance(flow, cost) };
        self.insert(place, flow, cost, item)
    }

    fn insert(&mut self, place: Place, flow: &Flow, cost: f64, item: T) -> Place {
        *self.flows.entry(flow.name.clone()).or_default() += 1;
        self.waiting.insert(place, Waiting { flow: flow.name.clone(), length: cost / flow.weight, item });
        place
    }

    fn remove(&mut self, place: Place) -> Option<Waiting<T>> {
        let waiting = self.waiting.remove(&place)?;
        if let Some(count) = self.flows.get_mut(&waiting.flow) {
            *count -= 1;
            if *count == 0 {
                self.flows.remove(&waiting.flow);
            }
        }
        Some(waiting)
    }

    /// As [`Self::place`], and the next request of `flow` starts after this one.
    fn advance(&mut self, flow: &Flow, cost: f64) -> Place {
        let level = self.levels.entry(flow.priority).or_default();
        let start = match level.finished.get_mut(&flow.name) {
            Some(finished) => {
                let start = finished.max(level.now);
                *finished = start + cost / flow.weight;
                start
            }
            None => level.begin(flow, cost),
        };
        self.number += 1;
        Place { priority: Reverse(flow.priority), start, number: self.number - 1 }
    }

    fn move_to(&mut self, place: Place) {
        if let Some(level) = self.levels.get_mut(&place.priority.0) {
            level.now = level.now.max(place.start);
        }
    }

    /// Who is next.
    pub fn first(&self) -> Option<Place> {
        self.waiting.keys().next().copied()
    }

    /// Those who wait, the next one first.
    pub fn iter(&self) -> impl Iterator<Item = (Place, &T)> {
        self.waiting.iter().map(|(place, waiting)| (*place, &waiting.item))
    }

    /// The request at `place`, to be changed.
    pub fn get_mut(&mut self, place: Place) -> Option<&mut T> {
        self.waiting.get_mut(&place).map(|waiting| &mut waiting.item)
    }

    /// Takes the request at `place` out because it is served. Time goes on with the first in line: one that passes it
    /// does not put back those who come later.
    pub fn serve(&mut self, place: Place) -> Option<T> {
        let is_first = self.first() == Some(place);
        let waiting = self.remove(place)?;
        if is_first {
            self.move_to(place);
        }
        Some(waiting.item)
    }

    /// Takes the request at `place` out because nobody waits for it any more; it costs its key nothing.
    pub fn leave(&mut self, place: Place) -> Option<T> {
        let waiting = self.remove(place)?;
        self.correct(place.priority.0, &waiting.flow, -waiting.length);
        Some(waiting.item)
    }

    /// A request of `flow` cost `difference` more than was thought (less, if negative).
    pub fn settle(&mut self, flow: &Flow, difference: f64) {
        self.correct(flow.priority, &flow.name, difference / flow.weight);
    }

    fn correct(&mut self, priority: u8, flow: &Arc<str>, length: f64) {
        let Some(level) = self.levels.get_mut(&priority) else { return };
        let now = level.now;
        match level.finished.get_mut(flow) {
            Some(finished) => *finished = (*finished + length).max(now),
            None => drop(level.finished.insert(flow.clone(), (now + length).max(now))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flow(name: &str, weight: f64, priority: u8) -> Flow {
        Flow { name: name.into(), weight, priority }
    }

    /// Serves everything; the flows' names in order.
    fn order(queue: &mut FairQueue<&'static str>) -> String {
        let mut order = String::new();
        while let Some(place) = queue.first() {
            order.push_str(queue.serve(place).unwrap());
        }
        order
    }

    #[test]
    fn a_backlog_does_not_delay_others() {
        let mut queue = FairQueue::default();
        let (greedy, polite) = (flow("g", 1.0, 0), flow("p", 1.0, 0));
        for _ in 0..4 {
            queue.push(&greedy, 10.0, "g");
        }
        queue.push(&polite, 10.0, "p");
        queue.push(&polite, 10.0, "p");
        assert_eq!(order(&mut queue), "gpgpgg");
    }

    #[test]
    fn weights_and_priorities_count() {
        let mut queue = FairQueue::default();
        for _ in 0..4 {
            queue.push(&flow("a", 1.0, 0), 3.0, "a");
        }
        for _ in 0..4 {
            queue.push(&flow("b", 3.0, 0), 3.0, "b");
        }
        queue.push(&flow("c", 1.0, 1), 100.0, "c");
        assert_eq!(order(&mut queue), "cabbbabaa");
    }

    #[test]
    fn nobody_saves_up_and_who_leaves_pays_nothing() {
        let mut queue = FairQueue::default();
        let (a, b) = (flow("a", 1.0, 0), flow("b", 1.0, 0));
        (0..10).for_each(|_| queue.passed(&a, 10.0));
        let gone: Vec<Place> = (0..5).map(|_| queue.push(&a, 10.0, "a")).collect();
        for place in gone {
            queue.leave(place);
        }
        for _ in 0..3 {
            queue.push(&a, 10.0, "a");
        }
        for _ in 0..3 {
            queue.push(&b, 10.0, "b");
        }
        assert_eq!(order(&mut queue), "bababa");
        queue.settle(&a, 50.0);
        for _ in 0..2 {
            queue.push(&a, 10.0, "a");
        }
        for _ in 0..2 {
            queue.push(&b, 10.0, "b");
        }
        assert_eq!(order(&mut queue), "bbaa");
    }
}
