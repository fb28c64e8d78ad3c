import asyncio

import agents
from agents import Agent, ModelSettings, OpenAIChatCompletionsModel, OpenAIResponsesModel, Runner, function_tool
from harness import KEY, MODEL, URL, check, run
from openai import AsyncOpenAI
from pydantic import BaseModel, Field

agents.set_tracing_disabled(True)
CALLS = []


class Stay(BaseModel):
    nights: int = Field(ge=1, le=9)
    breakfast: bool


@function_tool
def add(a: int, b: int) -> int:
    """Adds two numbers."""
    CALLS.append((a, b))
    return 3


def agent(kind=OpenAIChatCompletionsModel, tokens=400, settings=None, **options):
    # A client for each run: its connections belong to the event loop of that run.
    model = kind(model=MODEL, openai_client=AsyncOpenAI(base_url=URL, api_key=KEY, max_retries=0))
    return Agent(
        name="clerk", instructions="Be brief.", model=model,
        model_settings=ModelSettings(max_tokens=tokens, **(settings or {})), **options,
    )


def ends_early(kind):
    """An agent whose answer ends at a vowel: a response that is cut is an error for the library."""
    return agent(kind, settings={"extra_body": {"stop": list(" aeiou"), "min_tokens": 4}})


def uses_a_tool(kind):
    CALLS.clear()
    clerk = agent(kind, tools=[add], settings={"tool_choice": "required"}, tool_use_behavior="stop_on_first_tool")
    answer = Runner.run_sync(clerk, "1+2")
    assert CALLS and "3" in str(answer.final_output)


def streams(kind):
    async def main():
        answer = Runner.run_streamed(ends_early(kind), "Hello")
        return [event.type async for event in answer.stream_events()]

    assert "raw_response_event" in asyncio.run(main())


@check
def chat_text():
    assert isinstance(Runner.run_sync(agent(tokens=16), "Hello").final_output, str)


@check
def chat_tool():
    uses_a_tool(OpenAIChatCompletionsModel)


@check
def chat_structured():
    assert isinstance(Runner.run_sync(agent(output_type=Stay), "Book").final_output, Stay)


@check
def chat_streams():
    streams(OpenAIChatCompletionsModel)


@check
def responses_text():
    assert isinstance(Runner.run_sync(ends_early(OpenAIResponsesModel), "Hello").final_output, str)


@check
def responses_tool():
    uses_a_tool(OpenAIResponsesModel)


@check
def responses_structured():
    assert isinstance(Runner.run_sync(agent(OpenAIResponsesModel, output_type=Stay), "Book").final_output, Stay)


@check
def responses_stream():
    streams(OpenAIResponsesModel)


run()
