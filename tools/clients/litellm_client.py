import json

import litellm
from harness import KEY, MODEL, QUESTION, ROOT, SCHEMA, TOOL, URL, check, follows, run

FORM = {"type": "json_schema", "json_schema": {"name": "stay", "strict": True, "schema": SCHEMA}}


def ask(provider="openai", **fields):
    fields = {"messages": QUESTION, "max_tokens": 400, "num_retries": 0, **fields}
    return litellm.completion(model=f"{provider}/{MODEL}", api_base=URL, api_key=KEY, **fields)


@check
def completion_answers():
    for provider in ("openai", "hosted_vllm"):
        answer = ask(provider, max_tokens=16)
        assert answer.choices[0].message.content is not None and answer.usage.completion_tokens <= 16


@check
def completion_streams():
    chunks = list(ask(stream=True, max_tokens=16, stream_options={"include_usage": True}))
    whole = litellm.stream_chunk_builder(chunks)
    assert whole.choices[0].finish_reason in ("stop", "length") and whole.usage.completion_tokens >= 1


@check
def completion_calls_tools():
    answer = ask(tools=[TOOL], tool_choice="required", parallel_tool_calls=False)
    follows(json.loads(answer.choices[0].message.tool_calls[0].function.arguments))


@check
def completion_streams_calls():
    chunks = list(ask(tools=[TOOL], tool_choice="required", parallel_tool_calls=False, stream=True))
    message = litellm.stream_chunk_builder(chunks).choices[0].message
    follows(json.loads(message.tool_calls[0].function.arguments))


@check
def completion_follows_a_schema():
    follows(json.loads(ask("hosted_vllm", response_format=FORM).choices[0].message.content))


@check
def text_completion_answers():
    answer = litellm.text_completion(
        model=f"text-completion-openai/{MODEL}", prompt="One", api_base=URL, api_key=KEY, max_tokens=4
    )
    assert isinstance(answer.choices[0].text, str)


@check
def responses_answer():
    answer = litellm.responses(model=f"openai/{MODEL}", input="Hello", api_base=URL, api_key=KEY, max_output_tokens=16)
    assert answer.output


@check
def anthropic_messages_answer():
    answer = litellm.completion(
        model=f"anthropic/{MODEL}", messages=QUESTION, api_base=ROOT, api_key=KEY, max_tokens=16
    )
    assert answer.choices[0].message.content is not None


run()
