import os

os.environ |= {"HAYSTACK_TELEMETRY_ENABLED": "False", "OPENAI_API_KEY": "none"}

from harness import MODEL, URL, check, run  # noqa: E402
from haystack.components.generators.chat import OpenAIChatGenerator  # noqa: E402
from haystack.dataclasses import ChatMessage  # noqa: E402
from haystack.tools import Tool  # noqa: E402
from pydantic import BaseModel, Field  # noqa: E402


class Stay(BaseModel):
    nights: int = Field(ge=1, le=9)
    breakfast: bool


NUMBERS = {"type": "object", "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}}, "required": ["a", "b"]}
ADD = Tool(name="add", description="Adds two numbers.", parameters=NUMBERS, function=lambda a, b: a + b)


def ask(tokens=400, stream=None, tools=None, **settings):
    generator = OpenAIChatGenerator(
        model=MODEL, api_base_url=URL, max_retries=0, streaming_callback=stream, tools=tools,
        generation_kwargs={"max_completion_tokens": tokens, **settings},
    )
    return generator.run([ChatMessage.from_user("Hello")])["replies"][0]


@check
def chat():
    assert ask(16).meta["usage"]["completion_tokens"] <= 16


@check
def stream():
    chunks = []
    ask(16, stream=chunks.append)
    assert chunks


@check
def tools():
    assert ask(tools=[ADD], tool_choice="required").tool_calls[0].tool_name == "add"


@check
def structured():
    Stay.model_validate_json(ask(response_format=Stay).text)


run()
