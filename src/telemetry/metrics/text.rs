//! The text exposition format, version 0.0.4, for pages of a hundred thousand lines: what the lines of a series have in common is
//! put together once and copied. Knows no metric.

use std::io::Write;
use std::ops::Range;

use memchr::memchr3;
use prometheus::proto::{Bucket, Metric, MetricFamily, MetricType};

/// Names and values of a series' labels as they are shown; `None` where the series is not.
pub(super) type LabelsOf = for<'a> fn(&'a Metric) -> Option<Vec<(&'a str, &'a str)>>;

/// A family under the name and with the labels that it has on the page.
pub(super) struct Shown<'a> {
    pub(super) name: &'a str,
    pub(super) family: &'a MetricFamily,
    pub(super) labels: LabelsOf,
}

impl<'a> Shown<'a> {
    /// `family` as it is.
    pub(super) fn own(family: &'a MetricFamily) -> Self {
        Self { name: family.name(), family, labels: own_labels }
    }

    /// Adds the family's lines to `page`, by their labels; none where it has no series.
    pub(super) fn write(&self, page: &mut Vec<u8>) {
        let write: fn(&mut Lines<'_>, &Metric) = match self.family.get_field_type() {
            MetricType::COUNTER => |lines, metric| lines.sample("", metric.get_counter().get_value()),
            MetricType::GAUGE => |lines, metric| lines.sample("", metric.get_gauge().get_value()),
            MetricType::HISTOGRAM => |lines, metric| lines.histogram(metric),
            MetricType::SUMMARY | MetricType::UNTYPED => return,
        };
        let mut labels = Vec::new();
        let mut all = self.series(&mut labels);
        if all.is_empty() {
            return;
        }
        all.sort_unstable_by_key(|(range, _)| &labels[range.clone()]);
        self.write_head(page);
        let mut lines = Lines { page, name: self.name, labels: &[], start: Vec::new(), bounds: Vec::new() };
        for (range, metric) in all {
            lines.labels = &labels[range];
            write(&mut lines, metric);
        }
    }

    /// The series that are shown, each with the place of its labels among all `labels`.
    fn series(&self, labels: &mut Vec<u8>) -> Vec<(Range<usize>, &'a Metric)> {
        let place = |metric: &'a Metric| {
            let start = labels.len();
            write_labels(&(self.labels)(metric)?, labels);
            Some((start..labels.len(), metric))
        };
        self.family.get_metric().iter().filter_map(place).collect()
    }

    fn write_head(&self, page: &mut Vec<u8>) {
        let kind = match self.family.get_field_type() {
            MetricType::COUNTER => "counter",
            MetricType::GAUGE => "gauge",
            _ => "histogram",
        };
        for part in ["# HELP ", self.name, " "] {
            page.extend_from_slice(part.as_bytes());
        }
        page.extend_from_slice(self.family.help().as_bytes());
        for part in ["\n# TYPE ", self.name, " ", kind, "\n"] {
            page.extend_from_slice(part.as_bytes());
        }
    }
}

fn own_labels(metric: &Metric) -> Option<Vec<(&str, &str)>> {
    Some(metric.get_label().iter().map(|label| (label.name(), label.value())).collect())
}

/// As they stand between braces.
fn write_labels(labels: &[(&str, &str)], text: &mut Vec<u8>) {
    for (place, (name, value)) in labels.iter().enumerate() {
        if place > 0 {
            text.push(b',');
        }
        text.extend_from_slice(name.as_bytes());
        text.extend_from_slice(b"=\"");
        escape(value, memchr3(b'\\', b'\n', b'"', value.as_bytes()), text);
        text.push(b'"');
    }
}

/// The lines of one family, series after series.
struct Lines<'a> {
    page: &'a mut Vec<u8>,
    name: &'a str,
    /// The labels of this series, without braces.
    labels: &'a [u8],
    /// What the lines of this series' buckets begin with.
    start: Vec<u8>,
    /// What follows that, for each bound; the series of a family have the same.
    bounds: Vec<(f64, Box<[u8]>)>,
}

impl Lines<'_> {
    fn histogram(&mut self, metric: &Metric) {
        let histogram = metric.get_histogram();
        self.start.clear();
        self.start.extend_from_slice(self.name.as_bytes());
        self.start.extend_from_slice(b"_bucket{");
        if !self.labels.is_empty() {
            self.start.extend_from_slice(self.labels);
            self.start.push(b',');
        }
        for (place, bucket) in histogram.get_bucket().iter().enumerate() {
            self.bucket(place, bucket);
        }
        self.page.extend_from_slice(&self.start);
        self.page.extend_from_slice(b"le=\"+Inf\"} ");
        end(histogram.get_sample_count(), self.page);
        self.sample("_sum", histogram.get_sample_sum());
        self.sample("_count", histogram.get_sample_count() as f64);
    }

    fn bucket(&mut self, place: usize, bucket: &Bucket) {
        let bound = bucket.upper_bound();
        if self.bounds.get(place).is_none_or(|(known, _)| known.to_bits() != bound.to_bits()) {
            self.bounds.truncate(place);
            self.bounds.push((bound, format!("le=\"{bound}\"}} ").into_bytes().into()));
        }
        self.page.extend_from_slice(&self.start);
        self.page.extend_from_slice(&self.bounds[place].1);
        end(bucket.cumulative_count(), self.page);
    }

    /// A line of its own for this series.
    fn sample(&mut self, suffix: &str, value: f64) {
        self.page.extend_from_slice(self.name.as_bytes());
        self.page.extend_from_slice(suffix.as_bytes());
        if !self.labels.is_empty() {
            self.page.push(b'{');
            self.page.extend_from_slice(self.labels);
            self.page.push(b'}');
        }
        self.page.push(b' ');
        write_value(value, self.page);
        self.page.push(b'\n');
    }
}

/// The end of a bucket's line.
fn end(count: u64, page: &mut Vec<u8>) {
    page.extend_from_slice(itoa::Buffer::new().format(count).as_bytes());
    page.push(b'\n');
}

/// Most values are whole, and those are quickly written.
fn write_value(value: f64, page: &mut Vec<u8>) {
    // Beyond it not every whole number is a float.
    const EXACT: f64 = (1_u64 << 53) as f64;
    if value.fract() == 0.0 && value.abs() < EXACT {
        page.extend_from_slice(itoa::Buffer::new().format(value as i64).as_bytes());
    } else if value.is_infinite() {
        page.extend_from_slice(if value > 0.0 { b"+Inf" } else { b"-Inf" });
    } else {
        let _a_vector_takes_everything = write!(page, "{value}");
    }
}

/// Adds `text`; from the `first` special character on with a backslash before each.
fn escape(text: &str, first: Option<usize>, page: &mut Vec<u8>) {
    let (plain, rest) = text.as_bytes().split_at(first.unwrap_or(text.len()));
    page.extend_from_slice(plain);
    for byte in rest {
        match byte {
            b'\n' => page.extend_from_slice(b"\\n"),
            b'\\' | b'"' => page.extend_from_slice(&[b'\\', *byte]),
            _ => page.push(*byte),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(write: impl FnOnce(&mut Vec<u8>)) -> String {
        let mut page = Vec::new();
        write(&mut page);
        String::from_utf8(page).unwrap()
    }

    /// Whatever a label or a help text says, the page stays one that can be read.
    #[test]
    fn special_characters_are_escaped() {
        use prometheus::{IntCounterVec, Opts, Registry};
        let registry = Registry::new();
        let family = IntCounterVec::new(Opts::new("odd_total", "odd labels"), &["x"]).unwrap();
        registry.register(Box::new(family.clone())).unwrap();
        family.with_label_values(&["quote\" line\nslash\\ 中文"]).inc();
        let families = registry.gather();
        assert_eq!(
            told(|page| Shown::own(&families[0]).write(page)),
            "# HELP odd_total odd labels\n# TYPE odd_total counter\n\
             odd_total{x=\"quote\\\" line\\nslash\\\\ 中文\"} 1\n"
        );
    }

    #[test]
    fn values_are_written_as_prometheus_reads_them() {
        let told = |value| told(|page| write_value(value, page));
        for (value, text) in [(0.0, "0"), (-3.0, "-3"), (0.012_345, "0.012345"), (1e15, "1000000000000000")] {
            assert_eq!(told(value), text);
        }
        assert_eq!([f64::INFINITY, f64::NEG_INFINITY, f64::NAN].map(told), ["+Inf", "-Inf", "NaN"]);
        for value in [1e19, 0.1 + 0.2, 1.0 / 3.0] {
            assert_eq!(told(value).parse::<f64>(), Ok(value), "nothing is lost");
        }
    }
}
