//! Parts of a file that a caller asks for (RFC 9110, section 14). Pure. One part at a time: of those who ask for several nobody
//! needs them, and they get all of it, which they have to be ready for.

/// What is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Range {
    /// All of it.
    All,
    /// The bytes from `from` to before `to`; at least one.
    Part {
        /// The first byte.
        from: u64,
        /// The byte after the last.
        to: u64,
    },
    /// Nothing that is there.
    Nowhere,
}

impl Range {
    /// What `text`, the value of a `range` header, asks for of a file of `length` bytes. What cannot be read asks for nothing
    /// special.
    pub(super) fn read(text: &str, length: u64) -> Self {
        let Some((first, last)) = text.trim().strip_prefix("bytes=").and_then(|range| range.split_once('-')) else {
            return Self::All;
        };
        let number =
            |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().unwrap_or(u64::MAX));
        match (first.trim(), last.trim()) {
            ("", "") => Self::All,
            ("", last) => match number(last) {
                None => Self::All,
                Some(0) => Self::Nowhere,
                Some(count) => Self::part(length.saturating_sub(count), length, length),
            },
            (first, "") => number(first).map_or(Self::All, |first| Self::part(first, length, length)),
            (first, last) => match (number(first), number(last)) {
                (Some(first), Some(last)) if first <= last => Self::part(first, last.saturating_add(1), length),
                _ => Self::All,
            },
        }
    }

    fn part(from: u64, to: u64, length: u64) -> Self {
        if from >= length { Self::Nowhere } else { Self::Part { from, to: to.min(length) } }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn as_the_standard_says() {
        let part = |from, to| Range::Part { from, to };
        for (text, expected) in [
            ("bytes=0-499", part(0, 500)),
            ("bytes=500-999", part(500, 1000)),
            ("bytes=500-5000", part(500, 1000)),
            ("bytes=500-", part(500, 1000)),
            ("bytes=-1", part(999, 1000)),
            ("bytes=-5000", part(0, 1000)),
            ("bytes=0-0", part(0, 1)),
            ("bytes=99999999999999999999-", Range::Nowhere),
            ("bytes=1000-", Range::Nowhere),
            ("bytes=-0", Range::Nowhere),
            ("bytes=5-4", Range::All),
            ("bytes=0-1,5-6", Range::All),
            ("bytes=-", Range::All),
            ("bytes=a-b", Range::All),
            ("lines=1-2", Range::All),
            ("", Range::All),
        ] {
            assert_eq!(Range::read(text, 1000), expected, "{text}");
        }
        assert_eq!(Range::read("bytes=0-", 0), Range::Nowhere);
    }

    proptest! {
        #[test]
        fn a_part_is_within_the_file(text: String, first: u64, last: u64, length: u64) {
            for text in [text, format!("bytes={first}-{last}"), format!("bytes=-{last}"), format!("bytes={first}-")] {
                if let Range::Part { from, to } = Range::read(&text, length) {
                    prop_assert!(from < to && to <= length, "{text} of {length}");
                }
            }
        }
    }
}
