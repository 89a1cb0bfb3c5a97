//! Where free models are free: on the China site and nowhere else (config/models.toml, `free_applies_to`). A pure function
//! of the upstream's host.

use super::catalogue::Catalogue;
use crate::quota::limits::Limits;

/// The China site and its other names (siliconflow-api.md, section 1).
const CHINA: &str = "siliconflow.cn";

/// Whether models that are called free cost nothing at `host` (without a port).
///
/// This machine counts as the China site: what listens there is the emulator, or a proxy that the operator put there
/// (ours). At every other host a model is free only if the configuration says so.
pub fn has_free_models(host: &str) -> bool {
    let host = host.trim_matches(['[', ']']).to_ascii_lowercase();
    let is_china = host.strip_suffix(CHINA).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    let is_this_machine = host.parse::<std::net::IpAddr>().map_or(host == "localhost", |address| address.is_loopback());
    is_china || is_this_machine
}

impl Catalogue {
    /// The same models as `host` sells them. Where nothing is free, what the free ones cost is not known, and the limits
    /// that hold whatever the tier are not theirs.
    #[must_use]
    pub fn at_host(&self, host: &str) -> Self {
        let mut catalogue = self.clone();
        if !has_free_models(host) {
            for model in catalogue.models_mut().filter(|model| model.is_free) {
                (model.is_free, model.price, model.fixed) = (false, None, Limits::default());
            }
        }
        catalogue
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::model::Kind;
    use crate::quota::limits::Source;
    use crate::quota::metric::Metric;
    use crate::quota::tier::Tier;

    #[test]
    fn only_the_china_site_is_free() {
        for china in ["api.siliconflow.cn", "API.SiliconFlow.CN", "siliconflow.cn", "127.0.0.1", "[::1]", "localhost"] {
            assert!(has_free_models(china), "{china}");
        }
        for other in
            ["api.siliconflow.com", "api-st.siliconflow.cn.example", "notsiliconflow.cn", "10.0.0.1", "gateway", ""]
        {
            assert!(!has_free_models(other), "{other}");
        }
    }

    #[test]
    fn elsewhere_nothing_is_free_and_nothing_costs_nothing() {
        let (china, elsewhere) = (Catalogue::builtin(), Catalogue::builtin().at_host("api.siliconflow.com"));
        assert_eq!(china.at_host("api.siliconflow.cn").models(), china.models());
        assert!(china.models().iter().filter(|model| model.is_free).count() > 10);
        for model in china.models().iter().filter(|model| model.is_free) {
            assert!(!elsewhere.is_free(&model.id), "{}", model.id);
            assert_eq!(elsewhere.get(&model.id).unwrap().price, None, "{}", model.id);
        }
        let paid = |catalogue: &Catalogue| catalogue.get("zai-org/GLM-5.2").unwrap().price.clone();
        assert_eq!(paid(china), paid(&elsewhere));
        let limit = elsewhere.limits("Qwen/Qwen3-8B", Kind::Chat, Tier::L5).get(Metric::Tpm).unwrap();
        assert_eq!((limit.value, limit.source), (5_000_000, Source::Documented));
    }
}
