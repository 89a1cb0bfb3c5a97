//! Pages of a list, as OpenAI's lists are asked for. Pure.

use crate::bridge::BridgeError;

/// Entries on a page where nothing is said, and at most (OpenAI's API reference, 2026-11).
const USUAL: usize = 20;
const MOST: usize = 100;

/// A page that is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Page {
    /// How many entries at most.
    pub(super) limit: usize,
    /// Those behind the one with this id.
    pub(super) after: Option<String>,
}

impl Page {
    /// The page that `query` asks for. The latest come first.
    ///
    /// # Errors
    /// [`BridgeError`] for a page that cannot be.
    pub(super) fn read(query: &str) -> Result<Self, BridgeError> {
        let value = |name: &str| query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
        let limit = match value("limit").map(str::parse) {
            None => USUAL,
            Some(Ok(limit)) if (1..=MOST).contains(&limit) => limit,
            Some(_) => return Err(BridgeError::about("limit", format!("`limit` must be a number from 1 to {MOST}."))),
        };
        if value("order").is_some_and(|order| order != "desc") {
            return Err(BridgeError::unsupported("order", "The latest come first: `order` can only be `desc`."));
        }
        Ok(Self { limit, after: value("after").filter(|id| !id.is_empty()).map(str::to_owned) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_read() {
        let page = |query| Page::read(query).map(|page| (page.limit, page.after)).map_err(|error| error.param);
        assert_eq!(page(""), Ok((20, None)));
        assert_eq!(page("limit=5&after=a&x=y&order=desc"), Ok((5, Some("a".to_owned()))));
        for (query, param) in
            [("limit=0", "limit"), ("limit=101", "limit"), ("limit=x", "limit"), ("order=asc", "order")]
        {
            assert_eq!(page(query), Err(Some(param.to_owned())), "{query}");
        }
    }
}
