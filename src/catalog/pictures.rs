//! What models that draw take, as far as SiliconFlow's reference says (siliconflow-api.md, section 9).

/// What is known of a model that draws.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Draws {
    /// The sizes it takes, its usual one first; empty where no source lists them.
    pub sizes: &'static [&'static str],
    /// Whether it has to be told a size. Those that edit are not: the picture that is edited says it.
    pub takes_size: bool,
    /// Most pictures of one call.
    pub most_at_once: u64,
    /// Most pictures that it takes to edit.
    pub most_inputs: usize,
    /// Whether it can be told the format of the file.
    pub takes_format: bool,
}

const KOLORS: &[&str] = &["1024x1024", "960x1280", "768x1024", "720x1440", "720x1280"];
const QWEN_IMAGE: &[&str] = &["1328x1328", "1664x928", "928x1664", "1472x1140", "1140x1472", "1584x1056", "1056x1584"];

/// What is known of `model`.
pub fn of(model: &str) -> Draws {
    let name = model.rsplit('/').next().unwrap_or(model);
    let usual = Draws {
        sizes: &[],
        takes_size: !name.contains("-Image-Edit"),
        most_at_once: 1,
        most_inputs: 3,
        takes_format: name.starts_with("FLUX"),
    };
    match name {
        "Kolors" => Draws { sizes: KOLORS, most_at_once: 4, most_inputs: 1, ..usual },
        "Qwen-Image" => Draws { sizes: QWEN_IMAGE, ..usual },
        "Qwen-Image-Edit" => Draws { most_inputs: 1, ..usual },
        _ => usual,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalogue;
    use crate::catalog::model::Kind;

    /// What is written here is about models that there are.
    #[test]
    fn every_model_of_the_table_is_in_the_catalogue() {
        let catalogue = Catalogue::builtin();
        for (id, kind) in [
            ("Kwai-Kolors/Kolors", Kind::Image),
            ("Qwen/Qwen-Image", Kind::Image),
            ("Qwen/Qwen-Image-Edit", Kind::ImageEdit),
            ("Qwen/Qwen-Image-Edit-2509", Kind::ImageEdit),
        ] {
            assert_eq!(catalogue.get(id).map(|model| model.kind), Some(kind), "{id}");
            assert_eq!(of(id).takes_size, kind == Kind::Image, "{id}");
        }
        assert_eq!((of("Kwai-Kolors/Kolors").most_at_once, of("acme/new").most_at_once), (4, 1));
        assert_eq!((of("Qwen/Qwen-Image-Edit").most_inputs, of("Qwen/Qwen-Image-Edit-2509").most_inputs), (1, 3));
    }
}
