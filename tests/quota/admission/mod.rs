//! Admission under simulated time.

mod lasting;
mod learning;
mod sharing;
mod stage;
mod waiting;
