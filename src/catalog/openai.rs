//! Ready-made aliases for OpenAI's names, off unless the operator switches them on (`models.openai_aliases`).
//!
//! Each leads to a model that is free on the China site, wherever there is a free one of the kind: nobody shall pay by
//! accident. (No model that speaks is free.) Names were taken from OpenAI's model pages and SDKs as of 2026-11; those with
//! sound in chat (`gpt-4o-audio-preview`, `gpt-realtime`) are left out on purpose, for nothing here could answer them.

use super::alias::Aliases;

/// Free, of 262,000 tokens, and takes pictures and tools as these names do.
const SEES: &str = "Qwen/Qwen3.5-4B";
/// Free, with tools, and its limits are known (R-JI, R-AF in config/models.toml); these names take text only.
const TALKS: &str = "Qwen/Qwen3-8B";
/// Free, and always reasons, as these names do.
const REASONS: &str = "deepseek-ai/DeepSeek-R1-0528-Qwen3-8B";
/// Free, in Chinese and English, with inputs of 8,192 tokens like OpenAI's. Its vectors have 1,024 numbers.
const EMBEDS: &str = "BAAI/bge-m3";
/// Free, and the more accurate of the two that listen for nothing.
const LISTENS: &str = "FunAudioLLM/SenseVoiceSmall";
/// Not free: no model that speaks is. Its eight voices are those of section 10 of siliconflow-api.md.
const SPEAKS: &str = "FunAudioLLM/CosyVoice2-0.5B";
/// The only free one that draws.
const DRAWS: &str = "Kwai-Kolors/Kolors";

/// Name or pattern, model. Where two patterns fit the longer one wins, so a name that ends in a kind of its own
/// (`gpt-4o-mini-tts`) is never taken for chat; `gpt-4o*` would catch kinds that come later.
pub const ALIASES: &[(&str, &str)] = &[
    // Chat with pictures.
    ("gpt-4o", SEES),
    ("gpt-4o-2*", SEES), // dated: gpt-4o-2024-08-06
    ("gpt-4o-mini", SEES),
    ("gpt-4o-mini-2*", SEES),
    ("chatgpt-4o-latest", SEES),
    ("gpt-4.1", SEES),
    ("gpt-4.1-*", SEES),
    ("gpt-4.5-preview*", SEES),
    ("gpt-4-turbo*", SEES),
    ("gpt-5", SEES),
    ("gpt-5-*", SEES),
    ("gpt-5.*", SEES), // gpt-5.1, gpt-5.1-codex
    // Chat without.
    ("gpt-3.5-turbo*", TALKS),
    ("gpt-4", TALKS),
    ("gpt-4-0*", TALKS), // dated: gpt-4-0613
    ("gpt-4-32k*", TALKS),
    // Reasoning.
    ("o1", REASONS),
    ("o1-*", REASONS),
    ("o3", REASONS),
    ("o3-*", REASONS),
    ("o4-*", REASONS),
    // Embeddings.
    ("text-embedding-3-small", EMBEDS),
    ("text-embedding-3-large", EMBEDS),
    ("text-embedding-ada-002", EMBEDS),
    // Transcription.
    ("whisper-1", LISTENS),
    ("gpt-4o-transcribe*", LISTENS),
    ("gpt-4o-mini-transcribe*", LISTENS),
    // Speech.
    ("tts-1", SPEAKS),
    ("tts-1-*", SPEAKS), // tts-1-hd, tts-1-1106
    ("gpt-4o-mini-tts*", SPEAKS),
    // Pictures.
    ("dall-e-2", DRAWS),
    ("dall-e-3", DRAWS),
    ("gpt-image-1", DRAWS),
    ("gpt-image-1-mini", DRAWS),
];

/// Those of [`ALIASES`] that `own`, the operator's aliases, leave room for. Theirs win, however general: with
/// `"gpt-4o*" = …` of their own they do not expect `gpt-4o` to be another model.
pub fn beside<'a>(own: &Aliases) -> impl Iterator<Item = (&'a str, &'a str)> {
    let name = |alias: &'static str| alias.strip_suffix('*').unwrap_or(alias);
    let left = ALIASES.iter().filter(move |(alias, _)| own.target(name(alias)).is_none());
    left.map(|(alias, target)| (*alias, *target))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalog::Catalogue;
    use crate::catalog::model::Kind;

    fn ready_made() -> Aliases {
        let (aliases, errors) = Aliases::new(ALIASES.iter().copied());
        assert!(errors.is_empty(), "{errors:?}");
        aliases
    }

    fn kind(name: &str) -> Option<Kind> {
        let aliases = ready_made();
        Some(Catalogue::builtin().get(aliases.target(name)?).unwrap().kind)
    }

    #[test]
    fn every_target_is_served_and_free_where_a_free_one_exists() {
        let catalogue = Catalogue::builtin();
        let served =
            |kind: Kind| catalogue.models().iter().filter(move |model| model.kind == kind && model.status.is_served());
        for (alias, target) in ALIASES {
            let model = catalogue.get(target).unwrap_or_else(|| panic!("{alias}: {target} is not there"));
            assert!(model.status.is_served(), "{alias}: {target}");
            assert_eq!(model.is_free, served(model.kind).any(|other| other.is_free), "{alias}: {target}");
        }
    }

    #[test]
    fn every_name_leads_to_its_kind() {
        for name in [
            "gpt-4o",
            "gpt-4o-2024-08-06",
            "gpt-4o-mini",
            "gpt-4o-mini-2024-07-18",
            "chatgpt-4o-latest",
            "gpt-4.1-nano",
            "gpt-5",
            "gpt-5-mini",
            "gpt-5.1-codex",
            "gpt-3.5-turbo-16k",
            "gpt-4",
            "gpt-4-0613",
            "gpt-4-turbo",
            "o1",
            "o1-preview",
            "o3-mini",
            "o4-mini",
        ] {
            assert!(kind(name).is_some_and(Kind::talks), "{name}: {:?}", kind(name));
        }
        for (names, expected) in [
            (&["text-embedding-3-small", "text-embedding-3-large", "text-embedding-ada-002"][..], Kind::Embedding),
            (&["whisper-1", "gpt-4o-transcribe", "gpt-4o-transcribe-diarize", "gpt-4o-mini-transcribe"], Kind::Asr),
            (&["tts-1", "tts-1-hd", "gpt-4o-mini-tts", "gpt-4o-mini-tts-2025-03-20"], Kind::Tts),
            (&["dall-e-2", "dall-e-3", "gpt-image-1"], Kind::Image),
        ] {
            for name in names {
                assert_eq!(kind(name), Some(expected), "{name}");
            }
        }
    }

    #[test]
    fn names_that_nothing_here_can_answer_are_left_alone() {
        for name in
            ["gpt-4o-audio-preview", "gpt-4o-realtime-preview", "gpt-audio", "gpt-realtime", "sora-2", "o2", "tts"]
        {
            assert_eq!(kind(name), None, "{name}");
        }
    }

    #[test]
    fn the_operators_own_aliases_win() {
        let own = [("gpt-4o*", "zai-org/GLM-5.2"), ("tts-1", "fnlp/MOSS-TTSD-v0.5"), ("fast", "gpt-3.5-turbo")];
        let (own_only, _) = Aliases::new(own);
        let (all, errors) = Aliases::new(own.into_iter().chain(beside(&own_only)));
        assert!(errors.is_empty(), "{errors:?}");
        assert_eq!(all.target("gpt-4o"), Some("zai-org/GLM-5.2"));
        assert_eq!(all.target("gpt-4o-mini-2024-07-18"), Some("zai-org/GLM-5.2"));
        assert_eq!(all.target("tts-1"), Some("fnlp/MOSS-TTSD-v0.5"));
        assert_eq!(all.target("tts-1-hd"), Some(SPEAKS));
        assert_eq!(all.target("fast"), Some(TALKS));
        assert_eq!(all.target("gpt-5"), Some(SEES));
    }
}
