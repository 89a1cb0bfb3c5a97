//! `[models]`: which models there are. The built-in catalogue or a file in its place, as the upstream's host sells it, with
//! what the configuration says of single models; and how often the upstream is asked for its own list.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::catalog::{Catalogue, OVERRIDABLE, has_free_models};
use crate::config::reader::Section;

/// What `[models]` says of models, but for aliases.
#[derive(Debug, Clone)]
pub struct ModelSettings {
    /// The catalogue in force.
    pub catalogue: Arc<Catalogue>,
    /// The file that took the place of the built-in one.
    pub file: Option<PathBuf>,
    /// How often the upstream's list is fetched; zero is never.
    pub refresh: Duration,
    /// Whether names that neither the catalogue nor the list has are refused.
    pub refuses_unknown: bool,
}

/// How often the list is fetched: models come and go in weeks (siliconflow-api.md, section 18; ours).
const REFRESH: Duration = Duration::from_secs(3600);

pub(super) fn read(section: &Section<'_>, host: &str, watched: &mut Vec<PathBuf>) -> ModelSettings {
    let file = section.path_to_file("catalogue");
    watched.extend(file.clone());
    let written = file.as_deref().map(|path| from_file(section, path));
    let catalogue = match written {
        // Its faults are told; what else is written would only look wrong beside the built-in one.
        Some(None) => Catalogue::shared().clone(),
        Some(Some(catalogue)) => overridden(section, at_host(Arc::new(catalogue), host)),
        None => overridden(section, at_host(Catalogue::shared().clone(), host)),
    };
    ModelSettings {
        catalogue,
        file,
        refresh: section.optional_duration("refresh").unwrap_or(REFRESH),
        refuses_unknown: section.word("unknown", &[("pass", false), ("refuse", true)], false),
    }
}

fn from_file(section: &Section<'_>, path: &Path) -> Option<Catalogue> {
    let text = match std::fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) => {
            section.fault("catalogue", format_args!("cannot read {}: {error}", path.display()));
            return None;
        }
    };
    let faults = match Catalogue::read(&text) {
        Ok(catalogue) => return Some(catalogue),
        Err(faults) => faults,
    };
    for fault in faults {
        let line = fault.line.map(|line| format!(":{line}")).unwrap_or_default();
        section.fault("catalogue", format_args!("{}{line}: {}", path.display(), fault.error));
    }
    None
}

/// The built-in catalogue is shared, not copied, where nothing changes.
fn at_host(catalogue: Arc<Catalogue>, host: &str) -> Arc<Catalogue> {
    if has_free_models(host) { catalogue } else { Arc::new(catalogue.at_host(host)) }
}

/// The operator's word holds at every host.
fn overridden(section: &Section<'_>, catalogue: Arc<Catalogue>) -> Arc<Catalogue> {
    let mut models = Vec::new();
    section.rows("override", &OVERRIDABLE, |id, value| {
        match catalogue.overridden(id, value, section.faults().text()) {
            Ok(model) => models.push(model),
            Err((place, error)) => section.faults().at(place, format_args!("models.override: {error}")),
        }
    });
    if models.is_empty() {
        return catalogue;
    }
    match catalogue.with(models) {
        Ok(overridden) => Arc::new(overridden),
        Err(errors) => {
            errors.into_iter().for_each(|error| section.fault("override", error));
            catalogue
        }
    }
}
