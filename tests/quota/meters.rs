//! All limits of a model at once: all or none, refunds, debts.
