//! The upstream's own list of models (`GET /models`), and what it says about the catalogue. Pure but for the place where
//! the list in use is kept; who fetches it, when and from where, is not known here.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwapOption;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::model::{Model, Status};

/// Most models in a list that is believed (ours; SiliconFlow had 87 on its site on 2026-07-21).
const MOST_MODELS: usize = 10_000;
/// Longest id that is believed (bytes; ours).
const LONGEST_ID: usize = 256;

/// Why an answer is no list of models.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LiveError {
    /// No JSON, or another shape.
    #[error("the answer is no list of models")]
    NoList,
    /// Nothing in it. Never true of SiliconFlow, so it is not believed.
    #[error("the list is empty")]
    Empty,
    /// More than anybody sells.
    #[error("the list has more than {MOST_MODELS} models")]
    TooMany,
}

/// A list as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveList {
    /// Id and the entry's own JSON, in the list's order.
    entries: Vec<(String, Box<str>)>,
    by_id: HashMap<String, usize>,
    /// When it was fetched.
    pub fetched: SystemTime,
}

#[derive(Deserialize)]
struct RawList<'a> {
    #[serde(borrow)]
    data: Vec<&'a RawValue>,
}

#[derive(Deserialize)]
struct RawEntry<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
}

impl LiveList {
    /// Reads an OpenAI list of models; entries without an id are passed over, of two with the same id the first counts.
    ///
    /// # Errors
    /// When it is none, or one that cannot be believed.
    pub fn parse(text: &str, fetched: SystemTime) -> Result<Self, LiveError> {
        let list: RawList<'_> = serde_json::from_str(text).map_err(|_| LiveError::NoList)?;
        if list.data.len() > MOST_MODELS {
            return Err(LiveError::TooMany);
        }
        let mut parsed = Self { entries: Vec::new(), by_id: HashMap::new(), fetched };
        for entry in list.data.into_iter().map(RawValue::get) {
            let id = serde_json::from_str::<RawEntry<'_>>(entry).map(|entry| entry.id).unwrap_or_default();
            if !id.is_empty() && id.len() <= LONGEST_ID && !parsed.contains(&id) {
                parsed.by_id.insert(id.clone().into_owned(), parsed.entries.len());
                parsed.entries.push((id.into_owned(), entry.into()));
            }
        }
        if parsed.entries.is_empty() { Err(LiveError::Empty) } else { Ok(parsed) }
    }

    /// Whether the upstream lists `id`.
    pub fn contains(&self, id: &str) -> bool {
        self.by_id.contains_key(id)
    }

    /// The entry of `id`, as the upstream wrote it.
    pub fn entry(&self, id: &str) -> Option<&str> {
        self.by_id.get(id).and_then(|index| self.entries.get(*index)).map(|(_, entry)| &**entry)
    }

    /// Every id with its entry, in the upstream's order.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries.iter().map(|(id, entry)| (id.as_str(), &**entry))
    }

    /// Every id, in the upstream's order.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|(id, _)| id.as_str())
    }

    /// The list as one JSON text again.
    pub fn json(&self) -> String {
        let entries: Vec<&str> = self.entries.iter().map(|(_, entry)| &**entry).collect();
        format!("{{\"object\":\"list\",\"data\":[{}]}}", entries.join(","))
    }
}

/// What is known of a model by catalogue and list together: the list knows what is served today, the catalogue what it is.
pub fn status(model: Option<&Model>, live: Option<&LiveList>, id: &str) -> &'static str {
    match (model.map(|model| model.status), live.map(|live| live.contains(id))) {
        (Some(status), None) => status.label(),
        (None, None) => "unknown",
        (Some(Status::New) | None, Some(true)) => Status::New.label(),
        (Some(_), Some(true)) => Status::Listed.label(),
        (Some(Status::Intl), Some(false)) => Status::Intl.label(),
        (Some(_), Some(false)) => Status::Gone.label(),
        (None, Some(false)) => "unknown",
    }
}

/// Where the list in use is kept: read by every request that needs it, replaced by whoever fetches.
#[derive(Debug, Default)]
pub struct Live(ArcSwapOption<LiveList>);

impl Live {
    /// The list in use, if there is one.
    pub fn list(&self) -> Option<Arc<LiveList>> {
        self.0.load_full()
    }

    /// Another list from now on, or none.
    pub fn replace(&self, list: Option<LiveList>) {
        self.0.store(list.map(Arc::new));
    }

    /// Whether the list in use has `id`.
    pub fn contains(&self, id: &str) -> bool {
        self.0.load().as_ref().is_some_and(|list| list.contains(id))
    }
}

#[cfg(test)]
mod tests {
    use std::time::UNIX_EPOCH;

    use super::*;
    use crate::catalog::Catalogue;

    fn parse(text: &str) -> Result<LiveList, LiveError> {
        LiveList::parse(text, UNIX_EPOCH)
    }

    fn list(ids: &[&str]) -> LiveList {
        let entries: Vec<String> = ids.iter().map(|id| format!("{{\"id\":\"{id}\",\"x\" : [1.0]}}")).collect();
        parse(&format!("{{\"data\":[{}]}}", entries.join(","))).unwrap()
    }

    #[test]
    fn entries_keep_their_bytes() {
        let live = list(&["a/one", "a/two"]);
        assert_eq!(live.entry("a/two"), Some("{\"id\":\"a/two\",\"x\" : [1.0]}"));
        assert_eq!(parse(&live.json()).unwrap(), live);
        assert_eq!(live.ids().collect::<Vec<_>>(), ["a/one", "a/two"]);
    }

    #[test]
    fn what_is_no_list_is_not_believed() {
        for (text, error) in [
            ("", LiveError::NoList),
            ("null", LiveError::NoList),
            ("<html>", LiveError::NoList),
            (r#"{"error":{"message":"no"}}"#, LiveError::NoList),
            (r#"{"data":null}"#, LiveError::NoList),
            (r#"{"data":"x"}"#, LiveError::NoList),
            (r#"{"data":[]}"#, LiveError::Empty),
            (r#"{"data":[1,"x",null,{},{"id":7},{"id":""}]}"#, LiveError::Empty),
        ] {
            assert_eq!(parse(text), Err(error), "{text}");
        }
        let many = vec!["1"; MOST_MODELS + 1].join(",");
        assert_eq!(parse(&format!("{{\"data\":[{many}]}}")), Err(LiveError::TooMany));
        let long = format!(r#"{{"data":[{{"id":"{}"}},{{"id":"a"}},{{"id":"a","b":1}}]}}"#, "x".repeat(LONGEST_ID + 1));
        assert_eq!(parse(&long).unwrap().entries().collect::<Vec<_>>(), [("a", r#"{"id":"a"}"#)]);
    }

    #[test]
    fn the_list_knows_what_is_served_today() {
        let live = list(&["Qwen/QwQ-32B", "Qwen/Qwen3-8B", "acme/new", "zai-org/GLM-5.3"]);
        let status = |id| {
            (status(Catalogue::builtin().get(id), None, id), status(Catalogue::builtin().get(id), Some(&live), id))
        };
        assert_eq!(status("Qwen/QwQ-32B"), ("gone", "listed"));
        assert_eq!(status("Qwen/Qwen3-8B"), ("listed", "listed"));
        assert_eq!(status("Qwen/Qwen3-14B"), ("listed", "gone"));
        assert_eq!(status("zai-org/GLM-5.3"), ("new", "new"));
        assert_eq!(status("zai-org/GLM-5"), ("intl", "intl"));
        assert_eq!(status("acme/new"), ("unknown", "new"));
        assert_eq!(status("acme/nowhere"), ("unknown", "unknown"));
    }
}
