//! The catalogue against the upstream's list. Pure.

use super::catalogue::Catalogue;
use super::live::LiveList;
use super::model::Model;
use super::twins::PRO;

/// What the list has otherwise than the catalogue; each in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Differences {
    /// Listed by the upstream, not served by the catalogue.
    pub new: Vec<String>,
    /// Served by the catalogue, not listed by the upstream.
    pub gone: Vec<String>,
    /// The same of both, where one name took the place of another.
    pub renamed: Vec<(String, String)>,
    /// How many are in both.
    pub same: usize,
}

impl Differences {
    /// Compares the two.
    pub fn between(catalogue: &Catalogue, live: &LiveList) -> Self {
        let served = |id: &str| catalogue.get(id).is_some_and(|model| model.status.is_served());
        let mut new: Vec<String> = live.ids().filter(|id| !served(id)).map(str::to_owned).collect();
        let listed = catalogue.models().iter().filter(|model| model.status.is_served());
        let (same, gone): (Vec<&Model>, Vec<&Model>) = listed.partition(|model| live.contains(&model.id));
        let mut differences = Self { same: same.len(), ..Self::default() };
        for model in gone {
            match successor(model, &new, live) {
                Some(name) => {
                    new.retain(|other| *other != name);
                    differences.renamed.push((model.id.clone(), name));
                }
                None => differences.gone.push(model.id.clone()),
            }
        }
        differences.new = new;
        differences.new.sort_unstable();
        differences.gone.sort_unstable();
        differences.renamed.sort_unstable();
        differences
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.new.is_empty() && self.gone.is_empty() && self.renamed.is_empty()
    }
}

/// The name that took the place of `model`: another maker's folder with the same last part, or its substitute.
fn successor(model: &Model, new: &[String], live: &LiveList) -> Option<String> {
    let moved = new.iter().find(|name| is_same_model(&model.id, name)).cloned();
    moved.or_else(|| model.substitute.clone().filter(|substitute| live.contains(substitute)))
}

/// The last parts are the same, and both are paid twins or neither is.
fn is_same_model(one: &str, other: &str) -> bool {
    let last = |id: &str| id.rsplit('/').next().unwrap_or_default().to_ascii_lowercase();
    one.starts_with(PRO) == other.starts_with(PRO) && last(one) == last(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::model::Kind;

    fn list(ids: &[&str]) -> LiveList {
        let entries: Vec<String> = ids.iter().map(|id| format!("{{\"id\":\"{id}\"}}")).collect();
        LiveList::parse(&format!("{{\"data\":[{}]}}", entries.join(",")), std::time::UNIX_EPOCH).unwrap()
    }

    fn differences(models: Vec<Model>, ids: &[&str]) -> Differences {
        Differences::between(&Catalogue::builtin().with(models).unwrap(), &list(ids))
    }

    /// Every model that the catalogue takes for served.
    fn served() -> Vec<&'static str> {
        let models = Catalogue::builtin().models().iter();
        models.filter(|model| model.status.is_served()).map(|model| model.id.as_str()).collect()
    }

    #[test]
    fn the_same_is_no_difference() {
        let found = differences(Vec::new(), &served());
        assert!(found.is_empty() && found.same == served().len(), "{found:?}");
    }

    #[test]
    fn new_gone_and_renamed_are_told_apart() {
        let mut ids = served();
        ids.retain(|id| !["THUDM/GLM-4-9B-0414", "tencent/Hunyuan-MT-7B", "Pro/BAAI/bge-m3"].contains(id));
        ids.extend(["acme/new-1", "zai-org/glm-4-9b-0414", "other/bge-m3", "Qwen/QwQ-32B"]);
        let found = differences(Vec::new(), &ids);
        assert_eq!(found.new, ["Qwen/QwQ-32B", "acme/new-1", "other/bge-m3"]);
        assert_eq!(found.gone, ["Pro/BAAI/bge-m3", "tencent/Hunyuan-MT-7B"]);
        assert_eq!(found.renamed, [("THUDM/GLM-4-9B-0414".to_owned(), "zai-org/glm-4-9b-0414".to_owned())]);
    }

    #[test]
    fn a_substitute_that_is_listed_is_a_new_name() {
        let substitute = Some("Qwen/Qwen3-8B".to_owned());
        let model = Model { substitute, ..Model::new("acme/old", Kind::Chat) };
        let found = differences(vec![model], &served());
        assert_eq!(found.renamed, [("acme/old".to_owned(), "Qwen/Qwen3-8B".to_owned())]);
        assert!(found.gone.is_empty() && found.new.is_empty(), "{found:?}");
    }
}
