//! Which part of the list a caller wants, in the upstream's words (siliconflow-api.md, section 12).

use crate::catalog::model::Kind;

/// What a caller wants of the list, in the upstream's words.
#[derive(Debug, Default)]
pub(super) struct Filter {
    /// With its `?`.
    pub(super) query: String,
    r#type: Option<String>,
    sub_type: Option<String>,
}

impl Filter {
    pub(super) fn of(path: &str) -> Self {
        let Some((_, query)) = path.split_once('?') else { return Self::default() };
        let value = |name: &str| {
            query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('=').map(str::to_owned))
        };
        Self { query: format!("?{query}"), r#type: value("type"), sub_type: value("sub_type") }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.r#type.is_none() && self.sub_type.is_none()
    }

    /// Whether the upstream would list a model of this kind. Of one that nobody knows only the upstream can tell.
    pub(super) fn takes(&self, kind: Option<Kind>) -> bool {
        let Some((r#type, sub_type)) = kind.map(Kind::listed_as) else { return self.is_empty() };
        self.r#type.as_deref().is_none_or(|asked| asked == r#type)
            && self.sub_type.as_deref().is_none_or(|asked| Some(asked) == sub_type)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filters_speak_the_upstreams_words() {
        let takes = |query: &str, kind| Filter::of(&format!("/models{query}")).takes(kind);
        assert!(takes("", None) && takes("?x=1", Some(Kind::Tts)) && takes("?type=audio", Some(Kind::Tts)));
        assert!(takes("?sub_type=embedding", Some(Kind::Embedding)) && !takes("?sub_type=embedding", Some(Kind::Chat)));
        assert!(takes("?type=text&sub_type=chat", Some(Kind::Vision)) && !takes("?type=text", None));
        assert!(!takes("?type=image&sub_type=chat", Some(Kind::Image)));
    }
}
