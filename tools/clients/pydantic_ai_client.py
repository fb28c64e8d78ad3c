import asyncio

from harness import KEY, MODEL, ROOT, URL, check, run
from pydantic import BaseModel, Field
from pydantic_ai import Agent, NativeOutput, ToolOutput
from pydantic_ai.models.anthropic import AnthropicModel
from pydantic_ai.models.openai import OpenAIChatModel, OpenAIResponsesModel
from pydantic_ai.providers.anthropic import AnthropicProvider
from pydantic_ai.providers.openai import OpenAIProvider


class Stay(BaseModel):
    """A stay in a hotel."""

    nights: int = Field(ge=1, le=9)
    breakfast: bool


CHAT = OpenAIChatModel(MODEL, provider=OpenAIProvider(base_url=URL, api_key=KEY))
RESPONSES = OpenAIResponsesModel(MODEL, provider=OpenAIProvider(base_url=URL, api_key=KEY))
ANTHROPIC = AnthropicModel(MODEL, provider=AnthropicProvider(base_url=ROOT, api_key=KEY))


def agent(model=CHAT, tokens=400, **options):
    return Agent(model, model_settings={"max_tokens": tokens}, retries=0, **options)


@check
def text():
    answer = agent(tokens=16, system_prompt="Be brief.").run_sync("Hello")
    assert isinstance(answer.output, str) and answer.usage().output_tokens <= 16


@check
def stream():
    async def main():
        async with agent(tokens=16).run_stream("Hello") as answer:
            return [text async for text in answer.stream_text(delta=True)]

    assert len(asyncio.run(main())) >= 1


@check
def structured_by_tool():
    assert isinstance(agent(output_type=ToolOutput(Stay)).run_sync("Book").output, Stay)


@check
def structured_by_schema():
    assert isinstance(agent(output_type=NativeOutput(Stay)).run_sync("Book").output, Stay)


@check
def structured_stream():
    async def main():
        async with agent(output_type=ToolOutput(Stay)).run_stream("Book") as answer:
            return await answer.get_output()

    assert isinstance(asyncio.run(main()), Stay)


@check
def responses_text():
    assert isinstance(agent(RESPONSES, 32).run_sync("Hello").output, str)


@check
def responses_structured():
    assert isinstance(agent(RESPONSES, output_type=ToolOutput(Stay)).run_sync("Book").output, Stay)


@check
def anthropic_text():
    assert isinstance(agent(ANTHROPIC, 32).run_sync("Hello").output, str)


@check
def anthropic_structured():
    assert isinstance(agent(ANTHROPIC, output_type=ToolOutput(Stay)).run_sync("Book").output, Stay)


run()
