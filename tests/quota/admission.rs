//! Admission under simulated time.
