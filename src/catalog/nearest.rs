//! Which known name was probably meant. Pure, and bounded however long or many the names are.

/// Longer names are compared as far as this (bytes; ours: SiliconFlow's longest is below 60).
const MOST_COMPARED: usize = 96;

/// Those of `known` that are nearest to `name`, the nearest first, at most `most` of them; none that differ much.
///
/// Letter case does not count, and neither does the maker's name in front of the last slash, when the rest is near.
pub fn names<'a>(name: &str, known: impl IntoIterator<Item = &'a str>, most: usize) -> Vec<&'a str> {
    let asked = Spelling::of(name);
    let scored = known.into_iter().filter_map(|known| Some((asked.distance(&Spelling::of(known))?, known)));
    let mut scored: Vec<(usize, &str)> = scored.collect();
    scored.sort_unstable();
    scored.dedup();
    scored.into_iter().take(most).map(|(_, known)| known).collect()
}

/// The nearest of a few words.
pub(super) fn one(name: &str, known: &[&'static str]) -> Option<&'static str> {
    names(name, known.iter().copied(), 1).first().copied()
}

/// A name as it is compared: in small letters, whole and behind its last slash.
struct Spelling {
    whole: Vec<u8>,
    /// Where the last part begins.
    last: usize,
}

impl Spelling {
    fn of(name: &str) -> Self {
        let whole: Vec<u8> = name.bytes().take(MOST_COMPARED).map(|byte| byte.to_ascii_lowercase()).collect();
        let last = whole.iter().rposition(|byte| *byte == b'/').map_or(0, |slash| slash + 1);
        Self { whole, last }
    }

    /// How much the two differ; `None` when it is too much for a slip.
    fn distance(&self, known: &Self) -> Option<usize> {
        let bound = |name: &[u8]| 1 + name.len() / 4;
        let (ours, theirs) = (&self.whole[self.last..], &known.whole[known.last..]);
        let whole = distance(&self.whole, &known.whole, bound(&known.whole));
        // The maker may be missing or another one: that counts as one slip.
        let last = distance(ours, theirs, bound(theirs)).map(|distance| distance + 1);
        whole.into_iter().chain(last).min()
    }
}

/// Levenshtein distance, unless it is more than `most`.
fn distance(left: &[u8], right: &[u8], most: usize) -> Option<usize> {
    if left.is_empty() || right.is_empty() || left.len().abs_diff(right.len()) > most {
        return None;
    }
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.iter().enumerate() {
        let mut diagonal = std::mem::replace(&mut row[0], i + 1);
        for (j, b) in right.iter().enumerate() {
            let changed = diagonal + usize::from(a != b);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
        if row.iter().all(|distance| *distance > most) {
            return None;
        }
    }
    Some(row[right.len()]).filter(|distance| *distance <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: [&str; 5] =
        ["Qwen/Qwen3-8B", "Qwen/Qwen3-14B", "deepseek-ai/DeepSeek-V3", "BAAI/bge-m3", "Pro/BAAI/bge-m3"];

    fn nearest(name: &str) -> Vec<&str> {
        names(name, KNOWN, 2)
    }

    #[test]
    fn slips_find_what_was_meant() {
        assert_eq!(nearest("qwen/qwen3-8b"), ["Qwen/Qwen3-8B", "Qwen/Qwen3-14B"]);
        assert_eq!(nearest("Qwen3-8B")[0], "Qwen/Qwen3-8B");
        assert_eq!(nearest("deepseek-v3")[0], "deepseek-ai/DeepSeek-V3");
        assert_eq!(nearest("bge-m3"), ["BAAI/bge-m3", "Pro/BAAI/bge-m3"]);
        assert_eq!(nearest("someone/Qwen3-8B")[0], "Qwen/Qwen3-8B");
    }

    #[test]
    fn what_is_far_is_not_named() {
        for far in ["", "/", "gpt-4o", "completely-another-name", "Qwen/"] {
            assert_eq!(nearest(far), Vec::<&str>::new(), "{far}");
        }
    }

    #[test]
    fn long_and_many_names_cost_little() {
        let long = "Qwen/".repeat(100_000);
        let known: Vec<String> = (0..2_000).map(|n| format!("Qwen/Qwen3-{n}B-{}", "x".repeat(200))).collect();
        let begun = tokio::time::Instant::now();
        assert!(names(&long, known.iter().map(String::as_str), 3).len() <= 3);
        assert!(begun.elapsed() < std::time::Duration::from_secs(5), "{:?}", begun.elapsed());
        assert_eq!(names("模型", KNOWN, 3), Vec::<&str>::new());
    }
}
