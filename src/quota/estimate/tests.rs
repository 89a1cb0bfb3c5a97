//! What is counted, learned and expected, and that nothing from outside upsets it.

mod counting;
mod hostile;
mod learning;
mod lengths;
mod reference;
