//! The lines above everything: which gateway, how it is, and its sums.

use ratatui::style::Style;
use ratatui::text::{Line, Span};

use super::state::State;
use super::theme::Tone;
use super::words;

/// Who and how; the sums; and if something is not as it should be, what.
pub(super) fn head(state: &State, width: usize, now: u64) -> Vec<Line<'static>> {
    let mut lines = vec![fitted(who(state, now), width), fitted(sums(state), width)];
    lines.extend(trouble(state).map(|text| Line::styled(text, state.theme.tone(Tone::Bad))));
    lines
}

fn who(state: &State, now: u64) -> Vec<(String, Style)> {
    let (live, theme) = (state.live(), state.theme);
    let condition = match &state.fault {
        Some((_, since)) => (format!(" GONE {} ", words::span(now.saturating_sub(*since))), theme.alarm()),
        None if !live.is_ready => (" NOT READY ".to_owned(), theme.alarm()),
        None => ("ready".to_owned(), theme.tone(Tone::Good)),
    };
    let mut parts = vec![(format!("flowgate {}", live.version), theme.title()), condition];
    parts.extend(state.is_paused.then(|| (" PAUSED ".to_owned(), theme.alarm())));
    parts.push((format!("up {}", words::span(live.now_ms.saturating_sub(live.started_ms) / 1000)), Style::new()));
    for account in &live.accounts {
        let tier = account.tier.as_deref().unwrap_or("no limits kept");
        let (rests, tone) = if account.is_resting { (" KEY REFUSED", Tone::Bad) } else { ("", Tone::Plain) };
        parts.push((words::tail(&format!("{} {tier}{rests}", account.name), 40), theme.tone(tone)));
    }
    parts.push((state.base.clone(), theme.tone(Tone::Faint)));
    parts
}

fn sums(state: &State) -> Vec<(String, Style)> {
    let (totals, theme) = (&state.live().totals, state.theme);
    let plain = |text: String| (text, Style::new());
    let bad = |name: &str, count: u64, tone: Tone| {
        let style = if count > 0 { theme.tone(tone) } else { Style::new() };
        (format!("{name} {}", words::count(count)), style)
    };
    vec![
        plain(format!("requests {}", words::count(totals.requests))),
        plain(format!("open {}", words::count(totals.in_flight))),
        bad("waiting", totals.waiting, Tone::Doubtful),
        bad("failed", totals.failed, Tone::Bad),
        bad("refused", totals.refused, Tone::Doubtful),
        plain(format!("CNY {}", words::money(totals.cost_cny))),
        bad("429 met", totals.upstream_429, Tone::Doubtful),
        plain(format!("429 avoided {}", words::count(totals.avoided_429))),
        plain(format!("tokens {} in {} out", words::count(totals.input_tokens), words::count(totals.output_tokens))),
    ]
}

/// What is not as it should be, in one line.
fn trouble(state: &State) -> Option<String> {
    match &state.fault {
        Some((why, _)) => Some(format!("{why}; asking again, what is shown is old")),
        None => Some(state.live().notes.join("; ")).filter(|notes| !notes.is_empty()),
    }
}

/// As many parts as there is room for, the first ones first.
fn fitted(parts: Vec<(String, Style)>, width: usize) -> Line<'static> {
    let (mut spans, mut taken) = (Vec::new(), 0);
    for (text, style) in parts {
        let gap = if spans.is_empty() { "" } else { "  " };
        let needed = gap.len() + words::width(&text);
        if taken + needed <= width {
            taken += needed;
            spans.extend([Span::raw(gap), Span::styled(text, style)]);
        }
    }
    Line::from(spans)
}
