import asyncio
import os

from harness import KEY, MODEL, URL, check, run

os.environ |= {"QUIRE_API_KEY": KEY, "QUIRE_BASE_URL": URL, "INSPECT_DISPLAY": "none"}

from inspect_ai.model import GenerateConfig, ResponseSchema, get_model  # noqa: E402
from inspect_ai.tool import tool  # noqa: E402
from inspect_ai.util import json_schema  # noqa: E402
from pydantic import BaseModel  # noqa: E402


class Stay(BaseModel):  # without bounds, which inspect does not send
    nights: int
    breakfast: bool


@tool
def add():
    async def execute(a: int, b: int):
        """Adds two numbers.

        Args:
            a: the first number
            b: the second number
        """
        return str(a + b)

    return execute


def ask(tokens=400, **options):
    config = options.pop("config", {})

    async def main():
        async with get_model(f"openai-api/quire/{MODEL}", memoize=False) as model:
            settings = GenerateConfig(max_tokens=tokens, max_retries=0, **config)
            return await model.generate("Hello", config=settings, **options)

    return asyncio.run(main())


@check
def text():
    answer = ask(16)
    assert isinstance(answer.completion, str) and answer.usage.output_tokens <= 16


@check
def tools():
    answer = ask(tools=[add()], tool_choice="any")
    assert answer.message.tool_calls[0].function == "add"


@check
def log_probabilities():
    answer = ask(4, config={"logprobs": True, "top_logprobs": 2})
    assert len(answer.choices[0].logprobs.content) == 4


@check
def structured():
    form = ResponseSchema(name="stay", json_schema=json_schema(Stay), strict=True)
    Stay.model_validate_json(ask(config={"response_schema": form}).completion)


run()
