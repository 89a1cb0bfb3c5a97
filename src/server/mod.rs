//! Listeners, TLS, the door, drain and reload. The only room that knows every other one.
//!
//! Start with [`Server::bind`] and [`Server::run`].

mod accept;
mod accounting;
mod active;
mod background;
mod budget;
mod build;
mod door;
mod drain;
mod error;
mod events;
mod guarded_io;
mod head_scan;
mod herald;
mod jobs;
mod keys;
mod ledger;
mod listener;
mod live;
mod media;
mod models;
mod parts;
mod planes;
mod quota;
mod reload;
mod responses;
mod run;
mod service;
mod state;
mod tiers;
mod tls;
mod workers;

pub use error::StartError;
pub use keys::{Desk, KEY_FIELDS, TEAM_FIELDS, faults_beside_store, is_open};
pub use models::{ModelDifferences, models_diff, models_of};
pub use quota::limits_of;
pub use reload::Source;
pub use run::Server;
pub use tiers::{TierView, tiers_of};
