//! Pages of a gateway that is busy, at several sizes, and what keys do.

use ratatui::Terminal;
use ratatui::backend::TestBackend;
use ratatui::crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use ratatui::style::{Color, Modifier};
use serde_json::json;

use super::document::Snapshot;
use super::draw;
use super::state::State;
use super::theme::Theme;
use super::views::View;

const NOW_MS: u64 = 1_795_361_134_000;

/// What a busy gateway says, `later` milliseconds after a first look.
fn snapshot(later: u64) -> Snapshot {
    let fields = ["at_ms", "requests", "failed", "refused", "input_tokens", "output_tokens"];
    let samples: Vec<_> = (0..60)
        .map(|step: u64| {
            let sum: u64 = (0..step).map(|step| 10 + step % 9 * 5).sum();
            json!([NOW_MS - (60 - step) * 5000, sum, step / 20, 0, sum * 400, sum * 90])
        })
        .collect();
    let live = json!({
        "object": "live", "version": "0.1.0", "now_ms": NOW_MS + later, "started_ms": NOW_MS - 5_025_000, "is_ready": true, "notes": [],
        "totals": {"requests": 1781 + later / 100, "failed": 3, "refused": 17, "input_tokens": 712_400 + later, "output_tokens": 160_290,
            "cost_cny": 0.4821, "upstream_429": 1, "avoided_429": 41, "in_flight": 6, "waiting": 2},
        "accounts": [{"name": "main", "tier": "L0", "is_resting": false}],
        "models": [
            {"model": "Qwen/Qwen3-8B", "requests": 1100 + later / 100, "failed": 3, "refused": 0, "input_tokens": 400_100 + later, "output_tokens": 80_000, "cost_cny": 0.0, "waiting": 2},
            {"model": "deepseek-ai/DeepSeek-V3.2-Exp", "requests": 600, "failed": 0, "refused": 0, "input_tokens": 312_300, "output_tokens": 80_290, "cost_cny": 0.4821, "waiting": 0},
            {"model": "other", "requests": 81, "failed": 0, "refused": 17, "input_tokens": 0, "output_tokens": 0, "cost_cny": 0.0, "waiting": 0},
        ],
        "keys": [
            {"key": "alice", "team": "lab", "input_tokens": 610_000 + later, "output_tokens": 150_000, "cost_cny": 0.3117},
            {"key": "夜间批处理", "team": "", "input_tokens": 102_400, "output_tokens": 10_290, "cost_cny": 0.1704},
        ],
        "errors": [{"kind": "refused", "reason": "bad_key", "count": 12 + later / 1000}, {"kind": "upstream", "reason": "connect", "count": 3}],
        "history": {"every_seconds": 5, "fields": fields, "samples": samples},
    });
    let limit = |metric: &str, limit: u64, source: &str, used: u64, reserved: u64, free: f64| json!({"metric": metric, "limit": limit, "source": source, "used": used, "reserved": reserved, "free_in_seconds": free});
    let limits = json!({
        "budgets": [{"scope": "key", "name": "alice", "used_percent": 78}, {"scope": "team", "name": "alice", "used_percent": 99}],
        "data": [
            {"name": "key:alice", "account": null, "model": null, "waiting": 0, "limits": [limit("rpm", 600, "configured", 120, 0, 0.0)]},
            {"name": "main/Qwen/Qwen3-8B", "account": "main", "model": "Qwen/Qwen3-8B", "waiting": 2,
             "limits": [limit("rpm", 1000, "documented", 997, 3, 1.234), limit("tpm", 50_000, "learned", 21_000, 4200, 0.0)]},
            {"name": "main/deepseek-ai/DeepSeek-V3.2-Exp", "account": "main", "model": "deepseek-ai/DeepSeek-V3.2-Exp", "waiting": 0,
             "limits": [limit("rpm", 1000, "interpolated", 12, 0, 0.0), limit("tpm", 100_000, "seen", 78_000, 1500, 0.0)]},
        ],
    });
    Snapshot { live: serde_json::from_value(live).unwrap(), limits: serde_json::from_value(limits).unwrap() }
}

fn state(is_coloured: bool) -> State {
    let mut state = State::new("http://127.0.0.1:4001".to_owned(), Theme { is_coloured }, snapshot(0));
    state.take(Ok(snapshot(2000)), 2);
    state
}

fn terminal(state: &State, (width, height): (u16, u16)) -> Terminal<TestBackend> {
    let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
    terminal.draw(|frame| draw::screen(frame, state, 9)).unwrap();
    terminal
}

/// The page at a size, as text.
fn page(state: &State, size: (u16, u16)) -> String {
    let page = terminal(state, size).backend().to_string();
    // Quotes keep blanks at the ends of lines.
    page.lines().map(|line| line.trim_matches('"').trim_end().to_owned() + "\n").collect()
}

fn press(state: &mut State, keys: &str) -> bool {
    let page = 2;
    keys.chars().any(|letter| {
        let code = match letter {
            '\t' => KeyCode::Tab,
            '\n' => KeyCode::Enter,
            '\x1b' => KeyCode::Esc,
            '\x08' => KeyCode::Backspace,
            letter => KeyCode::Char(letter),
        };
        state.press(KeyEvent::new(code, KeyModifiers::NONE), page)
    })
}

/// Names of the rows that are there, in their order.
fn names(state: &State) -> Vec<String> {
    state.table(state.view).rows.into_iter().map(|row| row.name).collect()
}

#[test]
fn the_quota_at_the_usual_size() {
    insta::assert_snapshot!(page(&state(true), (80, 24)));
}

#[test]
fn the_quota_in_a_small_terminal() {
    insta::assert_snapshot!(page(&state(true), (60, 15)));
}

#[test]
fn the_quota_in_a_large_terminal() {
    insta::assert_snapshot!(page(&state(true), (200, 50)));
}

#[test]
fn the_other_views() {
    let mut state = state(true);
    let pages = ["\t", "\t", "\t"].map(|key| {
        press(&mut state, key);
        page(&state, (80, 14))
    });
    insta::assert_snapshot!(pages.join("\n"));
}

#[test]
fn a_page_of_text_has_everything() {
    insta::assert_snapshot!(draw::text(&state(false), 120, 0));
}

#[test]
fn the_help_lies_above() {
    let mut state = state(true);
    press(&mut state, "?");
    insta::assert_snapshot!(page(&state, (80, 24)));
    assert!(!press(&mut state, "x") && !state.is_helping, "any key closes it");
    assert!(press(&mut state, "?q"), "q leaves from there too");
}

/// However small, nothing panics.
#[test]
fn any_size_will_do() {
    let mut state = state(true);
    for keys in ["", "?", "x\t", "\t", "\t", "/no such name"] {
        press(&mut state, keys);
        for size in (1..100).step_by(7).flat_map(|width| (1..30).map(move |height| (width, height))) {
            page(&state, size);
        }
    }
}

#[test]
fn a_gateway_that_goes_is_told_and_comes_back() {
    let mut state = state(true);
    state.take(Err("nobody answers at http://127.0.0.1:4001".to_owned()), 4);
    state.take(Err("nobody answers at http://127.0.0.1:4001".to_owned()), 6);
    let gone = page(&state, (80, 24));
    assert!(gone.contains("GONE 5s") && gone.contains("nobody answers"), "since the first time: {gone}");
    assert!(gone.contains("Qwen/Qwen3-8B"), "what was known is still there: {gone}");
    let mut back = snapshot(0);
    (back.live.started_ms, back.live.now_ms) = (NOW_MS, NOW_MS + 3000);
    state.take(Ok(back), 8);
    let page = page(&state, (80, 24));
    assert!(!page.contains("GONE") && page.contains("up 3s"), "{page}");
}

#[test]
fn what_is_not_ready_says_why() {
    let mut not_ready = snapshot(3000);
    (not_ready.live.is_ready, not_ready.live.notes) = (false, vec!["draining".to_owned()]);
    (not_ready.live.accounts[0].is_resting, not_ready.live.accounts[0].tier) = (true, None);
    let mut state = state(true);
    state.take(Ok(not_ready), 3);
    let page = page(&state, (80, 24));
    assert!(page.contains("NOT READY") && page.lines().any(|line| line == "draining"), "{page}");
    assert!(page.contains("main no limits kept KEY REFUSED"), "{page}");
}

/// Everything that is coloured can be told apart without colours: those are one of 16, or none.
#[test]
fn colours_are_few_or_none() {
    for is_coloured in [true, false] {
        let terminal = terminal(&state(is_coloured), (80, 24));
        let cells = terminal.backend().buffer().content();
        let colours: Vec<Color> = cells.iter().map(|cell| cell.fg).filter(|colour| *colour != Color::Reset).collect();
        assert_eq!(!colours.is_empty(), is_coloured);
        assert!(colours.iter().all(|colour| matches!(colour, Color::Red | Color::Yellow | Color::Green | Color::Cyan)));
        assert!(cells.iter().all(|cell| cell.bg == Color::Reset));
        assert!(cells.iter().any(|cell| cell.modifier.contains(Modifier::REVERSED)), "the head of the table");
    }
}

#[test]
fn the_scarcest_is_first_and_s_changes_that() {
    let mut state = state(true);
    assert_eq!(names(&state)[..2], ["Qwen/Qwen3-8B", "deepseek-ai/DeepSeek-V3.2-Exp"]);
    press(&mut state, "ss");
    assert_eq!(names(&state)[0], "Qwen/Qwen3-8B");
    assert_eq!(names(&state)[4], "key:alice", "by name");
    press(&mut state, "s");
    assert_eq!(names(&state)[0], "Qwen/Qwen3-8B", "and round again");
    press(&mut state, "2ssss");
    assert_eq!(state.view, View::Models);
    assert!(page(&state, (80, 24)).contains("by name"));
}

#[test]
fn a_filter_is_typed_kept_and_taken_away() {
    let mut state = state(true);
    assert!(!press(&mut state, "/seekq\x08"), "q is a letter here");
    assert!(page(&state, (80, 24)).contains("/seek_"));
    press(&mut state, "\n");
    assert_eq!(names(&state), ["deepseek-ai/DeepSeek-V3.2-Exp"; 2]);
    press(&mut state, "/nothing\n");
    assert!(page(&state, (80, 24)).contains("No row has that in its name"));
    assert!(!press(&mut state, "\x1b"), "the first Esc shows all");
    assert_eq!(names(&state).len(), 5);
    assert!(press(&mut state, "\x1b"), "the second leaves");
}

#[test]
fn rows_scroll_and_stop_at_the_ends() {
    let mut state = state(true);
    press(&mut state, "kj");
    assert_eq!(state.offset, 1);
    press(&mut state, "jjjjjj");
    assert_eq!(state.offset, 3, "five rows, two are seen");
    press(&mut state, "k");
    assert_eq!(state.offset, 2, "back at once");
    press(&mut state, "G");
    assert_eq!(state.offset, 3);
    press(&mut state, "g");
    assert_eq!(state.offset, 0);
    press(&mut state, "j\t");
    assert_eq!((state.view, state.offset), (View::Models, 0));
}

#[test]
fn paused_it_holds_still() {
    let mut state = state(true);
    press(&mut state, "p");
    state.take(Err("gone".to_owned()), 5);
    state.take(Ok(snapshot(9000)), 7);
    assert!(state.fault.is_none() && state.live().now_ms == NOW_MS + 2000);
    assert!(page(&state, (80, 24)).contains("PAUSED"));
    press(&mut state, "p");
    state.take(Ok(snapshot(9000)), 9);
    assert_eq!(state.live().now_ms, NOW_MS + 9000);
}

#[test]
fn ctrl_c_always_leaves() {
    let ctrl_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
    for keys in ["", "/abc", "?", "p"] {
        let mut state = state(true);
        press(&mut state, keys);
        assert!(state.press(ctrl_c, 5), "{keys}");
    }
}

/// Documents with nothing in them, or of another version, are shown as far as they go.
#[test]
fn what_is_missing_is_empty() {
    let state = State::new("http://h".to_owned(), Theme { is_coloured: false }, Snapshot::default());
    let text = draw::text(&state, 80, 0);
    for words in ["NOT READY", "No model was used lately", "Nothing has gone wrong."] {
        assert!(text.contains(words), "{text}");
    }
}
