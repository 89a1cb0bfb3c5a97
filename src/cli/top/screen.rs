//! The terminal: taken over, fed with keys, answers and signals, and given back whatever ends it.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyEventKind};
use tokio::signal::unix::SignalKind;
use tokio::sync::mpsc::{self, Sender};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep};

use super::document::Snapshot;
use super::draw;
use super::state::State;
use crate::cli::asker::Asker;
use crate::cli::signals::{End, hear};

/// How long the reader of keys waits before it looks whether it is still needed (ours).
const LOOK: Duration = Duration::from_millis(100);
/// Keys that wait to be read (ours): a paste.
const KEYS: usize = 256;
/// How often the page is drawn though nothing came (ours), for what it says about time.
const REDRAW: Duration = Duration::from_secs(1);

/// A terminal that is ours; given back when it is dropped. A panic gives it back before it is told.
struct Screen(DefaultTerminal);

impl Screen {
    fn open() -> io::Result<Self> {
        // What was done of it by then has to be undone too.
        ratatui::try_init().map(Self).inspect_err(|_| ratatui::restore())
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        let _gone_already = self.0.show_cursor();
        let _gone_already = ratatui::try_restore();
    }
}

/// Tells the reader of keys that nobody reads them any more.
struct Over(Arc<AtomicBool>);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Shows `state` until a key or a signal ends it, and asks anew `every` so often.
///
/// # Errors
/// That the terminal cannot be used.
pub(super) async fn run(asker: Asker, mut state: State, every: Duration) -> Result<(), String> {
    let failed = |error: io::Error| format!("cannot use this terminal: {error}; `flowgate top --once` needs none");
    let (mut end, mut hangup) = (End::listen()?, hear(SignalKind::hangup())?);
    let mut screen = Screen::open().map_err(failed)?;
    let over = Over(Arc::default());
    let ((key, mut keys), (answer, mut answers)) = (mpsc::channel(KEYS), mpsc::channel(1));
    let (mut tasks, is_over) = (JoinSet::new(), over.0.clone());
    tasks.spawn_blocking(move || read_keys(&key, &is_over));
    tasks.spawn(ask(asker, every, answer));
    let (began, mut redraw) = (Instant::now(), interval(REDRAW));
    loop {
        let now = began.elapsed().as_secs();
        screen.0.draw(|frame| draw::screen(frame, &state, now)).map_err(failed)?;
        tokio::select! {
            () = end.next() => return Ok(()),
            _ = hangup.recv() => return Ok(()),
            event = keys.recv() => {
                let page = draw::page(&state, screen.0.size().map_err(failed)?, now);
                // Without keys nobody could end it.
                if event.is_none_or(|event| pressed(&mut state, &event, page)) {
                    return Ok(());
                }
            }
            Some(answer) = answers.recv() => state.take(answer, began.elapsed().as_secs()),
            _ = redraw.tick() => {}
        }
    }
}

/// Whether that key ends it. A key that is let go says nothing.
fn pressed(state: &mut State, event: &Event, page: usize) -> bool {
    match event {
        Event::Key(key) if key.kind != KeyEventKind::Release => state.press(*key, page),
        _ => false,
    }
}

/// Hands keys on until nobody needs them, or the terminal has gone.
fn read_keys(to: &Sender<Event>, is_over: &AtomicBool) {
    while !is_over.load(Ordering::Relaxed) {
        let event = match event::poll(LOOK) {
            Ok(false) => continue,
            Ok(true) => event::read(),
            Err(error) => Err(error),
        };
        let Ok(event) = event else { return };
        if to.blocking_send(event).is_err() {
            return;
        }
    }
}

/// Asks again and again; a gateway that has gone may come back.
async fn ask(asker: Asker, every: Duration, to: Sender<Result<Snapshot, String>>) {
    loop {
        sleep(every).await;
        if to.send(Snapshot::of(&asker).await).await.is_err() {
            return;
        }
    }
}
