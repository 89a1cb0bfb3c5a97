//! The two names of one model: the plain one, which may be free, and its paid `Pro/` twin (siliconflow-api.md, section 16).

use super::catalogue::Catalogue;
use super::model::{Kind, Model};

/// What the names of paid twins begin with.
pub const PRO: &str = "Pro/";

impl Catalogue {
    /// The paid twin of `id`, if there is one.
    pub fn pro_twin(&self, id: &str) -> Option<&Model> {
        if id.starts_with(PRO) { None } else { self.get(&format!("{PRO}{id}")) }
    }

    /// The plain model that `id` is the paid twin of, if it is there. It need not be free.
    pub fn plain_twin(&self, id: &str) -> Option<&Model> {
        self.get(id.strip_prefix(PRO)?)
    }

    /// Whether calling `id` is known to cost nothing. What is not known to be free is paid.
    pub fn is_free(&self, id: &str) -> bool {
        self.get(id).is_some_and(|model| model.is_free)
    }

    /// The free model that is the same as `id`: itself, or the plain one that it is the twin of, if that is served.
    pub fn free_of(&self, id: &str) -> Option<&Model> {
        let is_free = |model: &&Model| model.is_free;
        let twin = || self.plain_twin(id).filter(is_free).filter(|model| model.status.is_served());
        self.get(id).filter(is_free).or_else(twin)
    }

    /// The `Pro/` model that is the same as `id`: itself, or its twin, if that is served.
    pub fn pro_of(&self, id: &str) -> Option<&Model> {
        let itself = || self.get(id).filter(|model| model.id.starts_with(PRO));
        self.pro_twin(id).filter(|model| model.status.is_served()).or_else(itself)
    }

    /// A free model to use in place of `id`: its own, else one of its kind, of the same maker if there is one.
    pub fn nearest_free(&self, id: &str) -> Option<&Model> {
        let maker = |id: &str| id.trim_start_matches(PRO).split('/').next().unwrap_or_default().to_owned();
        let (kind, made_by) = (self.get(id).map_or(Kind::Chat, |model| model.kind), maker(id));
        let others =
            self.models().iter().filter(|model| model.is_free && model.status.is_served() && model.kind == kind);
        self.free_of(id).or_else(|| others.min_by_key(|model| maker(&model.id) != made_by))
    }
}

#[cfg(test)]
mod tests {
    use crate::catalog::Catalogue;

    #[test]
    fn twins_know_each_other() {
        let catalogue = Catalogue::builtin();
        let id = |model: Option<&super::Model>| model.map(|model| model.id.clone());
        assert_eq!(id(catalogue.pro_twin("BAAI/bge-m3")).as_deref(), Some("Pro/BAAI/bge-m3"));
        assert_eq!(id(catalogue.plain_twin("Pro/BAAI/bge-m3")).as_deref(), Some("BAAI/bge-m3"));
        assert_eq!(id(catalogue.pro_twin("Qwen/Qwen3-8B")), None);
        assert_eq!(id(catalogue.pro_twin("Pro/BAAI/bge-m3")), None);
        assert!(catalogue.is_free("BAAI/bge-m3") && !catalogue.is_free("Pro/BAAI/bge-m3"));
        assert!(!catalogue.is_free("nobody/knows-it"));
    }

    #[test]
    fn the_free_and_the_paid_one_of_a_pair_are_found_from_either() {
        let catalogue = Catalogue::builtin();
        for id in ["BAAI/bge-m3", "Pro/BAAI/bge-m3"] {
            assert_eq!(catalogue.free_of(id).unwrap().id, "BAAI/bge-m3");
            assert_eq!(catalogue.pro_of(id).unwrap().id, "Pro/BAAI/bge-m3");
        }
        // The plain one is paid as well; and one that is gone is no way out.
        assert!(catalogue.free_of("Pro/deepseek-ai/DeepSeek-V3").is_none());
        assert!(catalogue.free_of("Pro/deepseek-ai/DeepSeek-R1-Distill-Qwen-7B").is_none());
        assert!(catalogue.pro_of("deepseek-ai/DeepSeek-R1-Distill-Qwen-7B").is_none());
    }

    #[test]
    fn the_nearest_free_one_is_of_the_same_kind() {
        let nearest = |id| Catalogue::builtin().nearest_free(id).unwrap();
        assert_eq!(nearest("Pro/BAAI/bge-m3").id, "BAAI/bge-m3");
        assert_eq!(nearest("Qwen/Qwen3-Embedding-8B").kind.label(), "embedding");
        let chat = nearest("deepseek-ai/DeepSeek-V3.2");
        assert!(chat.is_free && chat.kind.label() == "chat" && chat.id.starts_with("deepseek-ai/"), "{}", chat.id);
        assert_eq!(nearest("nobody/knows-it").kind.label(), "chat");
    }
}
