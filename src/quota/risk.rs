//! From a risk to the caution that keeps it.

/// The chance that the upstream may refuse a request because guesses were too low, if nothing else is wanted (ours).
pub const DEFAULT: f64 = 0.000_1;

/// How many standard deviations above its mean a normal number stays below with a chance of 1 − `risk`: Abramowitz and
/// Stegun, 26.2.23, wrong by at most 0.00045. `risk` counts as at least one in a million and at most one half.
pub fn caution(risk: f64) -> f64 {
    let t = (-2.0 * risk.clamp(1e-6, 0.5).ln()).sqrt();
    let above = 2.515_517 + t * (0.802_853 + t * 0.010_328);
    let below = 1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308));
    (t - above / below).max(0.0)
}

#[cfg(test)]
mod tests {
    use super::caution;

    #[test]
    fn agrees_with_the_tables() {
        for (risk, expected) in [(0.5, 0.0), (0.1, 1.2816), (0.05, 1.6449), (0.01, 2.3263), (0.001, 3.0902)] {
            assert!((caution(risk) - expected).abs() < 0.001, "{risk}: {}", caution(risk));
        }
        assert!(caution(0.0) < 5.0 && caution(f64::NAN) >= 0.0);
    }
}
