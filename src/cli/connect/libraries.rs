//! Libraries for Python: LangChain and LlamaIndex.

use super::guide::{Folders, Guide, Language, Section};
use super::target::{EMBEDDING, PLACEHOLDER, Target};

/// `import os` where it is needed, and the key as Python reads it.
fn key(target: &Target) -> (&'static str, String) {
    match &target.key {
        Some(variable) => ("import os\n", format!("os.environ[\"{variable}\"]")),
        None => ("", format!("\"{PLACEHOLDER}\"")),
    }
}

/// `langchain-openai`. Its embeddings send token numbers unless told otherwise, which SiliconFlow does not take.
///
/// # Errors
/// None; all guides have one shape.
#[expect(clippy::unnecessary_wraps, reason = "all guides have one shape")]
pub(super) fn langchain(target: &Target, _: &Folders) -> Result<Guide, String> {
    let ((import, key), base) = (key(target), target.base());
    let text = format!(
        "{import}from langchain_openai import ChatOpenAI, OpenAIEmbeddings\n\n\
         chat = ChatOpenAI(base_url=\"{base}\", api_key={key}, model=\"{}\", stream_usage=True)\n\
         embeddings = OpenAIEmbeddings(\n    base_url=\"{base}\", api_key={key}, model=\"{EMBEDDING}\", check_embedding_ctx_length=False\n)",
        target.model
    );
    Ok(Guide::default().and(Section::new("langchain-openai", Language::Python, text)))
}

/// `llama-index-llms-openai-like` and its sister for embeddings.
///
/// # Errors
/// None; all guides have one shape.
#[expect(clippy::unnecessary_wraps, reason = "all guides have one shape")]
pub(super) fn llamaindex(target: &Target, _: &Folders) -> Result<Guide, String> {
    let ((import, key), base) = (key(target), target.base());
    let window = target.context.map_or_else(String::new, |tokens| format!("    context_window={tokens},\n"));
    let text = format!(
        "{import}from llama_index.embeddings.openai_like import OpenAILikeEmbedding\nfrom llama_index.llms.openai_like import OpenAILike\n\n\
         llm = OpenAILike(\n    api_base=\"{base}\",\n    api_key={key},\n    model=\"{}\",\n    is_chat_model=True,\n    \
         is_function_calling_model=True,\n{window})\n\
         embedding = OpenAILikeEmbedding(api_base=\"{base}\", api_key={key}, model_name=\"{EMBEDDING}\")",
        target.model
    );
    Ok(Guide::default().and(Section::new("llama-index", Language::Python, text)))
}
