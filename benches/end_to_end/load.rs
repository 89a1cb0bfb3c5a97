//! The load generator: a role of the benchmark's own binary (so that it can be pinned), and the handle by which the benchmark
//! drives it. The two talk in lines: the child warms up and says `ready`, is told `go`, works, and answers with one line of JSON.
//! Its connections stay open until its input ends, so that neither opening nor closing them is measured.

use std::{
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{SocketAddr, TcpStream},
    process::{ChildStdin, ChildStdout},
    sync::{
        Arc, Barrier,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::{Duration, Instant, SystemTime},
};

use anyhow::{Context as _, Result, anyhow, bail};
use memchr::memmem;
use serde::{Deserialize, Serialize};

use crate::{
    process::{self, Process},
    protocol::Protocol,
    upstream::{MODEL, MODEL_CUMULATIVE, PLAIN_MARK, STAMP_DIGITS},
    wire::{self, Body},
};

/// Longest silence on a socket before a request counts as failed.
const SILENCE: Duration = Duration::from_secs(30);
/// Requests to one target before the turn passes to the next, where targets are compared at concurrency 1.
const TURN: usize = 20;
/// Requests at the start of a turn that are not counted: they find caches and cores as another side left them, and at one in
/// twenty would decide the 99th percentile.
const UNCOUNTED: usize = 3;
/// Stack of a sending thread; a thousand of them must be cheap.
const STACK_BYTES: usize = 128 * 1024;

/// Where requests go, and the key they carry.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Target {
    /// Address of the proxy, or of the upstream itself.
    pub(crate) address: SocketAddr,
    /// Bearer key.
    pub(crate) key: String,
    /// What is spoken there; streams only.
    pub(crate) protocol: Protocol,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Shape {
    /// A chat completion in one piece.
    Plain,
    /// A stream of `events` content events, `gap_us` microseconds apart (0: all in one write).
    Stream { events: usize, gap_us: u64, is_cumulative: bool },
}

/// How requests are spread.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Manner {
    /// So many connections at once, all to the first target, until the requests are used up.
    Together(usize),
    /// One request at a time, the targets taking turns; the requests are for each target.
    InTurn,
}

/// One piece of work for the load generator.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Plan {
    /// Who is asked.
    pub(crate) targets: Vec<Target>,
    /// What for.
    pub(crate) shape: Shape,
    /// In which manner.
    pub(crate) manner: Manner,
    /// Requests on each connection before anything is measured.
    pub(crate) warm_up: usize,
    /// Requests measured.
    pub(crate) requests: usize,
}

/// What the load generator saw of one target.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Samples {
    /// Requests answered in full.
    pub(crate) answered: usize,
    /// Reads from the socket that brought bytes; tells whether events came one by one.
    pub(crate) reads: usize,
    /// From the request's first byte out to the answer's last byte in, nanoseconds each.
    pub(crate) total_ns: Vec<u64>,
    /// From the request's first byte out to the body's first byte in, nanoseconds each.
    pub(crate) first_ns: Vec<u64>,
    /// From the upstream's stamp on a content event to its arrival, nanoseconds each.
    pub(crate) event_ns: Vec<u64>,
}

/// The outcome of a plan.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Outcome {
    /// Wall clock of the measured part, nanoseconds.
    pub(crate) elapsed_ns: u64,
    /// One for each target.
    pub(crate) targets: Vec<Samples>,
}

/// A load generator that has warmed up.
pub(crate) struct Load {
    /// Dropped first: the child ends when its input does.
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    _process: Process,
}

impl Load {
    /// Starts the load generator on `core`; returns when it has warmed up.
    ///
    /// # Errors
    /// If it cannot be started or a request of the warm-up failed.
    pub(crate) fn start(core: usize, plan: &Plan) -> Result<Self> {
        let (process, input, output) = Process::role("load", core, &[serde_json::to_string(plan)?])?;
        let mut load = Self { input, output, _process: process };
        let line = load.line().context("load generator did not warm up")?;
        if line != "ready" {
            bail!("load generator said {line:?} instead of ready");
        }
        Ok(load)
    }

    /// Runs the measured part. The connections stay open until this value is dropped.
    ///
    /// # Errors
    /// If any request failed: a benchmark of failures is worth nothing.
    pub(crate) fn go(&mut self) -> Result<Outcome> {
        writeln!(self.input, "go")?;
        let line = self.line()?;
        serde_json::from_str(&line).context("load generator's answer is not an outcome")
    }

    fn line(&mut self) -> Result<String> {
        process::line(&mut self.output).context("load generator ended early; its complaint is above")
    }
}

/// The child's side: works off the plan in its argument.
///
/// # Errors
/// If a request failed or the parent has gone.
pub(crate) fn run(plan: &str) -> Result<()> {
    let plan: Plan = serde_json::from_str(plan).context("the plan is not readable")?;
    let outcome = match plan.manner {
        Manner::Together(connections) => together(&plan, connections)?,
        Manner::InTurn => in_turn(&plan)?,
    };
    println!("{}", serde_json::to_string(&outcome)?);
    std::io::stdin().lock().lines().for_each(drop);
    Ok(())
}

/// Says that the warm-up is over and waits for the word.
fn wait_for_go() -> Result<()> {
    println!("ready");
    let mut word = String::new();
    std::io::stdin().lock().read_line(&mut word)?;
    if word.trim() != "go" {
        bail!("the benchmark has gone");
    }
    Ok(())
}

/// Many connections to one target.
fn together(plan: &Plan, connections: usize) -> Result<Outcome> {
    let target = plan.targets.first().context("a plan needs a target")?;
    let warm = Arc::new(Barrier::new(connections + 1));
    let begin = Arc::new(Barrier::new(connections + 1));
    let taken = Arc::new(AtomicUsize::new(0));
    let mut threads = Vec::with_capacity(connections);
    for _ in 0..connections {
        let (plan, target) = (plan.clone(), target.clone());
        let (warm, begin, taken) = (Arc::clone(&warm), Arc::clone(&begin), Arc::clone(&taken));
        threads.push(thread::Builder::new().stack_size(STACK_BYTES).spawn(move || {
            let warmed = Connection::warmed_up(&target, &plan);
            warm.wait();
            begin.wait();
            let mut connection = warmed?;
            let mut samples = Samples::default();
            while taken.fetch_add(1, Ordering::Relaxed) < plan.requests {
                connection.exchange(&mut samples)?;
            }
            // The connection is handed back so that it is closed only after the measurement.
            Ok::<_, anyhow::Error>((samples, connection))
        })?);
    }
    warm.wait();
    wait_for_go()?;
    let begun = Instant::now();
    begin.wait();
    let mut sum = Samples::default();
    let mut open = Vec::with_capacity(connections);
    for thread in threads {
        let (samples, connection) = thread.join().map_err(|_| anyhow!("a sending thread panicked"))??;
        open.push(connection);
        sum.answered += samples.answered;
        sum.reads += samples.reads;
    }
    let outcome = Outcome { elapsed_ns: nanos(begun.elapsed()), targets: vec![sum] };
    // Kept open until the process ends: leaking the sockets on purpose is the shortest way to say so.
    std::mem::forget(open);
    Ok(outcome)
}

/// One request at a time, the targets in turn, so that drift of the machine hits all alike.
fn in_turn(plan: &Plan) -> Result<Outcome> {
    let mut connections =
        plan.targets.iter().map(|target| Connection::warmed_up(target, plan)).collect::<Result<Vec<_>>>()?;
    let mut targets = vec![Samples::default(); connections.len()];
    wait_for_go()?;
    let begun = Instant::now();
    for turn in 0..plan.requests.div_ceil(TURN) {
        for (connection, samples) in connections.iter_mut().zip(&mut targets) {
            for _ in 0..UNCOUNTED {
                connection.exchange(&mut Samples::default())?;
            }
            for _ in turn * TURN..plan.requests.min((turn + 1) * TURN) {
                connection.exchange(samples)?;
            }
        }
    }
    let elapsed_ns = nanos(begun.elapsed());
    std::mem::forget(connections);
    Ok(Outcome { elapsed_ns, targets })
}

/// A kept-alive connection and the request it sends again and again.
struct Connection {
    socket: TcpStream,
    shape: Shape,
    protocol: Protocol,
    request: Vec<u8>,
    buffer: Vec<u8>,
    head: Vec<u8>,
    payload: Vec<u8>,
}

impl Connection {
    /// Connects and sends the plan's warm-up.
    fn warmed_up(target: &Target, plan: &Plan) -> Result<Self> {
        let socket = TcpStream::connect_timeout(&target.address, SILENCE)
            .with_context(|| format!("cannot connect to {}", target.address))?;
        socket.set_nodelay(true)?;
        socket.set_read_timeout(Some(SILENCE))?;
        socket.set_write_timeout(Some(SILENCE))?;
        let mut connection = Self {
            socket,
            shape: plan.shape,
            protocol: target.protocol,
            request: request(target, plan.shape),
            buffer: vec![0; 16 * 1024],
            head: Vec::new(),
            payload: Vec::new(),
        };
        let mut unused = Samples::default();
        for _ in 0..plan.warm_up {
            connection.exchange(&mut unused)?;
        }
        Ok(connection)
    }

    /// Sends the request, reads the whole answer, checks it and notes the times.
    fn exchange(&mut self, samples: &mut Samples) -> Result<()> {
        self.head.clear();
        self.payload.clear();
        let mut body = None;
        let mut first_ns = None;
        let (mut scanned, mut events) = (0, 0);
        let begun = Instant::now();
        self.socket.write_all(&self.request)?;
        loop {
            let read = self.socket.read(&mut self.buffer).context("no answer in time")?;
            if read == 0 {
                bail!("connection closed in the middle of an answer");
            }
            let since_begun = begun.elapsed();
            samples.reads += 1;
            let bytes = &self.buffer[..read];
            match &mut body {
                None => {
                    self.head.extend_from_slice(bytes);
                    if let Some(length) = wire::head_len(&self.head)? {
                        let rest = self.head.split_off(length);
                        let mut announced = Body::announced_by(std::str::from_utf8(&self.head)?)?;
                        announced.feed(&rest, &mut self.payload)?;
                        body = Some(announced);
                    }
                }
                Some(body) => body.feed(bytes, &mut self.payload)?,
            }
            if first_ns.is_none() && !self.payload.is_empty() {
                first_ns = Some(nanos(since_begun));
            }
            if self.shape != Shape::Plain {
                let now = u64::try_from(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?.as_nanos())?;
                while let Some((stamp, end)) = stamp_after(self.protocol, &self.payload, scanned) {
                    samples.event_ns.push(now.saturating_sub(stamp));
                    scanned = end;
                    events += 1;
                }
            }
            if body.as_ref().is_some_and(Body::is_done) {
                samples.total_ns.push(nanos(begun.elapsed()));
                samples.first_ns.extend(first_ns);
                samples.answered += 1;
                return self.check(events);
            }
        }
    }

    /// Whether the answer is the one that was asked for.
    fn check(&self, events: usize) -> Result<()> {
        let is_right = self.head.starts_with(b"HTTP/1.1 200 ")
            && match self.shape {
                Shape::Plain => memmem::find(&self.payload, PLAIN_MARK).is_some(),
                Shape::Stream { events: wanted, .. } => events == wanted && self.protocol.is_whole(&self.payload),
            };
        if !is_right {
            let end = self.payload.len().min(2_000);
            bail!(
                "wrong answer with {events} content events:\n{}{}",
                String::from_utf8_lossy(&self.head),
                String::from_utf8_lossy(&self.payload[..end])
            );
        }
        Ok(())
    }
}

/// The next time stamp in `payload` behind `from`, and where it ends; `None` while it is not there in full.
fn stamp_after(protocol: Protocol, payload: &[u8], from: usize) -> Option<(u64, usize)> {
    let mark = protocol.stamp_mark();
    let begin = from + memmem::find(payload.get(from..)?, mark)? + mark.len();
    let digits = payload.get(begin..begin + STAMP_DIGITS)?;
    Some((std::str::from_utf8(digits).ok()?.parse().ok()?, begin + STAMP_DIGITS))
}

/// The bytes of a request, with the headers that OpenAI's Python SDK sends.
fn request(target: &Target, shape: Shape) -> Vec<u8> {
    let (model, wish) = match shape {
        Shape::Plain => (MODEL, None),
        Shape::Stream { events, gap_us, is_cumulative } => {
            (if is_cumulative { MODEL_CUMULATIVE } else { MODEL }, Some(format!("events={events} gap_us={gap_us}")))
        }
    };
    let body = target.protocol.body(model, wish.as_deref());
    format!(
        "POST {} HTTP/1.1\r\nHost: {}\r\nAccept-Encoding: identity\r\nConnection: keep-alive\r\n\
         Accept: application/json\r\nContent-Type: application/json\r\nUser-Agent: OpenAI/Python 2.8.1\r\n\
         X-Stainless-Lang: python\r\nX-Stainless-Package-Version: 2.8.1\r\nX-Stainless-OS: Linux\r\n\
         X-Stainless-Arch: x64\r\nX-Stainless-Runtime: CPython\r\nX-Stainless-Runtime-Version: 3.13.5\r\n\
         Authorization: Bearer {}\r\nX-Stainless-Async: false\r\nx-stainless-retry-count: 0\r\n\
         x-stainless-read-timeout: 600\r\nContent-Length: {}\r\n\r\n{body}",
        target.protocol.path(),
        target.address,
        target.key,
        body.len()
    )
    .into_bytes()
}

/// A duration in nanoseconds; 584 years fit.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
