//! Quota: pure types under simulated time, against models that are as plain as can be.

mod admission;
mod chance;
mod meters;
mod windows;
