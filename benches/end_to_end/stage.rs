//! The stage: who takes part, and the measurements made of them. Every measurement takes all sides in turn, round by round, so that a
//! machine that becomes slower meanwhile is unkind to all alike.

use std::{net::SocketAddr, path::PathBuf, thread, time::Duration};

use anyhow::{Context as _, Result, bail};

use crate::{
    cast::{Cast, Casting},
    flowgate,
    load::{Load, Manner, Outcome, Plan, Samples, Shape, Target},
    process::{self, CpuReading, Process},
    protocol::Protocol,
    report::{self, Bar, Cost, Latency, Memory, Round, Side},
    upstream,
};

/// CPU of one proxied request over nginx's: `product.md` section 2, read 2026-11-21.
const BAR_REQUEST: Bar = Bar { must: 2.0, goal: Some(1.5) };
/// CPU of one stream of 32 events over nginx's: same place and day.
const BAR_STREAM: Bar = Bar { must: 1.5, goal: Some(1.2) };
/// Added latency, p50 and p99, microseconds, of a request and of a stream's first byte: same place and day.
const BARS_LATENCY: (f64, f64) = (100.0, 300.0);
/// Content events of a stream.
const EVENTS: usize = 32;
/// Between two events where CPU is measured: long enough that each is a read and a write of its own, microseconds.
const GAP_US: u64 = 500;
/// Connections at once where the CPU of plain requests is measured.
const TOGETHER: usize = 32;
/// Streams at once where the CPU of streams is measured.
const STREAMS_TOGETHER: usize = 16;
/// The work that is also done by a gateway with all off.
const PLAIN_WORK: &str = "plain request";
/// The work that is also asked for in other protocols.
const TRANSLATED_WORK: &str = "stream";
/// A pause in which the proxy settles what the last answers left to do.
const SETTLE: Duration = Duration::from_millis(50);

/// How much is done.
#[derive(Clone, Copy)]
pub(crate) struct Size {
    pub(crate) rounds: usize,
    /// Rounds of the CPU of plain requests, whose bars are the closest.
    pub(crate) plain_rounds: usize,
    /// Turns that each side has in such a round, with the same processes: a machine that is disturbed for a moment is so for
    /// all alike.
    pub(crate) plain_turns: usize,
    /// Requests at concurrency 1, each round and side.
    pub(crate) single: usize,
    /// Streams at concurrency 1 for the first byte, each round and side.
    pub(crate) first_byte: usize,
    /// Streams at concurrency 1 for the events, each round and side.
    pub(crate) event_streams: usize,
    /// Requests in one CPU measurement.
    pub(crate) requests: usize,
    /// Streams in one CPU measurement.
    pub(crate) streams: usize,
    /// Slow streams held open.
    pub(crate) slow_streams: usize,
}

/// What is reported; at least 5,000 samples of each latency in five rounds.
pub(crate) const FULL: Size = Size {
    rounds: 5,
    plain_rounds: 12,
    plain_turns: 10,
    single: 2_000,
    first_byte: 1_000,
    event_streams: 60,
    requests: 100_000,
    streams: 1_600,
    slow_streams: 1_000,
};
/// What continuous integration runs.
pub(crate) const QUICK: Size = Size {
    rounds: 2,
    plain_rounds: 2,
    plain_turns: 2,
    single: 200,
    first_byte: 100,
    event_streams: 10,
    requests: 2_000,
    streams: 96,
    slow_streams: 100,
};

/// Everything that takes part, while it runs. Children end when this is dropped.
pub(crate) struct Stage {
    /// Where the children that say nothing of interest write.
    pub(crate) log: PathBuf,
    pub(crate) proxy_core: usize,
    pub(crate) load_core: usize,
    pub(crate) upstream: SocketAddr,
    pub(crate) cast: Cast,
    pub(crate) casting: Casting,
    /// How many sets of proxies there were before this one.
    pub(crate) number: usize,
}

impl Stage {
    /// Starts other proxies, which takes a moment, and ends those before them.
    fn renew(&mut self) -> Result<()> {
        self.number += 1;
        self.cast = self.casting.start(self.number)?;
        Ok(())
    }

    /// The sides that take part, in the order of the tables.
    pub(crate) fn sides(&self) -> Vec<Side> {
        let mut sides = vec![Side::Direct];
        sides.extend(self.cast.nginx.as_ref().map(|_| Side::Nginx));
        sides.extend(self.cast.flowgate.as_ref().map(|_| Side::Flowgate));
        sides.extend(self.cast.ungoverned.as_ref().map(|_| Side::Ungoverned));
        sides
    }

    /// The same for one kind of work, and the gateways that are compared there alone: with all off, and in other protocols.
    fn sides_of(&self, work: &str) -> Vec<Side> {
        let bare = self.cast.bare.as_ref().filter(|_| work == PLAIN_WORK).map(|_| Side::Bare);
        let others = report::TRANSLATED.into_iter().filter(|_| work == TRANSLATED_WORK && self.cast.flowgate.is_some());
        self.sides().into_iter().chain(bare).chain(others.map(Side::Translated)).collect()
    }

    /// Where a side takes requests of this shape.
    fn target(&self, side: Side, shape: Shape) -> Result<Target> {
        let (address, key) = match side {
            Side::Direct => (self.upstream, upstream::KEY),
            Side::Nginx => {
                let nginx = self.cast.nginx.as_ref().context("nginx does not run")?;
                (if shape == Shape::Plain { nginx.plain } else { nginx.stream }, "nobody-asks-for-this-one")
            }
            Side::Flowgate => {
                (self.cast.flowgate.as_ref().context("flowgate does not run")?.address, flowgate::CALLER_KEY)
            }
            Side::Translated(_) => {
                (self.cast.flowgate.as_ref().context("flowgate does not run")?.address, flowgate::CALLER_KEY)
            }
            Side::Ungoverned => {
                (self.cast.ungoverned.as_ref().context("flowgate does not run")?.address, flowgate::CALLER_KEY)
            }
            Side::Bare => (self.cast.bare.as_ref().context("flowgate does not run")?.address, flowgate::CALLER_KEY),
        };
        let protocol = if let Side::Translated(protocol) = side { protocol } else { Protocol::Chat };
        Ok(Target { address, key: key.to_owned(), protocol })
    }

    /// The process whose CPU and memory count, if there is one.
    pub(crate) fn process(&self, side: Side) -> Option<u32> {
        match side {
            Side::Direct => None,
            Side::Nginx => self.cast.nginx.as_ref().map(|nginx| nginx.worker),
            Side::Flowgate | Side::Translated(_) => self.cast.flowgate.as_ref().map(|flowgate| flowgate.id),
            Side::Ungoverned => self.cast.ungoverned.as_ref().map(|flowgate| flowgate.id),
            Side::Bare => self.cast.bare.as_ref().map(|flowgate| flowgate.id),
        }
    }

    /// One measurement at many connections.
    fn together(&self, side: Side, shape: Shape, connections: usize, warm_up: usize, requests: usize) -> Result<Round> {
        let targets = vec![self.target(side, shape)?];
        let plan = Plan { targets, shape, manner: Manner::Together(connections), warm_up, requests };
        let mut load = Load::start(self.load_core, &plan).with_context(|| format!("{} failed", side.name()))?;
        thread::sleep(SETTLE);
        let before = self.process(side).map(CpuReading::of).transpose()?;
        let outcome = load.go().with_context(|| format!("{} failed", side.name()))?;
        thread::sleep(SETTLE);
        let after = self.process(side).map(CpuReading::of).transpose()?;
        let used = before.zip(after).map(|(before, after)| before.until(&after));
        let samples = outcome.targets.first().context("no samples")?;
        if samples.answered != requests {
            bail!("{} answered {} of {requests} requests", side.name(), samples.answered);
        }
        let count = requests as f64;
        Ok(Round {
            cpu_us: used.map(|used| used.run_ns as f64 / 1e3 / count),
            rate: count / (outcome.elapsed_ns as f64 / 1e9),
            waited: used.map(|used| used.wait_ns as f64 / (used.run_ns + used.wait_ns).max(1) as f64),
            reads: samples.reads as f64 / count,
        })
    }

    /// One measurement of all sides at concurrency 1, in turns of a few requests.
    fn in_turn(&self, shape: Shape, order: &[Side], requests: usize) -> Result<Outcome> {
        let targets = order.iter().map(|side| self.target(*side, shape)).collect::<Result<Vec<_>>>()?;
        let plan = Plan { targets, shape, manner: Manner::InTurn, warm_up: 20.min(requests), requests };
        Load::start(self.load_core, &plan)?.go()
    }
}

/// All latencies at concurrency 1, first with the cores kept awake, then as the machine is.
pub(crate) fn latencies(stage: &Stage, size: Size) -> Result<Vec<Latency>> {
    let paced = Shape::Stream { events: EVENTS, gap_us: GAP_US, is_cumulative: false };
    let short = Shape::Stream { events: 2, gap_us: GAP_US, is_cumulative: false };
    let of =
        |what, bars| Latency { what, bars, sides: stage.sides().into_iter().map(|side| (side, Vec::new())).collect() };
    // Shape, requests in a round, which of the samples' times count, and whether the cores are kept awake.
    type Times = fn(Samples) -> Vec<u64>;
    let total: Times = |samples| samples.total_ns;
    let first: Times = |samples| samples.first_ns;
    let event: Times = |samples| samples.event_ns;
    let mut works = [
        (of("plain request", Some(BARS_LATENCY)), Shape::Plain, size.single, total, true),
        (of("first byte of a stream", Some(BARS_LATENCY)), short, size.first_byte, first, true),
        (of("event of a stream", None), paced, size.event_streams, event, true),
        (of("plain request, cores sleep", None), Shape::Plain, size.single, total, false),
        (of("first byte, cores sleep", None), short, size.first_byte, first, false),
        (of("event, cores sleep", None), paced, size.event_streams, event, false),
    ];
    for round in 0..size.rounds {
        progress(&format!("latency, round {} of {}", round + 1, size.rounds));
        let order = turned(stage.sides(), round);
        for (latency, shape, requests, times, is_awake) in &mut works {
            let cores = [stage.proxy_core, stage.load_core];
            let spinning = cores.iter().filter(|_| *is_awake).map(|core| Process::awake(*core, &stage.log));
            let spinning = spinning.collect::<Result<Vec<_>>>()?;
            let outcome = stage.in_turn(*shape, &order, *requests)?;
            drop(spinning);
            for (side, samples) in order.iter().zip(outcome.targets) {
                let row = latency.sides.iter_mut().find(|(other, _)| other == side).context("a side is missing")?;
                row.1.push(times(samples));
            }
        }
    }
    Ok(works.into_iter().map(|(latency, ..)| latency).collect())
}

/// CPU of all kinds of requests.
pub(crate) fn costs(stage: &mut Stage, size: Size) -> Result<Vec<Cost>> {
    let stream = |gap_us, is_cumulative| Shape::Stream { events: EVENTS, gap_us, is_cumulative };
    let works = [
        (PLAIN_WORK, Shape::Plain, TOGETHER, size.requests, Some(BAR_REQUEST)),
        (TRANSLATED_WORK, stream(GAP_US, false), STREAMS_TOGETHER, size.streams, Some(BAR_STREAM)),
        ("stream, usage in every event", stream(GAP_US, true), STREAMS_TOGETHER, size.streams, Some(BAR_STREAM)),
        ("stream, all events at once", stream(0, false), STREAMS_TOGETHER, size.streams, None),
    ];
    let mut costs = Vec::new();
    for (work, shape, connections, requests, bar) in works {
        let sides = stage.sides_of(work);
        let mut cost = Cost { work, bar, sides: sides.iter().copied().map(|side| (side, Vec::new())).collect() };
        let (rounds, turns) = if work == PLAIN_WORK { (size.plain_rounds, size.plain_turns) } else { (size.rounds, 1) };
        for round in 0..rounds {
            progress(&format!("CPU of a {work}, round {} of {rounds}", round + 1));
            stage.renew()?;
            let mut measured: Vec<Vec<Round>> = vec![Vec::new(); sides.len()];
            for turn in 0..turns {
                // A process that has just begun takes memory for the first time.
                let warm_up = requests / connections / if turn == 0 { 10 } else { 10 * turns };
                for (place, side) in turned(sides.iter().copied().enumerate().collect(), round + turn) {
                    measured[place].push(stage.together(side, shape, connections, warm_up.max(2), requests / turns)?);
                }
            }
            cost.sides.iter_mut().zip(measured).for_each(|((_, rounds), turns)| rounds.push(Round::of(&turns)));
        }
        costs.push(cost);
    }
    Ok(costs)
}

/// Memory after the load, and with many slow streams open. `idle` was read at the start.
pub(crate) fn memory(stage: &Stage, size: Size, idle: &[(Side, u64)]) -> Result<Vec<Memory>> {
    // One event in 100 ms for five seconds.
    let slow = Shape::Stream { events: 50, gap_us: 100_000, is_cumulative: false };
    let mut memory = Vec::new();
    for (side, idle) in idle.iter().copied() {
        let id = stage.process(side).context("a side is missing")?;
        progress(&format!("memory of {} with {} slow streams", side.name(), size.slow_streams));
        let after_load = process::memory_kib(id, "VmRSS")?;
        let all = || stage.together(side, slow, size.slow_streams, 0, size.slow_streams);
        let (_, streaming) = process::highest_memory_kib(id, all)?;
        thread::sleep(Duration::from_secs(2));
        let after_streams = process::memory_kib(id, "VmRSS")?;
        memory.push(Memory { side, idle, after_load, streaming, after_streams, streams: size.slow_streams });
    }
    Ok(memory)
}

/// The sides in another order each round, so that none is always first and none always follows the same other.
fn turned<T>(mut sides: Vec<T>, round: usize) -> Vec<T> {
    let by = round % sides.len();
    sides.rotate_left(by);
    if round % 2 == 1 {
        sides.reverse();
    }
    sides
}

/// Says on standard error what is going on.
fn progress(what: &str) {
    eprintln!("{what}");
}
