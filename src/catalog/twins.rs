//! The two names of one model: the plain one, which may be free, and its paid `Pro/` twin (siliconflow-api.md, section 16).

use super::catalogue::Catalogue;
use super::model::Model;

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
}
