//! What to use in place of a model that is gone: named in the data, checked when it is loaded.

use super::catalogue::Catalogue;
use super::file::CatalogueError;
use super::model::Model;

impl Catalogue {
    /// The model that is served in place of `id`: the end of the chain of substitutes. `None` when `id` is served itself,
    /// or nothing is named.
    pub fn substitute(&self, id: &str) -> Option<&Model> {
        self.end_of_chain(self.get(id)?).ok().flatten()
    }

    /// Every substitute that cannot stand for its model.
    pub(super) fn wrong_substitutes(&self) -> impl Iterator<Item = CatalogueError> {
        let wrong = |model: &Model| self.end_of_chain(model).err().map(|why| (model.id.clone(), why));
        self.models().iter().filter_map(wrong).map(|(id, why)| CatalogueError::Substitute(id, why))
    }

    /// What is served in place of `model`, if it is gone and something is named; what is wrong with that otherwise.
    fn end_of_chain(&self, model: &Model) -> Result<Option<&Model>, String> {
        let mut next = match &model.substitute {
            Some(substitute) => substitute,
            None => return Ok(None),
        };
        // A chain of more models than there are goes in a circle.
        for _ in self.models() {
            let end = self.get(next).ok_or_else(|| format!("`{next}` is not in the catalogue"))?;
            fits(model, end)?;
            match &end.substitute {
                _ if end.status.is_served() => return Ok((!model.status.is_served()).then_some(end)),
                Some(further) => next = further,
                None => return Err(format!("`{next}` is not served either, and has no substitute")),
            }
        }
        Err(format!("`{next}` leads in a circle"))
    }
}

/// A substitute takes the same requests, and costs nothing where the model did not.
fn fits(model: &Model, substitute: &Model) -> Result<(), String> {
    let (id, kind) = (&substitute.id, substitute.kind.label());
    if !substitute.kind.stands_for(model.kind) {
        return Err(format!("`{id}` is of another kind: {kind}, not {}", model.kind.label()));
    }
    if model.is_free && !substitute.is_free {
        return Err(format!("`{id}` costs money, the model itself is free"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::model::{Kind, Status};

    fn gone(id: &str, substitute: &str) -> Model {
        let substitute = Some(substitute.to_owned());
        Model { status: Status::Gone, substitute, ..Model::new(id, Kind::Chat) }
    }

    fn catalogue(models: Vec<Model>) -> Result<Catalogue, Vec<String>> {
        let faults = |faults: Vec<CatalogueError>| faults.iter().map(ToString::to_string).collect();
        Catalogue::builtin().with(models).map_err(faults)
    }

    #[test]
    fn a_chain_leads_to_what_is_served() {
        let models = vec![gone("a/one", "a/two"), gone("a/two", "Qwen/Qwen3-8B")];
        let catalogue = catalogue(models).unwrap();
        assert_eq!(catalogue.substitute("a/one").unwrap().id, "Qwen/Qwen3-8B");
        assert_eq!(catalogue.substitute("Qwen/Qwen3-8B"), None);
        assert_eq!(catalogue.substitute("nobody/knows-it"), None);
    }

    #[test]
    fn every_model_that_is_gone_has_one() {
        let catalogue = Catalogue::builtin();
        let gone = catalogue.models().iter().filter(|model| model.status == Status::Gone);
        for model in gone {
            let substitute = catalogue.substitute(&model.id).unwrap_or_else(|| panic!("{} has none", model.id));
            assert!(substitute.status.is_served() && substitute.kind.stands_for(model.kind), "{}", model.id);
            assert!(substitute.is_free || !model.is_free, "{}", model.id);
        }
    }

    fn refused(models: Vec<Model>, words: &str) {
        let faults = catalogue(models).unwrap_err();
        assert!(faults.iter().any(|fault| fault.contains(words)), "{words}: {faults:?}");
    }

    #[test]
    fn what_cannot_stand_for_a_model_is_refused() {
        refused(vec![gone("a/one", "a/nowhere")], "a/one: its substitute `a/nowhere` is not in the catalogue");
        refused(vec![gone("a/one", "BAAI/bge-m3")], "another kind: embedding, not chat");
        refused(vec![gone("a/one", "a/one")], "circle");
        refused(vec![gone("a/one", "a/two"), gone("a/two", "a/one")], "circle");
        let nothing = Model { substitute: None, ..gone("a/two", "") };
        refused(vec![gone("a/one", "a/two"), nothing], "is not served either");
        let free = Model { is_free: true, ..gone("a/one", "zai-org/GLM-5.2") };
        refused(vec![free], "costs money");
    }

    #[test]
    fn what_takes_pictures_can_stand_for_what_does_not() {
        assert!(catalogue(vec![gone("a/one", "Qwen/Qwen3.5-4B")]).is_ok());
        let seeing = Model { kind: Kind::Vision, ..gone("a/one", "Qwen/Qwen3-8B") };
        refused(vec![seeing], "another kind: chat, not vision");
    }
}
