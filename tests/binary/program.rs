//! Processes of the binary: a clean environment, a folder of their own, all output kept, ended by id when dropped.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use tempfile::TempDir;
use tokio::time::{Instant, sleep, timeout};

/// Until then whatever a test waits for must have happened; far more than a busy machine needs.
const PATIENCE: Duration = Duration::from_secs(15);

/// Looks again and again until there is something to see.
pub(super) async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let looking = async {
        loop {
            match look().await {
                Some(seen) => return seen,
                None => sleep(Duration::from_millis(10)).await,
            }
        }
    };
    timeout(PATIENCE, looking).await.unwrap_or_else(|_| panic!("waited in vain: {what}"))
}

/// A folder to work in, which is the home folder too.
pub(super) struct Home(TempDir);

impl Home {
    pub(super) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Writes a file, and the folders it needs.
    pub(super) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// Puts a file in place as a whole, as careful editors do.
    pub(super) fn replace(&self, name: &str, text: &str) {
        let new = self.write(&format!("{name}.new"), text);
        std::fs::rename(new, self.path(name)).unwrap();
    }

    pub(super) fn remove(&self, name: &str) {
        std::fs::remove_file(self.path(name)).unwrap();
    }
}

#[expect(clippy::disallowed_methods, reason = "a clean environment still needs a path to find programs by")]
pub(super) fn search_path() -> String {
    std::env::var("PATH").unwrap_or_default()
}

/// `command` in `home`, with nothing of our own environment. What it leaves behind when it is killed goes with the home.
pub(super) fn in_home(mut command: Command, home: &Home) -> Command {
    command.current_dir(home.0.path()).env_clear().env("PATH", search_path());
    command.env("HOME", home.0.path()).env("TMPDIR", home.0.path());
    command
}

/// The binary with `arguments`, in `home`.
pub(super) fn flowgate(home: &Home, arguments: &[&str]) -> Command {
    let mut command = in_home(Command::new(env!("CARGO_BIN_EXE_flowgate")), home);
    command.args(arguments);
    command
}

/// What a process has printed so far.
#[derive(Clone, Default)]
struct Page(Arc<Mutex<Vec<u8>>>);

impl Page {
    fn text(&self) -> String {
        String::from_utf8_lossy(&self.0.lock().unwrap_or_else(PoisonError::into_inner)).into_owned()
    }

    /// Keeps all that comes, in a thread that ends with the process.
    fn follow(mut from: impl Read + Send + 'static) -> (Self, JoinHandle<()>) {
        let page = Self::default();
        let copy = page.clone();
        let follower = std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length @ 1..) = from.read(&mut buffer) {
                copy.0.lock().unwrap_or_else(PoisonError::into_inner).extend(&buffer[..length]);
            }
        });
        (page, follower)
    }
}

/// A running process.
pub(super) struct Program {
    child: Child,
    stdout: Page,
    stderr: Page,
    followers: [JoinHandle<()>; 2],
}

impl Program {
    pub(super) fn start(command: Command) -> Self {
        Self::fed(command, Stdio::null()).0
    }

    /// The same with something to type into, where `stdin` is a pipe.
    pub(super) fn fed(mut command: Command, stdin: Stdio) -> (Self, Option<ChildStdin>) {
        command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let (stdout, one) = Page::follow(child.stdout.take().unwrap());
        let (stderr, other) = Page::follow(child.stderr.take().unwrap());
        let stdin = child.stdin.take();
        (Self { child, stdout, stderr, followers: [one, other] }, stdin)
    }

    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    pub(super) fn stdout(&self) -> String {
        self.stdout.text()
    }

    pub(super) fn stderr(&self) -> String {
        self.stderr.text()
    }

    /// The first line of the standard output with `words` in it. Fails when the process ends without one.
    pub(super) async fn line_with(&mut self, words: &str) -> String {
        until(words, async || {
            let has_ended = self.child.try_wait().unwrap();
            let text = self.stdout();
            let whole_lines = text.rsplit_once('\n').map_or("", |(lines, _)| lines);
            let line = whole_lines.lines().find(|line| line.contains(words)).map(str::to_owned);
            if let (None, Some(status)) = (&line, has_ended) {
                panic!("ended with {status} before it said {words:?}: {}", self.stderr());
            }
            line
        })
        .await
    }

    /// Waits until standard error has `words` in it.
    pub(super) async fn complains(&self, words: &str) -> String {
        until(words, async || self.stderr().lines().find(|line| line.contains(words)).map(str::to_owned)).await
    }

    /// Sends a signal such as `TERM`.
    pub(super) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([format!("-{name}"), self.id().to_string()]).status().unwrap();
        assert!(sent.success(), "could not send {name}");
    }

    pub(super) fn is_running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Its exit code, once it has one; `None` if a signal ended it. How long that took from now on.
    pub(super) async fn end(&mut self) -> (Option<i32>, Duration) {
        let begun = Instant::now();
        let status = until("the end of the process", async || self.child.try_wait().unwrap()).await;
        (status.code(), begun.elapsed())
    }
}

impl Drop for Program {
    #[expect(clippy::print_stderr, reason = "what the process said explains the failure of its test")]
    fn drop(&mut self) {
        let _already_gone = self.child.kill();
        let _reaped = self.child.wait();
        if std::thread::panicking() {
            eprintln!("--- standard output\n{}--- standard error\n{}---", self.stdout(), self.stderr());
        }
    }
}

/// How a process ended that ends by itself.
#[derive(Debug)]
pub(super) struct Finished {
    pub(super) code: Option<i32>,
    pub(super) stdout: String,
    pub(super) stderr: String,
}

impl Finished {
    /// Both outputs.
    pub(super) fn text(&self) -> String {
        format!("{}{}", self.stdout, self.stderr)
    }

    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("no JSON ({error}): {self:?}"))
    }
}

/// Runs `command` to its end. One that does not end by itself fails the test and is ended.
pub(super) async fn finished(command: Command) -> Finished {
    let mut program = Program::start(command);
    let (code, _) = program.end().await;
    until("all of its output", async || program.followers.iter().all(JoinHandle::is_finished).then_some(())).await;
    Finished { code, stdout: program.stdout(), stderr: program.stderr() }
}

/// Runs the binary to its end.
pub(super) async fn run(home: &Home, arguments: &[&str]) -> Finished {
    finished(flowgate(home, arguments)).await
}

/// Whether `program` can be started. Where tests must not skip (CI), it has to be.
#[expect(clippy::disallowed_methods, reason = "CI says through the environment that nothing may be skipped")]
#[expect(clippy::print_stdout, reason = "a skipped test says so, by name")]
pub(super) fn has(program: &str, test: &str) -> bool {
    let is_there = std::env::split_paths(&search_path()).any(|folder| folder.join(program).is_file());
    if !is_there {
        assert!(std::env::var_os("CI").is_none(), "{program} is needed for {test}");
        println!("skipped {test}: {program} is not installed");
    }
    is_there
}

/// The repository's own file.
pub(super) fn repository(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(name)
}
