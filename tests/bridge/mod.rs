//! Bridges without a gateway: recorded conversations, both ways, as files.

mod golden;
mod responses;
