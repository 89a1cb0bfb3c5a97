//! A symmetric matrix, its lower half in rows: what is known of the weights together.

use serde::{Deserialize, Serialize};

/// No variance is as large as this (ours): products of two are finite.
const MOST_VARIANCE: f64 = 1e150;

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
        let variances: Vec<f64> = (0..size).map(|index| self.at(index, index)).collect();
        let are_variances = variances.iter().all(|variance| (0.0..MOST_VARIANCE).contains(variance));
        let could_be = |(row, variance): (usize, &f64)| are_covariances(self.row(row), *variance, &variances);
        self.0.len() == start(size) && are_variances && variances.iter().enumerate().all(could_be)
    }

    /// The elements of a row, up to the diagonal.
    fn row(&self, row: usize) -> &[f64] {
        self.0.get(start(row)..).and_then(|elements| elements.get(..=row)).unwrap_or_default()
    }

    pub(super) fn at(&self, row: usize, column: usize) -> f64 {
        let (row, column) = if row < column { (column, row) } else { (row, column) };
        self.0.get(start(row) + column).copied().unwrap_or_default()
    }

    /// The product with a vector.
    pub(super) fn times<const N: usize>(&self, vector: &Sparse<'_, N>) -> [f64; N] {
        let mut product = [0.0; N];
        for (column, factor) in vector.iter() {
            for (row, sum) in product.iter_mut().enumerate() {
                *sum += self.at(row, column) * factor;
            }
        }
        product
    }

    /// The square of a vector, measured by this matrix.
    pub(super) fn square<const N: usize>(&self, vector: &Sparse<'_, N>) -> f64 {
        let mut sum = 0.0;
        for (row, factor) in vector.iter() {
            let Some((own, others)) = self.row(row).split_last() else { continue };
            let left = vector.iter().map_while(|(column, other)| Some(others.get(column)? * other));
            sum += factor * (2.0 * left.sum::<f64>() + own * factor);
        }
        sum
    }

    /// Takes `share` of the outer product of `vector` with itself away.
    pub(super) fn subtract_outer<const N: usize>(&mut self, vector: &[f64; N], share: f64) {
        for (row, factor) in vector.iter().enumerate() {
            let elements = self.row_mut(row).iter_mut().zip(vector);
            elements.for_each(|(element, other)| *element -= share * factor * other);
        }
    }

    /// Adds to each element on the diagonal the first number that `drift` says, and keeps it between 0 and the second:
    /// what lies in its row and its column shrinks with it, so that the matrix stays one of covariances.
    pub(super) fn widen<const N: usize>(&mut self, drift: impl Fn(usize) -> (f64, f64)) {
        let mut shrinks = [1.0; N];
        for (index, shrink) in shrinks.iter_mut().enumerate() {
            let (more, most) = drift(index);
            let wide = (self.at(index, index) + more).max(0.0);
            if wide > most {
                *shrink = (most / wide).sqrt();
            }
            self.row_mut(index).iter_mut().skip(index).for_each(|element| *element = wide.min(most));
        }
        for (row, shrink) in shrinks.iter().enumerate() {
            let elements = self.row_mut(row).iter_mut().zip(&shrinks[..row]);
            elements.for_each(|(element, other)| *element = *element * other * shrink);
        }
    }

    fn row_mut(&mut self, row: usize) -> &mut [f64] {
        self.0.get_mut(start(row)..).and_then(|elements| elements.get_mut(..=row)).unwrap_or_default()
    }
}

/// A vector of fewer than 64 numbers, most of them zero.
pub(super) struct Sparse<'a, const N: usize> {
    vector: &'a [f64; N],
    /// A bit for each number: whether it is not zero.
    some: u64,
}

impl<'a, const N: usize> Sparse<'a, N> {
    pub(super) fn of(vector: &'a [f64; N]) -> Self {
        let bits = vector.iter().enumerate().map(|(index, number)| u64::from(*number != 0.0) << index);
        Self::some(vector, bits.fold(0, |some, bit| some | bit))
    }

    /// The same of a vector that is zero wherever `some` has no bit.
    pub(super) fn some(vector: &'a [f64; N], some: u64) -> Self {
        const { assert!(N < 64) };
        Self { vector, some }
    }

    /// The numbers that are not zero with their places, which rise.
    fn iter(&self) -> impl Iterator<Item = (usize, f64)> {
        let mut left = self.some;
        std::iter::from_fn(move || {
            let index = left.trailing_zeros() as usize;
            left &= left.wrapping_sub(1);
            self.vector.get(index).map(|number| (index, *number))
        })
    }

    /// The product with a vector.
    pub(super) fn dot(&self, other: &[f64]) -> f64 {
        self.iter().fold(0.0, |sum, (index, factor)| sum + other.get(index).map_or(0.0, |other| other * factor))
    }
}

/// Where a row begins.
fn start(row: usize) -> usize {
    row * (row + 1) / 2
}

/// Whether values of `variance` and of `variances` could vary together as a row says; a hair more is left for rounding.
/// Every element is looked at, which takes less time than stopping at the first that is wrong. What is not finite is
/// more than any bound.
fn are_covariances(row: &[f64], variance: f64, variances: &[f64]) -> bool {
    let could_be = |(element, other): (&f64, &f64)| element.powi(2) <= variance * other * 1.000_01 + 1e-18;
    row.iter().zip(variances).fold(true, |all, pair| all & could_be(pair))
}
