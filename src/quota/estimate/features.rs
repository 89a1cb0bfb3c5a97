//! What a request's text is made of: a vector of counts, the same length for every request.
//!
//! It knows no tokenizer. [`super::calibration`] learns how many tokens each count stands for.

use super::matrix::Sparse;
use super::text::Text;
use super::walk;

/// One count. What tokenizers do with it decides what is counted apart from what.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Feature {
    /// Chat requests: what a template adds once, such as the mark that asks for an answer.
    Request,
    /// Items of an input that is no chat: prompts, texts to embed, documents.
    Item,
    /// Messages.
    Message,
    /// Calls of tools in messages.
    Call,
    /// Messages with what a tool answered.
    Answer,
    /// 1 where tools are offered: templates then add a chapter on how to call them.
    HasTools,
    /// Tools offered.
    Tool,
    /// Keys and strings in the schemas of tools; templates write these schemas as JSON.
    SchemaString,
    /// Objects and arrays in the schemas of tools.
    SchemaBracket,
    /// Han characters (U+3400 to U+9FFF and the compatibility block) that make no known word with the one before.
    Han,
    /// Runs of Han characters: a tokenizer never joins across punctuation.
    HanRun,
    /// Han characters that make a known word with the one before: mostly no token of their own.
    HanJoined,
    /// Full-width and typographic punctuation.
    FullWidth,
    /// Hiragana and Katakana.
    Kana,
    /// Hangul syllables.
    Hangul,
    /// Letters of the alphabets that UTF-8 writes in two bytes: Cyrillic, Greek, Arabic, Hebrew and others.
    Alphabet,
    /// Latin letters with marks.
    Accented,
    /// All other characters of three bytes: Thai, Devanagari, symbols.
    Thin,
    /// Characters of four bytes: emoji, rare Han.
    Wide,
    /// Latin words: runs of the letters a to z.
    Word,
    /// Letters behind a digit and digits behind a letter: identifiers, hashes, encoded bytes.
    Tangled,
    /// Capitals behind a small letter, as in camelCase.
    Camel,
    /// Capitals behind a capital.
    Capital,
    /// Digits.
    Digit,
    /// Runs of digits.
    Number,
    /// Runs of digits behind a blank, which then is a token of its own.
    SpacedNumber,
    /// Runs of ASCII punctuation and symbols.
    Punctuation,
    /// Punctuation behind punctuation.
    MorePunctuation,
    /// Runs of line ends.
    Newline,
    /// Runs of two or more blanks, tabs behind a line end: indentation.
    Indent,
    /// Tokens that were sent as numbers.
    TokenId,
    /// Pictures, for the marks around them.
    Image,
    /// Tokens of pictures whose size is known, by the published rule.
    ImageToken,
    /// Pictures whose size is not known, because only a URL was sent.
    UnknownImage,
    /// Tokens of audio and video by a rough prior.
    MediaToken,
}

impl Feature {
    /// How many there are.
    pub const COUNT: usize = Self::MediaToken as usize + 1;
}

/// The counts of one request or of several together.
#[derive(Debug, Clone, Copy)]
pub struct Features {
    counts: [f64; Feature::COUNT],
    /// A bit for each count that may be other than 0.
    some: u64,
}

impl PartialEq for Features {
    fn eq(&self, other: &Self) -> bool {
        self.counts == other.counts
    }
}

impl Default for Features {
    fn default() -> Self {
        Self { counts: [0.0; Feature::COUNT], some: 0 }
    }
}

impl Features {
    /// What a chat is made of; see [`Self::add_chat`].
    pub fn of_chat(messages: &str, tools: Option<&str>) -> Self {
        let mut features = Self::default();
        features.add_chat(messages, tools);
        features
    }

    /// What an input is made of; see [`Self::add_input`].
    pub fn of_input(json: &str) -> Self {
        let mut features = Self::default();
        features.add_input(json);
        features
    }

    /// Counts a chat: the raw JSON of its members `messages` and `tools`. One pass, nothing is copied, and what is not
    /// JSON counts for as far as it can be read. Messages in Anthropic's shape count too.
    pub fn add_chat(&mut self, messages: &str, tools: Option<&str>) {
        let mut text = Text::default();
        self.add(Feature::Request, 1.0);
        walk::messages(messages, &mut text, self);
        if let Some(tools) = tools {
            walk::tools(tools, &mut text, self);
        }
        text.count_into(self);
    }

    /// Counts the raw JSON of `prompt`, `input`, `query` or `documents`: a string, an array of strings, token ids in
    /// one or more arrays (each counts as exactly one token), or objects with texts and pictures.
    pub fn add_input(&mut self, json: &str) {
        let mut text = Text::default();
        walk::input(json, &mut text, self);
        text.count_into(self);
    }

    /// The count of one feature.
    pub fn get(&self, feature: Feature) -> f64 {
        self.counts[feature as usize]
    }

    /// All counts, in the order of [`Feature`].
    pub fn counts(&self) -> &[f64; Feature::COUNT] {
        &self.counts
    }

    /// The same for arithmetic, without most of those that are 0.
    pub(super) fn sparse(&self) -> Sparse<'_, { Feature::COUNT }> {
        Sparse::some(&self.counts, self.some)
    }

    /// Whether nothing was counted.
    pub fn is_empty(&self) -> bool {
        self.counts.iter().all(|count| *count == 0.0)
    }

    /// Adds each of `counts` to the feature at the same place.
    // A loop that stays one: made into twenty steps, its code has to come from memory with each request.
    #[inline(never)]
    pub(super) fn add_all(&mut self, features: &[Feature], counts: &[u32]) {
        features.iter().zip(counts).for_each(|(feature, count)| self.add(*feature, f64::from(*count)));
    }

    pub(super) fn add(&mut self, feature: Feature, count: f64) {
        self.counts[feature as usize] += count;
        self.some |= u64::from(count != 0.0) << feature as u32;
    }
}
