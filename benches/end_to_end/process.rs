//! Children: started on a core, ended by their id on every way out, and what the kernel says of their CPU time and memory.

use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{BufRead as _, BufReader},
    net::{Ipv4Addr, SocketAddr, TcpListener},
    path::Path,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

/// How long a child may take to end after SIGTERM.
const PATIENCE: Duration = Duration::from_secs(3);
/// One tick of `/proc/PID/stat`: USER_HZ is 100 on every Linux that Rust runs on.
const TICK_NS: u64 = 10_000_000;

/// A child that ends with this value, and with this process, whatever ends it.
pub(crate) struct Process {
    child: Child,
}

impl Process {
    /// Starts `command` on `core`, its output going to `log`. Must be called from the main thread, which lives as long as the benchmark: the kernel ends
    /// the child when the thread that started it does.
    ///
    /// # Errors
    /// If it cannot be started.
    pub(crate) fn start(core: usize, command: &Command, log: &Path) -> Result<Self> {
        let output = File::options().create(true).append(true).open(log)?;
        let mut command = pinned(core, command);
        command.stdin(Stdio::null()).stdout(output.try_clone()?).stderr(output);
        Ok(Self { child: command.spawn().with_context(|| format!("cannot start {command:?}"))? })
    }

    /// Starts this very binary in another role on `core`, with its input and output in the caller's hands.
    ///
    /// # Errors
    /// If it cannot be started.
    pub(crate) fn role(
        role: &str,
        core: usize,
        arguments: &[String],
    ) -> Result<(Self, ChildStdin, BufReader<ChildStdout>)> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg(format!("role-{role}")).args(arguments);
        let mut child = pinned(core, &command)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("cannot start the role {role}"))?;
        let input = child.stdin.take();
        let output = child.stdout.take();
        let process = Self { child };
        Ok((process, input.context("no input")?, BufReader::new(output.context("no output")?)))
    }

    /// Keeps `core` from falling asleep for as long as this value lives: a spinning child that the kernel runs only when nothing
    /// else wants the core. `None` where there is no `chrt`.
    ///
    /// # Errors
    /// If it cannot be started.
    pub(crate) fn awake(core: usize, log: &Path) -> Result<Option<Self>> {
        if !is_installed("chrt") {
            return Ok(None);
        }
        let mut command = Command::new("chrt");
        command.args(["--idle", "0"]).arg(std::env::current_exe()?).arg("role-awake");
        Self::start(core, &command, log).map(Some)
    }

    /// The child's process id: `taskset` and `setpriv` replace themselves by the program.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Fails if the child has ended.
    ///
    /// # Errors
    /// Says how it ended.
    pub(crate) fn check_alive(&mut self) -> Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("it ended by itself: {status}"),
        }
    }
}

impl Drop for Process {
    /// Asks with SIGTERM (nginx's master then ends its worker), waits a while, then kills.
    fn drop(&mut self) {
        if !matches!(self.child.try_wait(), Ok(None)) {
            return;
        }
        let below = children(self.id());
        signal("TERM", self.id());
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            if !matches!(self.child.try_wait(), Ok(None)) {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        below.into_iter().for_each(|id| signal("KILL", id));
        // Both can only fail if the child is gone already, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The child's side of [`Process::awake`]: spins, though not for ever, should nobody end it.
pub(crate) fn stay_awake() {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(600) {
        std::hint::spin_loop();
    }
}

/// Whether util-linux brought this program along.
fn is_installed(program: &str) -> bool {
    ["/usr/bin", "/bin"].iter().any(|folder| Path::new(folder).join(program).exists())
}

/// Sends a signal to one process by its id.
fn signal(name: &str, id: u32) {
    // A process that is gone already needs no signal.
    let _ = Command::new("kill").args(["-s", name, &id.to_string()]).stderr(Stdio::null()).status();
}

/// `command` behind `taskset`, and behind `setpriv` where there is one, so that the kernel ends it if this process dies.
fn pinned(core: usize, command: &Command) -> Command {
    let mut outer = Command::new("taskset");
    outer.args(["-c", &core.to_string()]);
    if is_installed("setpriv") {
        outer.args(["setpriv", "--pdeathsig", "TERM"]);
    }
    outer.arg(command.get_program()).args(command.get_args());
    if let Some(folder) = command.get_current_dir() {
        outer.current_dir(folder);
    }
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => outer.env(name, value),
            None => outer.env_remove(name),
        };
    }
    outer
}

/// The next line of a child's output, without its end.
///
/// # Errors
/// If there is none.
pub(crate) fn line(output: &mut BufReader<ChildStdout>) -> Result<String> {
    let mut line = String::new();
    if output.read_line(&mut line)? == 0 {
        bail!("no more output");
    }
    Ok(line.trim_end().to_owned())
}

/// The ids of a process's children.
pub(crate) fn children(id: u32) -> Vec<u32> {
    let list = fs::read_to_string(format!("/proc/{id}/task/{id}/children")).unwrap_or_default();
    list.split_whitespace().filter_map(|id| id.parse().ok()).collect()
}

/// A loopback address that was free a moment ago.
///
/// # Errors
/// If there is none.
pub(crate) fn free_address() -> Result<SocketAddr> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?)
}

/// Asks `is_ready` every few milliseconds until it says yes.
///
/// # Errors
/// If it has not after `limit`, or if it fails.
pub(crate) fn wait_until(limit: Duration, mut is_ready: impl FnMut() -> Result<bool>) -> Result<()> {
    let begun = Instant::now();
    while begun.elapsed() < limit {
        if is_ready()? {
            return Ok(());
        }
        thread::sleep(Duration::from_millis(5));
    }
    bail!("not ready after {limit:?}")
}

/// The cores this process may run on.
///
/// # Errors
/// If the kernel does not say.
pub(crate) fn cores() -> Result<Vec<usize>> {
    let list = status_line("self", "Cpus_allowed_list").context("the kernel does not say which cores are ours")?;
    let mut cores = Vec::new();
    for range in list.split(',') {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        cores.extend(first.trim().parse::<usize>()?..=last.trim().parse()?);
    }
    Ok(cores)
}

/// The value of one line in `/proc/ID/status`.
fn status_line(id: &str, key: &str) -> Option<String> {
    let status = fs::read_to_string(format!("/proc/{id}/status")).ok()?;
    status.lines().find_map(|line| Some(line.strip_prefix(key)?.strip_prefix(':')?.trim().to_owned()))
}

/// Memory of a process in KiB: `VmRSS` now, `VmHWM` at its highest.
///
/// # Errors
/// If the process is gone.
pub(crate) fn memory_kib(id: u32, key: &str) -> Result<u64> {
    let line = status_line(&id.to_string(), key).with_context(|| format!("process {id} is gone"))?;
    Ok(line.split_whitespace().next().unwrap_or_default().parse()?)
}

/// Runs `work` and returns with its result the highest resident memory of process `id` meanwhile, KiB, looked at every 50 ms.
///
/// # Errors
/// If the work fails.
pub(crate) fn highest_memory_kib<T>(id: u32, work: impl FnOnce() -> Result<T>) -> Result<(T, u64)> {
    let highest = AtomicU64::new(0);
    let is_over = AtomicBool::new(false);
    let result = thread::scope(|scope| {
        scope.spawn(|| {
            // Bounded, should the work never come back: ten minutes.
            for _ in 0..12_000 {
                if is_over.load(Ordering::Relaxed) {
                    break;
                }
                highest.fetch_max(memory_kib(id, "VmRSS").unwrap_or(0), Ordering::Relaxed);
                thread::sleep(Duration::from_millis(50));
            }
        });
        let result = work();
        is_over.store(true, Ordering::Relaxed);
        result
    })?;
    Ok((result, highest.load(Ordering::Relaxed)))
}

/// What a process has used so far.
pub(crate) struct CpuReading {
    /// Time on a core and time in the queue for one, nanoseconds, by thread.
    threads: BTreeMap<u32, (u64, u64)>,
    /// Time on a core by the coarse counter, which also knows of threads that have ended, nanoseconds.
    coarse_ns: u64,
}

/// What a process has used between two readings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CpuUsed {
    /// Time on a core, user and kernel together.
    pub(crate) run_ns: u64,
    /// Time spent ready to run while something else had the core.
    pub(crate) wait_ns: u64,
}

impl CpuReading {
    /// Reads the counters of process `id`.
    ///
    /// # Errors
    /// If the process is gone or the kernel keeps no such counters.
    pub(crate) fn of(id: u32) -> Result<Self> {
        let mut threads = BTreeMap::new();
        for entry in fs::read_dir(format!("/proc/{id}/task")).with_context(|| format!("process {id} is gone"))? {
            let entry = entry?;
            // A thread may end between the listing and the reading; the coarse counter has its time.
            let Ok(text) = fs::read_to_string(entry.path().join("schedstat")) else {
                continue;
            };
            let mut numbers = text.split_whitespace().map(str::parse::<u64>);
            if let (Some(Ok(run)), Some(Ok(wait))) = (numbers.next(), numbers.next()) {
                threads.insert(entry.file_name().to_string_lossy().parse()?, (run, wait));
            }
        }
        let stat = fs::read_to_string(format!("/proc/{id}/stat"))?;
        // utime and stime are the 14th and 15th field; the 2nd, in parentheses, may contain anything.
        let fields = stat.rsplit_once(')').context("stat has no name")?.1;
        let ticks = fields.split_whitespace().skip(11).take(2).map(str::parse::<u64>).sum::<Result<u64, _>>()?;
        Ok(Self { threads, coarse_ns: ticks * TICK_NS })
    }

    /// What was used from `self` to `later`.
    pub(crate) fn until(&self, later: &Self) -> CpuUsed {
        let (mut run_ns, mut wait_ns) = (0, 0);
        for (id, (run, wait)) in &later.threads {
            let (run_before, wait_before) = self.threads.get(id).copied().unwrap_or_default();
            run_ns += run.saturating_sub(run_before);
            wait_ns += wait.saturating_sub(wait_before);
        }
        // The coarse counter is good to two ticks; where it is higher than that, threads have ended meanwhile.
        let coarse_ns = later.coarse_ns.saturating_sub(self.coarse_ns).saturating_sub(2 * TICK_NS);
        CpuUsed { run_ns: run_ns.max(coarse_ns), wait_ns }
    }
}
