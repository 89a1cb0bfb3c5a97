//! A symmetric matrix, its lower half in rows: what is known of the weights together.

use serde::{Deserialize, Serialize};

/// Symmetric, of `size` rows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Symmetric(Vec<f64>);

impl Symmetric {
    /// Each element by its row and column; the column is at most the row.
    pub(super) fn new(size: usize, element: impl Fn(usize, usize) -> f64) -> Self {
        Self((0..size).flat_map(|row| (0..=row).map(move |column| (row, column))).map(|(r, c)| element(r, c)).collect())
    }

    /// Whether it has `size` rows of finite numbers that could be variances and covariances.
    pub(super) fn is_sane(&self, size: usize) -> bool {
        let is_finite = self.0.iter().all(|element| element.is_finite());
        let is_sane = |row| (0..=row).all(|column| self.is_covariance(row, column));
        self.0.len() == size * (size + 1) / 2 && is_finite && (0..size).all(is_sane)
    }

    /// Whether two values could vary together this much; a hair more is left for rounding.
    fn is_covariance(&self, row: usize, column: usize) -> bool {
        let (one, other) = (self.at(row, row), self.at(column, column));
        one >= 0.0 && other >= 0.0 && self.at(row, column).powi(2) <= one * other * 1.000_01 + 1e-18
    }

    pub(super) fn at(&self, row: usize, column: usize) -> f64 {
        let (row, column) = if row < column { (column, row) } else { (row, column) };
        self.0.get(row * (row + 1) / 2 + column).copied().unwrap_or_default()
    }

    /// The product with a vector that is mostly zero.
    pub(super) fn times<const N: usize>(&self, vector: &[f64; N]) -> [f64; N] {
        let mut product = [0.0; N];
        for (column, factor) in vector.iter().enumerate().filter(|(_, factor)| **factor != 0.0) {
            for (row, sum) in product.iter_mut().enumerate() {
                *sum += self.at(row, column) * factor;
            }
        }
        product
    }

    /// The square of a vector that is mostly zero, measured by this matrix.
    pub(super) fn square<const N: usize>(&self, vector: &[f64; N]) -> f64 {
        let some = || vector.iter().enumerate().filter(|(_, factor)| **factor != 0.0);
        let mut sum = 0.0;
        for (row, factor) in some() {
            let start = row * (row + 1) / 2;
            let Some(elements) = self.0.get(start..=start + row) else { continue };
            let below: f64 =
                some().take_while(|(column, _)| *column < row).map(|(column, other)| elements[column] * other).sum();
            sum += factor * (2.0 * below + elements[row] * factor);
        }
        sum
    }

    /// Takes `share` of the outer product of `vector` with itself away.
    pub(super) fn subtract_outer<const N: usize>(&mut self, vector: &[f64; N], share: f64) {
        let mut elements = self.0.iter_mut();
        for row in 0..N {
            for (column, element) in (0..=row).zip(elements.by_ref()) {
                *element -= share * vector[row] * vector[column];
            }
        }
    }

    /// Adds `more` to the diagonal element `index`, and keeps it between 0 and `most`: what lies in its row shrinks
    /// with it, so that the matrix stays one of covariances.
    pub(super) fn widen(&mut self, index: usize, more: f64, most: f64, size: usize) {
        let wide = (self.at(index, index) + more).max(0.0);
        if wide > most {
            let shrink = (most / wide).sqrt();
            (0..size).for_each(|other| self.set(index, other, self.at(index, other) * shrink));
        }
        self.set(index, index, wide.min(most));
    }

    fn set(&mut self, row: usize, column: usize, value: f64) {
        let (row, column) = if row < column { (column, row) } else { (row, column) };
        if let Some(element) = self.0.get_mut(row * (row + 1) / 2 + column) {
            *element = value;
        }
    }
}
