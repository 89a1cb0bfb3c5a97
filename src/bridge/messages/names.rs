//! Names of tools: Anthropic allows 128 letters, the upstream 64 (siliconflow-api.md, section 2). Longer ones, as MCP
//! servers give them, go under a short name and come back under their own.

use std::borrow::Cow;
use std::collections::HashMap;

use sha2::{Digest, Sha256};

/// Most bytes of a name upstream.
const MOST: usize = 64;
/// Bytes of a long name that are kept in front of its eight digits.
const KEPT: usize = MOST - 9;

/// Long names by their short ones, both as they stand inside JSON.
#[derive(Debug, Default, Clone)]
pub(super) struct Names(HashMap<String, String>);

impl Names {
    /// The name of a tool upstream.
    pub(super) fn there<'a>(&mut self, name: &'a str) -> Cow<'a, str> {
        if name.len() <= MOST {
            return Cow::Borrowed(name);
        }
        let digest = Sha256::digest(name.as_bytes());
        let kept = name.get(..KEPT).unwrap_or("tool");
        let short = format!("{kept}_{:02x}{:02x}{:02x}{:02x}", digest[0], digest[1], digest[2], digest[3]);
        self.0.insert(short.clone(), name.to_owned());
        Cow::Owned(short)
    }

    /// The caller's name for it.
    pub(super) fn back<'a>(&'a self, name: &'a str) -> &'a str {
        self.0.get(name).map_or(name, String::as_str)
    }

    /// Whether any name was changed.
    pub(super) fn has_short(&self) -> bool {
        !self.0.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_names_come_back() {
        let mut names = Names::default();
        assert_eq!(names.there("Read"), "Read");
        assert!(!names.has_short());
        let [one, other] = ["a", "b"].map(|end| format!("mcp__{}__{end}", "server".repeat(12)));
        let short = names.there(&one).into_owned();
        assert!(short.len() == 64 && short != names.there(&other) && short == names.there(&one));
        assert_eq!((names.back(&short), names.back("Read")), (one.as_str(), "Read"));
    }
}
