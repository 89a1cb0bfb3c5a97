//! How the data file is written: config/models.toml, or another of the same shape. All its faults are told at once. Must
//! not know what follows from the numbers.

mod classes;
mod fault;
mod prices;
mod row;
mod tiers;

use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeTable, DeValue, ValueDeserializer};

use self::classes::RawClasses;
use self::row::{Misplaced, RawModel};
use self::tiers::RawTiers;
use super::class::Classes;
use super::model::Model;
use crate::quota::tier::Thresholds;

pub(super) use self::fault::line;
pub use self::fault::{CatalogueError, CatalogueFault};
pub use self::row::OVERRIDABLE;

/// What a data file says.
#[derive(Debug)]
pub(super) struct Contents {
    pub(super) thresholds: Thresholds,
    pub(super) classes: Classes,
    /// Each with the byte it begins at.
    pub(super) models: Vec<(Model, usize)>,
}

/// Reads a data file.
pub(super) fn read(text: &str) -> Result<Contents, Vec<CatalogueFault>> {
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut reader = Reader { text, faults: Vec::new() };
    for error in &errors {
        let place = error.span().map_or(0, |span| span.start);
        reader.fault(place, CatalogueError::Shape(error.message().to_owned()));
    }
    if !reader.faults.is_empty() {
        // What a broken line leaves out would only look like further faults.
        return Err(reader.faults);
    }
    let table = document.get_ref();
    let thresholds = reader.part(table, "tiers", |raw: RawTiers| raw.read());
    let classes = reader.part(table, "defaults", |raw: RawClasses| raw.read());
    let models = reader.models(table);
    match (thresholds, classes) {
        (Some(thresholds), Some(classes)) if reader.faults.is_empty() => Ok(Contents { thresholds, classes, models }),
        _ => Err(reader.faults),
    }
}

/// Reads what the configuration says of the model `id` over what is known of it; `text` is that of the whole file.
pub(super) fn read_override(
    id: &str,
    value: &Spanned<DeValue<'_>>,
    known: Option<&Model>,
    text: &str,
) -> Result<Model, Misplaced> {
    let raw = RawModel::parse(value)?;
    let in_row = |error| (value.span().start, error);
    let fresh = raw.kind.map(|kind| Model::new(id, kind));
    let base = known.cloned().or(fresh).ok_or_else(|| in_row(CatalogueError::NoKind(id.to_owned())))?;
    raw.over(base, text).map_err(in_row)
}

struct Reader<'a> {
    text: &'a str,
    faults: Vec<CatalogueFault>,
}

impl Reader<'_> {
    fn fault(&mut self, offset: usize, error: CatalogueError) {
        self.faults.push(CatalogueFault { line: Some(fault::line(self.text, offset)), error });
    }

    /// One table of the file.
    fn part<R: for<'de> Deserialize<'de>, T>(
        &mut self,
        table: &DeTable<'_>,
        key: &str,
        read: impl FnOnce(R) -> Result<T, CatalogueError>,
    ) -> Option<T> {
        let Some(value) = table.get(key) else {
            let error = CatalogueError::Shape(format!("there is no [{key}]; begin with a copy of config/models.toml"));
            self.faults.push(CatalogueFault { line: None, error });
            return None;
        };
        let raw = R::deserialize(ValueDeserializer::from(value.clone())).map_err(|error| {
            let place = error.span().map_or(value.span().start, |span| span.start);
            (place, CatalogueError::Shape(error.message().to_owned()))
        });
        let read = raw.and_then(|raw| read(raw).map_err(|error| (value.span().start, error)));
        read.map_err(|(place, error)| self.fault(place, error)).ok()
    }

    fn models(&mut self, table: &DeTable<'_>) -> Vec<(Model, usize)> {
        let rows = table.get("model").and_then(|value| value.get_ref().as_array());
        if rows.is_none() {
            let error = CatalogueError::Shape("there is no [[model]]".to_owned());
            self.faults.push(CatalogueFault { line: None, error });
        }
        let mut models: Vec<(Model, usize)> = Vec::new();
        for row in rows.into_iter().flat_map(|rows| rows.iter()) {
            match self.model(row) {
                Ok(model) if models.iter().any(|(other, _)| other.id == model.id) => {
                    self.fault(row.span().start, CatalogueError::Twice(model.id));
                }
                Ok(model) => models.push((model, row.span().start)),
                Err((place, error)) => self.fault(place, error),
            }
        }
        models
    }

    fn model(&mut self, row: &Spanned<DeValue<'_>>) -> Result<Model, Misplaced> {
        let start = row.span().start;
        let missing = |name: &str| (start, CatalogueError::Shape(format!("missing field `{name}`")));
        let raw = RawModel::parse(row)?;
        let id = raw.id.clone().ok_or_else(|| missing("id"))?;
        for (place, error) in row.get_ref().as_table().into_iter().flat_map(|table| row::unknown_names(&id, table)) {
            self.fault(place, error);
        }
        let kind = raw.kind.ok_or_else(|| missing("kind"))?;
        raw.status.ok_or_else(|| missing("status"))?;
        raw.over(Model::new(id, kind), self.text).map_err(|error| (start, error))
    }
}
