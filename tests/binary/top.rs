//! `flowgate top`: as text, and on a terminal of its own, which util-linux's `script` makes.

use std::io::Write;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::gateway::{Gateway, PLAIN, address};
use super::program::{Home, Program, has, in_home, run, until};

/// A demo that has answered once.
async fn used(home: &Home) -> Gateway {
    let gateway = Gateway::start(home, &["--demo"]).await;
    assert_eq!(gateway.chat(PLAIN, "Hello").send().await.unwrap().status(), 200);
    gateway
}

#[tokio::test]
async fn without_a_terminal_it_prints_one_page() {
    let home = Home::new();
    let gateway = used(&home).await;
    let admin = gateway.admin.strip_prefix("http://").unwrap();
    for arguments in [&["top", "--admin", &gateway.admin][..], &["top", "--once", "--admin-listen", admin]] {
        let end = run(&home, arguments).await;
        assert_eq!((end.code, end.stderr.as_str()), (Some(0), ""));
        let first = format!("flowgate {}  ready  up ", env!("CARGO_PKG_VERSION"));
        assert!(end.stdout.starts_with(&first) && end.stdout.contains("requests 1  open 0"), "{end:?}");
        let limit = end.stdout.lines().find(|line| line.starts_with(PLAIN) && line.contains(" RPM "));
        assert!(limit.is_some_and(|line| line.contains(" 1/")), "{}", end.stdout);
        for view in ["QUOTA", "MODELS", "KEYS", "ERRORS"] {
            assert!(end.stdout.lines().any(|line| line == view), "{view}: {}", end.stdout);
        }
        assert!(!end.stdout.contains('\x1b'), "no colours and no moves of the cursor");
    }
    gateway.stop().await;
}

#[tokio::test]
async fn what_does_not_answer_is_told_with_what_to_do() {
    let home = Home::new();
    let gateway = Gateway::start(&home, &["--demo"]).await;
    let nobody = {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let data = gateway.base.trim_end_matches("/v1");
    let cases = [(nobody.as_str(), "nobody answers at"), (data, "has no /live"), ("localhost", "is no address")];
    for (admin, why) in cases {
        let end = run(&home, &["top", "--admin", admin]).await;
        assert!(end.code == Some(1) && end.stderr.contains(why) && end.stdout.is_empty(), "{end:?}");
    }
    let end = run(&home, &["top", "--admin", &nobody]).await;
    assert!(end.stderr.contains("flowgate serve") && end.stderr.contains("--admin URL"), "{end:?}");
    assert_eq!(run(&home, &["top", "--every", "1ms"]).await.code, Some(2));
    gateway.stop().await;
}

/// A terminal of 80 by 24 with `top` on it. When that ends, its exit code is told and what the terminal is like.
struct Terminal {
    program: Program,
    keyboard: ChildStdin,
}

impl Terminal {
    fn new(home: &Home, admin: &str) -> Self {
        let top = "echo \"pid $$\"; exec \"$FLOWGATE\" top --every 200ms --admin \"$ADMIN\"";
        let script = "stty rows 24 cols 80; sh -c \"$TOP\"; echo \"code $?\"; stty -a; echo over";
        let mut command = in_home(Command::new("script"), home);
        command.args(["-qfec", script, "/dev/null"]).env("TERM", "xterm-256color");
        command.env("TOP", top).env("FLOWGATE", env!("CARGO_BIN_EXE_flowgate")).env("ADMIN", admin);
        let (program, keyboard) = Program::fed(command, Stdio::piped());
        Self { program, keyboard: keyboard.unwrap() }
    }

    fn press(&mut self, keys: &str) {
        self.keyboard.write_all(keys.as_bytes()).unwrap();
    }

    /// Waits until `words` were drawn so often.
    async fn shows(&self, words: &str, times: usize) {
        until(words, async || (self.program.stdout().matches(words).count() >= times).then_some(())).await;
    }

    /// Its end: a good one, with the terminal as it was before.
    async fn has_ended_well(&self) {
        self.shows("over", 1).await;
        let said = self.program.stdout();
        let (_, end) = said.split_once("\x1b[?1049l").expect("it left the other screen");
        assert!(end.contains("code 0"), "{end}");
        let modes: Vec<&str> = end.split_whitespace().collect();
        assert!(["icanon", "echo", "isig"].iter().all(|mode| modes.contains(mode)), "{end}");
        assert!(said.contains("\x1b[?1049h") && said.contains("\x1b[?25h"), "the cursor is seen again");
    }
}

#[tokio::test]
async fn on_a_terminal_it_is_driven_by_keys_and_gives_the_terminal_back() {
    if !has("script", "on_a_terminal_it_is_driven_by_keys_and_gives_the_terminal_back") {
        return;
    }
    let home = Home::new();
    let gateway = used(&home).await;
    let mut terminal = Terminal::new(&home, &gateway.admin);
    terminal.shows("[Quota]", 1).await;
    terminal.shows(PLAIN, 1).await;
    terminal.press("\t");
    terminal.shows("[Models]", 1).await;
    terminal.press("/no-such-model\r");
    // Blanks that stand there already are not drawn again: only so much is in one piece.
    terminal.shows("No row has", 1).await;
    terminal.press("\x1b[Z");
    terminal.shows("[Quota]", 2).await;
    assert_eq!(gateway.chat(PLAIN, "Hello").send().await.unwrap().status(), 200);
    terminal.press("4q");
    terminal.has_ended_well().await;
    gateway.stop().await;
}

#[tokio::test]
async fn signals_and_ctrl_c_give_the_terminal_back() {
    if !has("script", "signals_and_ctrl_c_give_the_terminal_back") {
        return;
    }
    let home = Home::new();
    let gateway = used(&home).await;
    for signal in ["TERM", "INT", "HUP", "ctrl-c"] {
        let mut terminal = Terminal::new(&home, &gateway.admin);
        terminal.shows("[Quota]", 1).await;
        if signal == "ctrl-c" {
            terminal.press("\x03");
        } else {
            let said = terminal.program.stdout();
            let id = said.lines().find_map(|line| line.strip_prefix("pid ")).unwrap().trim().to_owned();
            assert!(Command::new("kill").args([format!("-{signal}"), id]).status().unwrap().success());
        }
        terminal.has_ended_well().await;
    }
    gateway.stop().await;
}

/// Stands between `top` and a gateway, and lets nothing through while it is not open.
async fn pass_on(listener: TcpListener, to: String, is_open: Arc<AtomicBool>) {
    let mut connections = JoinSet::new();
    loop {
        let (mut caller, _) = listener.accept().await.unwrap();
        if !is_open.load(Ordering::Relaxed) {
            continue;
        }
        let (to, is_open) = (to.clone(), is_open.clone());
        connections.spawn(async move {
            let mut gateway = TcpStream::connect(to).await.unwrap();
            let closed = until_closed(&is_open);
            tokio::select! { _ = copy_bidirectional(&mut caller, &mut gateway) => {}, () = closed => {} }
        });
    }
}

async fn until_closed(is_open: &AtomicBool) {
    while is_open.load(Ordering::Relaxed) {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
}

#[tokio::test]
async fn a_gateway_that_has_gone_is_shown_so_and_comes_back() {
    if !has("script", "a_gateway_that_has_gone_is_shown_so_and_comes_back") {
        return;
    }
    let home = Home::new();
    let gateway = used(&home).await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let (between, is_open) = (format!("http://{}", listener.local_addr().unwrap()), Arc::new(AtomicBool::new(true)));
    let mut tasks = JoinSet::new();
    tasks.spawn(pass_on(listener, address(&gateway.admin).to_string(), is_open.clone()));
    let mut terminal = Terminal::new(&home, &between);
    terminal.shows("ready", 1).await;
    is_open.store(false, Ordering::Relaxed);
    terminal.shows("GONE", 1).await;
    terminal.shows("nobody answers at", 1).await;
    is_open.store(true, Ordering::Relaxed);
    terminal.shows("ready", 2).await;
    terminal.press("q");
    terminal.has_ended_well().await;
    gateway.stop().await;
}
