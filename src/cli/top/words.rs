//! Numbers, times and names in few letters.

use ratatui::text::Span;

/// `999`, `1.2k`, `60k`, `1.5M`: three digits at most.
pub(super) fn short(number: f64) -> String {
    let units = [(1e9, "G"), (1e6, "M"), (1e3, "k")];
    // What would be shown as 1000 of a unit is one of the next.
    let (size, unit) = units.into_iter().find(|(size, _)| number >= size * 0.9995).unwrap_or((1.0, ""));
    let value = number / size;
    match unit {
        "" => format!("{value:.0}"),
        _ if value < 9.95 => format!("{value:.1}{unit}").replace(".0", ""),
        _ => format!("{value:.0}{unit}"),
    }
}

/// The same of a count.
pub(super) fn count(number: u64) -> String {
    short(number as f64)
}

/// Something per second; small rates need their digits.
pub(super) fn rate(per_second: f64) -> String {
    match per_second {
        0.0 => "0".to_owned(),
        few if few < 0.005 => "<0.01".to_owned(),
        few if few < 0.995 => format!("{few:.2}"),
        some if some < 99.95 => format!("{some:.1}"),
        many => short(many),
    }
}

/// Money in CNY.
pub(super) fn money(cny: f64) -> String {
    match cny {
        0.0 => "0".to_owned(),
        few if few < 0.0001 => "<0.0001".to_owned(),
        few if few < 1.0 => format!("{few:.4}"),
        some if some < 1000.0 => format!("{some:.2}"),
        much => short(much),
    }
}

/// A span of time by its two largest units.
pub(super) fn span(seconds: u64) -> String {
    let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86_400);
    match () {
        () if days > 0 => format!("{days}d {}h", hours % 24),
        () if hours > 0 => format!("{hours}h {}m", minutes % 60),
        () if minutes > 0 => format!("{minutes}m {}s", seconds % 60),
        () => format!("{seconds}s"),
    }
}

/// When something is free: `now`, or how long that takes.
pub(super) fn wait(seconds: f64) -> String {
    match seconds {
        0.0 => "now".to_owned(),
        few if few < 9.95 => format!("{few:.1}s"),
        more => span(more.ceil() as u64),
    }
}

/// How many columns of a terminal `text` takes.
pub(super) fn width(text: &str) -> usize {
    Span::raw(text).width()
}

/// `text` in `room` columns: without its beginning if it is longer, for the ends of models' names tell them apart. What
/// would move the cursor is replaced.
pub(super) fn tail(text: &str, room: usize) -> String {
    let text: String = text.chars().map(|letter| if letter.is_control() { '\u{fffd}' } else { letter }).collect();
    if width(&text) <= room {
        return text;
    }
    let cuts = text.char_indices().map(|(at, letter)| at + letter.len_utf8());
    let rest = cuts.map(|at| &text[at..]).find(|rest| width(rest) < room);
    rest.filter(|_| room > 0).map(|rest| format!("…{rest}")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let shorts = [0.0, 999.0, 999.6, 1000.0, 1234.0, 9960.0, 60_000.0, 999_600.0, 1.5e6, 2e9].map(short);
        assert_eq!(shorts, ["0", "999", "1k", "1k", "1.2k", "10k", "60k", "1M", "1.5M", "2G"]);
        assert_eq!([0.0, 0.001, 0.25, 1.0, 12.34, 1234.0].map(rate), ["0", "<0.01", "0.25", "1.0", "12.3", "1.2k"]);
        assert_eq!([0.0, 1e-6, 0.4821, 12.0, 1500.0].map(money), ["0", "<0.0001", "0.4821", "12.00", "1.5k"]);
    }

    #[test]
    fn times_are_short() {
        assert_eq!([5, 65, 3700, 90_000].map(span), ["5s", "1m 5s", "1h 1m", "1d 1h"]);
        assert_eq!([0.0, 0.25, 9.0, 59.2, 3601.0].map(wait), ["now", "0.2s", "9.0s", "1m 0s", "1h 0m"]);
    }

    #[test]
    fn long_names_lose_their_beginning() {
        assert_eq!(tail("Qwen/Qwen3-8B", 13), "Qwen/Qwen3-8B");
        assert_eq!(tail("deepseek-ai/DeepSeek-V3.2", 10), "…Seek-V3.2");
        assert_eq!(tail("密钥密钥", 5), "…密钥");
        assert_eq!((tail("abc", 0), tail("a\x1b[2J", 9)), (String::new(), "a\u{fffd}[2J".to_owned()));
    }
}
