//! Voices by the names that programs know: OpenAI's, and SiliconFlow's without the model before it, which the upstream
//! refuses (siliconflow-api.md, section 10).

/// The preset voices, male and female (`[voices]` in config/models.toml).
const PRESETS: [&str; 8] = ["alex", "benjamin", "charles", "david", "anna", "bella", "claire", "diana"];

/// OpenAI's voices (its API reference, as of 2026-11), each with a preset of the same sex, where it has one (ours: nobody
/// says which of them sound alike).
const OPENAI: [(&str, &str); 13] = [
    ("alloy", "alex"),
    ("ash", "david"),
    ("ballad", "charles"),
    ("cedar", "david"),
    ("coral", "diana"),
    ("echo", "benjamin"),
    ("fable", "charles"),
    ("marin", "bella"),
    ("nova", "bella"),
    ("onyx", "benjamin"),
    ("sage", "anna"),
    ("shimmer", "claire"),
    ("verse", "alex"),
];

/// What `voice` is called upstream when `model` speaks; `None` where it is called so already, or nobody knows it.
pub fn voice(model: &str, voice: &str) -> Option<String> {
    let of_openai = OPENAI.iter().find(|(name, _)| *name == voice).map(|(_, preset)| *preset);
    let preset = of_openai.or_else(|| PRESETS.into_iter().find(|preset| *preset == voice))?;
    Some(format!("{model}:{preset}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_voice_has_a_preset() {
        assert!(OPENAI.iter().all(|(_, preset)| PRESETS.contains(preset)));
        assert_eq!(voice("m", "alloy").as_deref(), Some("m:alex"));
        assert_eq!(voice("m", "anna").as_deref(), Some("m:anna"));
        for other in ["m:anna", "speech:my-voice:abc:def", "nobody", ""] {
            assert_eq!(voice("m", other), None);
        }
    }
}
