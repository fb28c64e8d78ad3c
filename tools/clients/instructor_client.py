import anthropic
import instructor
import openai
from harness import KEY, MODEL, QUESTION, ROOT, URL, check, run
from pydantic import BaseModel, Field


class Stay(BaseModel):
    """A stay in a hotel."""

    nights: int = Field(ge=1, le=9)
    breakfast: bool


def extract(mode, **fields):
    client = instructor.from_openai(openai.OpenAI(base_url=URL, api_key=KEY, max_retries=0), mode=mode)
    fields = {"messages": list(QUESTION), "response_model": Stay, "max_retries": 0, "max_tokens": 400, **fields}
    return client.chat.completions.create(model=MODEL, **fields)


@check
def tools():
    assert isinstance(extract(instructor.Mode.TOOLS), Stay)


@check
def strict_tools():
    assert isinstance(extract(instructor.Mode.TOOLS_STRICT), Stay)


@check
def json_schema():
    assert isinstance(extract(instructor.Mode.JSON_SCHEMA), Stay)


@check
def partial_stream():
    client = instructor.from_openai(openai.OpenAI(base_url=URL, api_key=KEY), mode=instructor.Mode.TOOLS)
    parts = client.chat.completions.create_partial(
        model=MODEL, messages=list(QUESTION), response_model=Stay, max_retries=0, max_tokens=400
    )
    assert list(parts)[-1].breakfast in (True, False)


@check
def several():
    client = instructor.from_openai(openai.OpenAI(base_url=URL, api_key=KEY), mode=instructor.Mode.TOOLS)
    found = client.chat.completions.create_with_completion(
        model=MODEL, messages=list(QUESTION), response_model=Stay, max_retries=0, max_tokens=400
    )
    assert isinstance(found[0], Stay) and found[1].usage.completion_tokens >= 1


@check
def anthropic_tools():
    client = instructor.from_anthropic(anthropic.Anthropic(base_url=ROOT, api_key=KEY, max_retries=0))
    answer = client.messages.create(
        model=MODEL, messages=list(QUESTION), response_model=Stay, max_retries=0, max_tokens=400
    )
    assert isinstance(answer, Stay)


run()
