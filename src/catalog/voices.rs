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

/// The voice of somebody who asks for none (ours: the first of the presets).
const DEFAULT: &str = PRESETS[0];

/// The preset voices of `model` by name, and as they are asked for.
pub fn presets(model: &str) -> impl Iterator<Item = (&'static str, String)> {
    PRESETS.into_iter().map(move |preset| (preset, format!("{model}:{preset}")))
}

/// The voice of `model` for somebody who asks for none.
pub fn default_voice(model: &str) -> String {
    format!("{model}:{DEFAULT}")
}

/// Whether `model` speaks only with a voice: one that speaks dialogues has its two (siliconflow-api.md, section 10).
pub fn needs_voice(model: &str) -> bool {
    !model.contains("MOSS-TTSD")
}

/// Whether `model` takes a style in front of the text (siliconflow-api.md, section 10).
pub fn takes_style(model: &str) -> bool {
    model.contains("CosyVoice2")
}

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
