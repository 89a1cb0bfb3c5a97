//! Quota: what SiliconFlow lets an account do with a model, kept so exactly that it never has to refuse.
//!
//! Pure arithmetic and time: knows no HTTP, no file and no metric name, and every moment is handed in.

pub mod limits;
pub mod metric;
