//! New families of metrics, remembered as they are made.

use std::cell::RefCell;

use prometheus::core::Collector;
use prometheus::proto::MetricFamily;
use prometheus::{
    CounterVec, Gauge, GaugeVec, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry,
};

/// See the module.
#[derive(Default)]
pub(super) struct Families {
    /// Refuses two of one name.
    registry: Registry,
    all: RefCell<Vec<Box<dyn Collector>>>,
}

impl Families {
    /// All of them. They are asked directly: the registry would sort their series by label after label.
    pub(super) fn collectors(self) -> Collectors {
        Collectors(self.all.into_inner())
    }

    fn remember(&self, family: impl Collector + Clone + 'static) -> prometheus::Result<()> {
        self.registry.register(Box::new(family.clone()))?;
        self.all.borrow_mut().push(Box::new(family));
        Ok(())
    }

    pub(super) fn counters(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntCounterVec> {
        let family = IntCounterVec::new(Opts::new(name, help), labels)?;
        self.remember(family.clone())?;
        Ok(family)
    }

    pub(super) fn float_counters(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<CounterVec> {
        let family = CounterVec::new(Opts::new(name, help), labels)?;
        self.remember(family.clone())?;
        Ok(family)
    }

    pub(super) fn counter(&self, name: &str, help: &str) -> prometheus::Result<IntCounter> {
        let counter = IntCounter::new(name, help)?;
        self.remember(counter.clone())?;
        Ok(counter)
    }

    pub(super) fn gauges(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<IntGaugeVec> {
        let family = IntGaugeVec::new(Opts::new(name, help), labels)?;
        self.remember(family.clone())?;
        Ok(family)
    }

    pub(super) fn gauge(&self, name: &str, help: &str) -> prometheus::Result<IntGauge> {
        let gauge = IntGauge::new(name, help)?;
        self.remember(gauge.clone())?;
        Ok(gauge)
    }

    pub(super) fn float_gauge(&self, name: &str, help: &str) -> prometheus::Result<Gauge> {
        let gauge = Gauge::new(name, help)?;
        self.remember(gauge.clone())?;
        Ok(gauge)
    }

    pub(super) fn float_gauges(&self, name: &str, help: &str, labels: &[&str]) -> prometheus::Result<GaugeVec> {
        let family = GaugeVec::new(Opts::new(name, help), labels)?;
        self.remember(family.clone())?;
        Ok(family)
    }

    pub(super) fn histogram(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
        buckets: &[f64],
    ) -> prometheus::Result<HistogramVec> {
        self.histogram_with(HistogramOpts::new(name, help).buckets(buckets.to_vec()), labels)
    }

    /// A histogram whose every series has one more label, always with the same value.
    pub(super) fn histogram_of(
        &self,
        name: &str,
        help: &str,
        labels: &[&str],
        buckets: &[f64],
        (label, value): (&str, &str),
    ) -> prometheus::Result<HistogramVec> {
        let options = HistogramOpts::new(name, help).buckets(buckets.to_vec());
        self.histogram_with(options.const_label(label, value), labels)
    }

    fn histogram_with(&self, options: HistogramOpts, labels: &[&str]) -> prometheus::Result<HistogramVec> {
        let family = HistogramVec::new(options, labels)?;
        self.remember(family.clone())?;
        Ok(family)
    }
}

/// Whatever has something to show.
#[derive(Default)]
pub(super) struct Collectors(Vec<Box<dyn Collector>>);

impl Collectors {
    pub(super) fn add(&mut self, other: impl Collector + 'static) {
        self.0.push(Box::new(other));
    }

    /// What there is to show now, in no order.
    pub(super) fn collect(&self) -> Vec<MetricFamily> {
        self.0.iter().flat_map(|collector| collector.collect()).collect()
    }
}

impl std::fmt::Debug for Collectors {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_tuple("Collectors").field(&self.0.len()).finish()
    }
}
