//! `[messages]`: where requests in Anthropic's protocol go.

use crate::api::messages::MessagesUpstream;
use crate::config::reader::Section;

pub(super) fn read(section: &Section<'_>) -> MessagesUpstream {
    const WORDS: [(&str, MessagesUpstream); 2] =
        [("chat", MessagesUpstream::Chat), ("native", MessagesUpstream::Native)];
    section.word("upstream", &WORDS, MessagesUpstream::Chat)
}
