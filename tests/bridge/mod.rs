//! Bridges without a gateway: what becomes of requests and answers, to the byte. Recorded conversations, both ways, as files.

mod golden;
mod messages;
mod messages_table;
mod responses;
