//! Quota: what SiliconFlow lets an account do with a model, kept so exactly that it never has to refuse.
//!
//! Pure arithmetic and time: knows no HTTP, no file and no metric name, and every moment is handed in. Start with
//! [`Quota::admit`]; what counts is in [`meter`], who is next in [`fair`], what refusals teach in [`learn`].

pub mod allowance;
pub mod ask;
pub mod budget;
pub mod calendar;
pub mod doubt;
pub mod estimate;
pub mod fair;
mod grant;
mod held;
mod hub;
pub mod hypotheses;
mod lane;
mod lanes;
pub mod learn;
pub mod limits;
mod map;
pub mod meter;
pub mod metric;
pub mod moment;
pub mod money;
mod pace;
pub mod promise;
#[expect(clippy::module_inception, reason = "the type that the room is named after")]
mod quota;
pub mod record;
mod reservation;
pub mod risk;
pub mod rule;
pub mod spend;
pub mod sticky;
pub mod tier;
pub mod view;
pub mod window;

pub use lane::{QueueSettings, Refused};
pub use quota::{AccountQuota, AdmitError, CallerQuota, Quota, Request};
pub use reservation::{Reservation, WaitedFor};
