//! All lanes, by what they lead to.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use super::lane::Lane;
use super::map::QuickMap;
use super::moment::Now;

/// Lanes beyond this are looked through for idle ones before another is made (ours; product.md asks for 10,000).
const MANY_LANES: usize = 20_000;
/// Beyond this models share one lane (ours): their names come from callers. Keys are as many as the configuration has.
const MOST_LANES: usize = 100_000;
/// Its name.
const SHARED: &str = "other";
/// What the names of keys' lanes begin with; accounts' names have no colon.
const KEY: &str = "key:";

/// What a lane leads to. Written `account/model` or `key:name`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way<'a> {
    /// A model through an account.
    Model { account: &'a str, model: &'a str },
    /// Everything that a key may do.
    Key(&'a str),
}

impl<'a> Way<'a> {
    /// Reads a lane's name; `None` for the one that models share.
    pub(super) fn parse(name: &'a str) -> Option<Self> {
        match name.strip_prefix(KEY) {
            Some(key) => Some(Self::Key(key)),
            None => name.split_once('/').map(|(account, model)| Self::Model { account, model }),
        }
    }
}

impl fmt::Display for Way<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Model { account, model } => write!(formatter, "{account}/{model}"),
            Self::Key(key) => write!(formatter, "{KEY}{key}"),
        }
    }
}

/// See the module.
#[derive(Debug, Default)]
pub(super) struct Lanes(RwLock<Table>);

#[derive(Debug, Default)]
struct Table {
    /// By account, then by model: to look one up takes no new name.
    models: QuickMap<Arc<str>, QuickMap<Arc<str>, Arc<Lane>>>,
    keys: QuickMap<Arc<str>, Arc<Lane>>,
    shared: Option<Arc<Lane>>,
    count: usize,
}

impl Lanes {
    /// The lane that leads there, if there is one.
    pub(super) fn find(&self, way: Way<'_>) -> Option<Arc<Lane>> {
        self.read().get(way).cloned()
    }

    /// The lane that leads there, made by `make` from its name where there is none.
    pub(super) fn open(&self, way: Way<'_>, now: Now, make: impl FnOnce(Arc<str>) -> Lane) -> Arc<Lane> {
        let mut table = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(lane) = table.get(way) {
            return lane.clone();
        }
        if table.count >= MANY_LANES && table.count.is_multiple_of(MANY_LANES / 4) {
            table.forget_idle(now);
        }
        if table.count >= MOST_LANES && matches!(way, Way::Model { .. }) {
            return table.shared.get_or_insert_with(|| Arc::new(make(SHARED.into()))).clone();
        }
        table.insert(way, Arc::new(make(way.to_string().into())))
    }

    /// All of them; who asks holds up nobody.
    pub(super) fn all(&self) -> Vec<Arc<Lane>> {
        let table = self.read();
        let models = table.models.values().flat_map(QuickMap::values);
        models.chain(table.keys.values()).chain(&table.shared).cloned().collect()
    }

    fn read(&self) -> RwLockReadGuard<'_, Table> {
        self.0.read().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    fn get(&self, way: Way<'_>) -> Option<&Arc<Lane>> {
        match way {
            Way::Model { account, model } => self.models.get(account)?.get(model),
            Way::Key(key) => self.keys.get(key),
        }
    }

    fn insert(&mut self, way: Way<'_>, lane: Arc<Lane>) -> Arc<Lane> {
        self.count += 1;
        match way {
            Way::Model { account, model } => {
                self.models.entry(account.into()).or_default().insert(model.into(), lane.clone())
            }
            Way::Key(key) => self.keys.insert(key.into(), lane.clone()),
        };
        lane
    }

    fn forget_idle(&mut self, now: Now) {
        let is_busy = |lane: &Lane| !lane.with(|state| state.is_idle(now));
        self.models.values_mut().for_each(|models| models.retain(|_, lane| is_busy(lane)));
        self.keys.retain(|_, lane| is_busy(lane));
        self.count = self.models.values().map(QuickMap::len).sum::<usize>() + self.keys.len();
    }
}
