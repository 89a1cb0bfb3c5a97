//! Sums of what was filed, from those that are kept by day.

use std::collections::HashMap;

use foldhash::fast::RandomState;
use rusqlite::{Connection, Row as Found};

use super::numbers::{stored, sum_of};
use crate::ledger::{Dimension, Labels, Query, Sum, date};

/// The groups of a question: which kept groups belong to which of them.
#[derive(Default)]
struct Groups {
    /// The names of each, with an empty place for the day.
    names: Vec<Vec<String>>,
    /// For each kept group the places of its names; several where it has several tags.
    of: HashMap<i64, Vec<usize>, RandomState>,
}

/// What `query` asks for, sorted by group.
///
/// # Errors
/// What the database says.
pub(super) fn sums(connection: &Connection, query: &Query) -> rusqlite::Result<Vec<Sum>> {
    // One moment for both tables.
    let moment = connection.unchecked_transaction()?;
    let groups = Groups::read(&moment, query)?;
    let is_by_day = query.by.contains(&Dimension::Day);
    let mut found: HashMap<(u64, usize), Sum, RandomState> = HashMap::default();
    let mut select = moment.prepare_cached("SELECT * FROM ledger_sum WHERE day BETWEEN ?1 AND ?2")?;
    let mut kept = select.query([stored(query.from_day), stored(query.until_day)])?;
    while let Some(row) = kept.next()? {
        let (day, group): (u64, i64) = (row.get(0)?, row.get(1)?);
        let Some(places) = groups.of.get(&group).filter(|_| query.wants_day(day)) else { continue };
        let sum = sum_of(row, 2)?;
        for place in places {
            found.entry((if is_by_day { day } else { 0 }, *place)).or_default().add(&sum);
        }
    }
    let mut sums: Vec<Sum> =
        found.into_iter().map(|((day, place), sum)| Sum { group: groups.group(query, day, place), ..sum }).collect();
    if query.by.is_empty() && sums.is_empty() {
        sums.push(Sum::default());
    }
    sums.sort_by(|one, other| one.group.cmp(&other.group));
    Ok(sums)
}

impl Groups {
    fn read(connection: &Connection, query: &Query) -> rusqlite::Result<Self> {
        let (mut groups, mut places) = (Self::default(), HashMap::new());
        let mut select = connection.prepare_cached("SELECT * FROM ledger_group")?;
        let mut kept = select.query([])?;
        while let Some(row) = kept.next()? {
            let labels = labels(row)?;
            if !query.wants(labels) {
                continue;
            }
            let of = names(query, labels).into_iter().map(|names| {
                *places.entry(names).or_insert_with_key(|names| {
                    groups.names.push(names.clone());
                    groups.names.len() - 1
                })
            });
            groups.of.insert(row.get(0)?, of.collect());
        }
        Ok(groups)
    }

    /// The names at `place`, with the day where it belongs.
    fn group(&self, query: &Query, day: u64, place: usize) -> Vec<String> {
        let names = self.names.get(place).into_iter().flatten().zip(&query.by);
        names.map(|(name, by)| if *by == Dimension::Day { date::written(day) } else { name.clone() }).collect()
    }
}

fn labels<'a>(row: &'a Found<'_>) -> rusqlite::Result<Labels<'a>> {
    let text = |at| Ok::<_, rusqlite::Error>(row.get_ref(at)?.as_str()?);
    Ok(Labels {
        key: text(1)?,
        team: text(2)?,
        tags: text(3)?,
        account: text(4)?,
        model: text(5)?,
        endpoint: text(6)?,
        right: text(7)?,
    })
}

/// The names of every group of the question that `labels` belong to.
fn names(query: &Query, labels: Labels<'_>) -> Vec<Vec<String>> {
    query.by.iter().fold(vec![Vec::new()], |begun, dimension| {
        let values = if *dimension == Dimension::Day { vec![""] } else { dimension.values(labels) };
        let with =
            |value: &&str| begun.iter().map(|names| [&names[..], &[(*value).to_owned()]].concat()).collect::<Vec<_>>();
        values.iter().flat_map(with).collect()
    })
}
