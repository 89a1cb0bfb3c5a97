//! One page of a list, as OpenAI's lists are asked for: `limit`, `order`, `after`. Pure.

use crate::bridge::BridgeError;
use crate::wire::json::Object;

/// Entries of a page unless the caller says otherwise, and at most (OpenAI's reference, list of input items).
const USUAL: usize = 20;
const MOST: usize = 100;

/// Which page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Page {
    /// How many entries at most.
    pub(super) limit: usize,
    is_ascending: bool,
    /// Those behind the one with this id.
    pub(super) after: Option<String>,
}

impl Page {
    /// Reads a query; members that are not about pages mean nothing here.
    ///
    /// # Errors
    /// [`BridgeError`] when one of them cannot be.
    pub(super) fn read(query: &str) -> Result<Self, BridgeError> {
        let mut page = Self { limit: USUAL, is_ascending: false, after: None };
        for (key, value) in query.split('&').filter_map(|pair| pair.split_once('=')) {
            match (key, value) {
                ("limit", value) => {
                    let limit = value.parse().ok().filter(|limit| (1..=MOST).contains(limit));
                    page.limit =
                        limit.ok_or_else(|| BridgeError::about("limit", "`limit` must be a number from 1 to 100."))?;
                }
                ("order", "asc") => page.is_ascending = true,
                ("order", "desc") => page.is_ascending = false,
                ("order", _) => return Err(BridgeError::about("order", "`order` must be `asc` or `desc`.")),
                ("after", after) if !after.is_empty() => page.after = Some(after.to_owned()),
                _ => {}
            }
        }
        Ok(page)
    }

    /// The same of a list that is kept with the newest first.
    ///
    /// # Errors
    /// [`BridgeError`] also when the oldest shall come first.
    pub(super) fn newest_first(query: &str) -> Result<Self, BridgeError> {
        match Self::read(query)? {
            Self { is_ascending: true, .. } => {
                Err(BridgeError::unsupported("order", "The latest come first: `order` can only be `desc`."))
            }
            page => Ok(page),
        }
    }

    /// The page of `items` (JSON each, with an `id`, oldest first) as a list object.
    ///
    /// # Errors
    /// [`BridgeError`] when `after` is none of them.
    pub(super) fn of(&self, mut items: Vec<String>) -> Result<String, BridgeError> {
        if !self.is_ascending {
            items.reverse();
        }
        let begin = match &self.after {
            None => 0,
            Some(after) => {
                let place = items.iter().position(|item| id(item) == *after);
                place.ok_or_else(|| BridgeError::about("after", "`after` is the id of no item of this list."))? + 1
            }
        };
        let rest = items.get(begin..).unwrap_or_default();
        let page = rest.get(..self.limit).unwrap_or(rest);
        let named = |item: Option<&String>| item.map_or(serde_json::Value::Null, |item| id(item).into());
        let (first, last, has_more) = (named(page.first()), named(page.last()), rest.len() > page.len());
        let data = page.join(",");
        Ok(format!(
            "{{\"object\":\"list\",\"data\":[{data}],\"first_id\":{first},\"last_id\":{last},\"has_more\":{has_more}}}"
        ))
    }
}

fn id(item: &str) -> String {
    Object::parse(item).ok().and_then(|item| item.string("id").map(std::borrow::Cow::into_owned)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(query: &str) -> (Vec<String>, bool) {
        let items = (0..25).map(|number| format!("{{\"id\":\"i{number}\"}}")).collect();
        let list: serde_json::Value = serde_json::from_str(&Page::read(query).unwrap().of(items).unwrap()).unwrap();
        let ids: Vec<String> =
            list["data"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned()).collect();
        assert_eq!(list["first_id"].as_str(), ids.first().map(String::as_str));
        assert_eq!(list["last_id"].as_str(), ids.last().map(String::as_str));
        (ids, list["has_more"] == true)
    }

    #[test]
    fn pages_follow_each_other() {
        assert_eq!(ids("limit=2&order=asc"), (vec!["i0".to_owned(), "i1".to_owned()], true));
        assert_eq!(ids("limit=2&order=asc&after=i22"), (vec!["i23".to_owned(), "i24".to_owned()], false));
        let (newest, has_more) = ids("include%5B%5D=x");
        assert_eq!((newest.len(), newest[0].as_str(), has_more), (20, "i24", true));
        assert_eq!(ids("after=i0"), (vec![], false));
    }

    #[test]
    fn what_cannot_be_is_named() {
        for (query, param) in [("limit=0", "limit"), ("limit=x", "limit"), ("order=up", "order")] {
            assert_eq!(Page::read(query).unwrap_err().param.as_deref(), Some(param));
        }
        assert_eq!(Page::newest_first("order=asc").unwrap_err().param.as_deref(), Some("order"));
        assert_eq!(Page::newest_first("limit=5&after=").map(|page| (page.limit, page.after)), Ok((5, None)));
        assert_eq!(Page::read("after=x").unwrap().of(vec![]).unwrap_err().param.as_deref(), Some("after"));
    }
}
