"""LlamaIndex with its own packages for SiliconFlow, which take the full URL of each endpoint."""

import json

import pytest
import requests
from gateway import *
from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.schema import NodeWithScore, TextNode
from llama_index.embeddings.siliconflow import SiliconFlowEmbedding
from llama_index.llms.siliconflow import SiliconFlow
from llama_index.postprocessor.siliconflow_rerank import SiliconFlowRerank


def model(name=CHAT, key="ANN"):
    return SiliconFlow(model=name, api_key=KEYS[key], base_url=f"{BASE_URL}/chat/completions", max_retries=0)


def message(content):
    return [ChatMessage(content)]


def test_chat(emulator):
    answer = model().chat(message(say(TEXT)))
    assert answer.message.content == TEXT
    assert answer.raw["usage"]["prompt_tokens"] == emulator.billed()["prompt_tokens"]


@pytest.mark.parametrize("name", [CHAT, THINKING, "deepseek-ai/DeepSeek-V3.2"])
def test_stream(name):
    *_, last = model(name).stream_chat(message(say(TEXT)))
    assert last.message.content == TEXT


def test_tools():
    answer = model().chat(message(TWO_CITIES), tools=[WEATHER_TOOL])
    calls = model().get_tool_calls_from_response(answer)
    assert [call.tool_kwargs["city"] for call in calls] == ["Paris", "Tokyo"]


def test_json_mode():
    answer = model().chat(message("A city as JSON"), response_format={"type": "json_object"})
    assert isinstance(json.loads(answer.message.content), dict)


@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_thousand_embeddings(emulator, encoding):
    texts = thousand_texts()
    url = f"{BASE_URL}/embeddings"
    embedding = SiliconFlowEmbedding(model=EMBEDDING, api_key=KEYS["ANN"], base_url=url, encoding_format=encoding, embed_batch_size=1000, max_retries=0)
    vectors = embedding.get_text_embedding_batch(texts)
    assert len(vectors) == 1000 and all(map(is_same_vector, vectors, emulator.vectors(texts)))


def test_rerank():
    nodes = [NodeWithScore(node=TextNode(text=text)) for text in ("A recipe of bread", "The fox in the snow", "Tax law")]
    rerank = SiliconFlowRerank(model=RERANKER, base_url=f"{BASE_URL}/rerank", api_key=KEYS["ANN"], top_n=2)
    ranked = rerank.postprocess_nodes(nodes, query_str="Where is the fox in the snow?")
    assert len(ranked) == 2 and ranked[0].node.text == "The fox in the snow" and ranked[0].score > ranked[1].score


def test_rerank_error():
    nodes = [NodeWithScore(node=TextNode(text="A"))]
    rerank = SiliconFlowRerank(model="fault/rpm-429", base_url=f"{BASE_URL}/rerank", api_key=KEYS["ANN"])
    with pytest.raises(RuntimeError, match="rate_limit_exceeded"):
        rerank.postprocess_nodes(nodes, query_str="B")


@pytest.mark.parametrize("case", ERRORS, ids=str)
def test_error(emulator, case):
    with pytest.raises(requests.HTTPError) as caught:
        model(case.model, case.key).chat(message("Hi"))
    error = caught.value.response.json()["error"]
    assert (caught.value.response.status_code, error["code"]) == (case.status, case.code)
    assert case.says in error["message"]
    assert len(emulator.requests()) == case.calls


@pytest.mark.parametrize("fault", BROKEN)
def test_broken_stream(fault):
    with pytest.raises((KeyError, ValueError, requests.RequestException)):
        list(model(f"fault/{fault}").stream_chat(message("[[tokens=9]]")))
