//! The tools that are known, by family.

use super::guide::{Folders, Guide};
use super::target::Target;
use super::{agents, chats, coding, libraries};

/// A program that can use the gateway.
#[derive(Debug)]
pub(super) struct Tool {
    /// Its name on the command line.
    pub(super) name: &'static str,
    /// Its name for people.
    pub(super) title: &'static str,
    /// What happens with it: which file is changed, or that there are steps to go.
    pub(super) about: &'static str,
    /// What it needs.
    pub(super) guide: fn(&Target, &Folders) -> Result<Guide, String>,
}

/// Names in the order of [`TOOLS`]; a test compares.
pub(super) const NAMES: [&str; 11] = [
    "codex",
    "claude-code",
    "cherry-studio",
    "cline",
    "continue",
    "aider",
    "opencode",
    "langchain",
    "llamaindex",
    "open-webui",
    "nextchat",
];

/// Every tool.
pub(super) const TOOLS: [Tool; 11] = [
    Tool { name: "codex", title: "Codex", about: "sets ~/.codex/config.toml", guide: agents::codex },
    Tool {
        name: "claude-code",
        title: "Claude Code",
        about: "sets ~/.claude/settings.json",
        guide: agents::claude_code,
    },
    Tool {
        name: "cherry-studio",
        title: "Cherry Studio",
        about: "steps and an import link",
        guide: chats::cherry_studio,
    },
    Tool { name: "cline", title: "Cline", about: "steps", guide: coding::cline },
    Tool { name: "continue", title: "Continue", about: "makes ~/.continue/config.yaml", guide: coding::continue_dev },
    Tool { name: "aider", title: "aider", about: "makes ~/.aider.conf.yml", guide: coding::aider },
    Tool {
        name: "opencode",
        title: "OpenCode",
        about: "sets ~/.config/opencode/opencode.json",
        guide: coding::opencode,
    },
    Tool { name: "langchain", title: "LangChain", about: "Python", guide: libraries::langchain },
    Tool { name: "llamaindex", title: "LlamaIndex", about: "Python", guide: libraries::llamaindex },
    Tool { name: "open-webui", title: "Open WebUI", about: "environment variables", guide: chats::open_webui },
    Tool { name: "nextchat", title: "NextChat", about: "steps, or environment variables", guide: chats::nextchat },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_tools() {
        assert_eq!(TOOLS.each_ref().map(|tool| tool.name), NAMES);
    }
}
