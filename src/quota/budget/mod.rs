//! Budgets: what keys, teams and accounts may spend in a day and in a month, in money and in tokens, and what may be spent
//! by going from free models to paid ones.
//!
//! What a request may cost at most is held before it is sent, of all its budgets at once or of none, and put right when it
//! is over. So all requests together stay within each budget, however many there are at once. Days and months are those of
//! Asia/Shanghai. Knows no prices, and nothing of who sets a budget: each request brings its claims along. Keeps nothing
//! over a restart: whoever knows what was spent says so ([`Budgets::seed`]). Start with [`Budgets::hold`].

mod amount;
mod budgets;
mod claim;
mod exceeded;
mod hold;
mod period;
mod purse;
mod sums;
mod view;

#[cfg(test)]
mod model_tests;
#[cfg(test)]
mod tests;

pub use amount::{Amount, Unit};
pub use budgets::Budgets;
pub use claim::{Claim, Scope};
pub use exceeded::Exceeded;
pub use hold::Hold;
pub use period::Period;
pub use view::{BudgetView, Crossing, Threshold};
