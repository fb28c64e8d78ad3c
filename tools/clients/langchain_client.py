import json

from harness import KEY, MODEL, URL, check, run
from langchain_core.messages import AIMessage, HumanMessage, ToolMessage
from langchain_core.tools import tool
from langchain_openai import ChatOpenAI, OpenAI
from pydantic import BaseModel, Field


class Stay(BaseModel):
    """A stay in a hotel."""

    nights: int = Field(ge=1, le=9)
    breakfast: bool


@tool
def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


def model(**options):
    return ChatOpenAI(model=MODEL, base_url=URL, api_key=KEY, max_retries=0, **{"max_tokens": 400, **options})


@check
def invoke():
    answer = model(max_tokens=16).invoke("Hello")
    assert isinstance(answer, AIMessage) and answer.usage_metadata["output_tokens"] <= 16


@check
def stream():
    chunks = list(model(max_tokens=16, stream_usage=True).stream("Hello"))
    whole = sum(chunks[1:], chunks[0])
    assert isinstance(whole.content, str) and whole.usage_metadata["output_tokens"] >= 1


@check
def reasoning_is_shown_as_summary():
    settings = {
        "use_responses_api": True, "output_version": "responses/v1", "max_tokens": 16, "temperature": 0,
        "reasoning": {"effort": "low", "summary": "auto"},
    }

    def thoughts(answer):
        return [block["summary"][0]["text"] for block in answer.content if block["type"] == "reasoning"]

    chunks = list(model(**settings).stream("Hello"))
    # A model of random weights may not think at all.
    assert thoughts(sum(chunks[1:], chunks[0])) == thoughts(model(**settings).invoke("Hello"))


@check
def batch():
    assert len(model(max_tokens=8).batch(["One", "Two", "Three"])) == 3


@check
def bind_tools():
    for choice in ("any", "add"):
        [call, *_] = model().bind_tools([add], tool_choice=choice, parallel_tool_calls=False).invoke("1+2").tool_calls
        assert call["name"] == "add" and set(call["args"]) == {"a", "b"}


@check
def stream_of_calls():
    chunks = list(model().bind_tools([add], tool_choice="add").stream("1+2"))
    assert sum(chunks[1:], chunks[0]).tool_calls[0]["name"] == "add"


@check
def tool_results():
    call = {"name": "add", "args": {"a": 1, "b": 2}, "id": "call_1"}
    messages = [HumanMessage("1+2"), AIMessage("", tool_calls=[call]), ToolMessage("3", tool_call_id="call_1")]
    assert isinstance(model(max_tokens=8).bind_tools([add]).invoke(messages), AIMessage)


@check
def structured_by_schema():
    assert isinstance(model().with_structured_output(Stay, method="json_schema").invoke("Book"), Stay)


@check
def structured_by_tool():
    assert isinstance(model().with_structured_output(Stay, method="function_calling").invoke("Book"), Stay)


@check
def structured_by_json_mode():
    # Random weights may write a long object.
    book = model(max_tokens=3000).with_structured_output(Stay, method="json_mode", include_raw=True)
    answer = book.invoke("Answer in JSON")
    json.loads(answer["raw"].content)


@check
def log_probabilities():
    answer = model(max_tokens=4, logprobs=True, top_logprobs=2).invoke("Hello")
    assert len(answer.response_metadata["logprobs"]["content"]) == 4


@check
def responses_api():
    answer = model(max_tokens=32, use_responses_api=True).invoke("Hello")
    assert answer.usage_metadata["output_tokens"] >= 1


@check
def responses_api_tools():
    bound = model(use_responses_api=True).bind_tools([add], tool_choice="add")
    assert bound.invoke("1+2").tool_calls[0]["name"] == "add"


@check
def completions():
    assert isinstance(OpenAI(model=MODEL, base_url=URL, api_key=KEY, max_tokens=4).invoke("One"), str)


run()
