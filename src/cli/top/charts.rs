//! Charts of what goes on: one line or some for each measure, with what is so now and what was most.

use ratatui::text::{Line, Span};

use super::document::Live;
use super::pace::{self, Measure};
use super::theme::{Theme, Tone};
use super::words;

const CHARTS: [(&str, Measure, Tone); 3] = [
    ("requests/s", Measure::Requests, Tone::Good),
    ("tokens/s", Measure::Tokens, Tone::Good),
    ("failed/s", Measure::Failed, Tone::Bad),
];
/// Columns of a chart's name, of the number beside it, and of the most at its end.
const NAME: usize = 10;
const NUMBER: usize = 6;
const PEAK: usize = 9;
/// More is not remembered by the gateway (steps of five seconds in 15 minutes).
const LONGEST: usize = 180;

/// All charts, `height` lines each.
pub(super) fn charts(live: &Live, theme: Theme, width: usize, height: usize) -> Vec<Line<'static>> {
    CHARTS
        .iter()
        .flat_map(|(name, measure, tone)| chart(live, (name, *measure), (theme, *tone), width, height))
        .collect()
}

fn chart(
    live: &Live,
    (name, measure): (&str, Measure),
    (theme, tone): (Theme, Tone),
    width: usize,
    height: usize,
) -> Vec<Line<'static>> {
    let room = width.saturating_sub(NAME + NUMBER + PEAK + 3).min(LONGEST);
    let rates = pace::rates(live, measure, room);
    let peak = rates.iter().flatten().copied().fold(0.0, f64::max);
    let now = pace::now(live, measure).map_or("-".to_owned(), words::rate);
    let line = |row: usize| {
        // Names stand beside the lowest line, where the chart begins.
        let (name, now) = if row + 1 == height { (name, now.as_str()) } else { ("", "") };
        let most = if row == 0 { format!(" max {}", words::rate(peak)) } else { String::new() };
        let drawn: String = rates.iter().map(|rate| block(*rate, peak, height - row - 1, height)).collect();
        Line::from(vec![
            Span::raw(format!("{name:NAME$} {now:>NUMBER$} ")),
            Span::styled(drawn, theme.tone(tone)),
            Span::styled(most, theme.tone(Tone::Faint)),
        ])
    };
    (0..height).map(line).collect()
}

/// What stands in line `above` the lowest for a rate: eighths of it. A zero is a point, what is unknown a blank.
fn block(rate: Option<f64>, peak: f64, above: usize, height: usize) -> char {
    const EIGHTHS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
    match rate {
        None => ' ',
        Some(0.0) if above == 0 => '·',
        Some(0.0) => ' ',
        Some(rate) => {
            let whole = ((rate / peak * (height * 8) as f64).round() as usize).max(1);
            EIGHTHS[whole.saturating_sub(above * 8).min(8)]
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_grow_line_by_line() {
        let rates = [None, Some(0.0), Some(0.001), Some(4.0), Some(8.0)];
        let line = |above| rates.iter().map(|rate| block(*rate, 8.0, above, 2)).collect::<String>();
        assert_eq!([line(1), line(0)], ["    █", " ·▁██"]);
    }
}
