from typing import Literal

import anthropic
from harness import KEY, MODEL, QUESTION, ROOT, SCHEMA, check, follows, run

CLIENT = anthropic.Anthropic(base_url=ROOT, api_key=KEY, max_retries=0)
TOOL = {"name": "weather", "description": "The weather of a city.", "input_schema": SCHEMA}

# The client has no arguments for these.
SAMPLING, GREEDY = {"temperature": 0.5, "top_k": 5, "top_p": 0.9}, {"temperature": 0}


def ask(**fields):
    return CLIENT.messages.create(model=MODEL, **{"messages": QUESTION, "max_tokens": 400, **fields})


@check
def messages_answer():
    answer = ask(max_tokens=16, system="Be brief.")
    assert answer.type == "message" and answer.role == "assistant" and answer.content[0].type in ("text", "thinking")
    assert answer.stop_reason in ("end_turn", "max_tokens") and answer.usage.output_tokens <= 16


@check
def messages_take_blocks():
    parts = [{"type": "text", "text": "Hello", "cache_control": {"type": "ephemeral"}}]
    system = [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}]
    answer = ask(messages=[{"role": "user", "content": parts}], system=system, max_tokens=16, extra_body=SAMPLING)
    assert answer.usage.input_tokens >= 1


@check
def messages_stream():
    with CLIENT.messages.stream(model=MODEL, messages=QUESTION, max_tokens=16) as stream:
        kinds = [event.type for event in stream]
        answer = stream.get_final_message()
    assert kinds[0] == "message_start" and kinds[-1] == "message_stop", kinds
    assert "content_block_start" in kinds and "message_delta" in kinds
    assert answer.usage.output_tokens >= 1 and answer.stop_reason in ("end_turn", "max_tokens")


@check
def messages_call_tools():
    for choice in ({"type": "any"}, {"type": "tool", "name": "weather", "disable_parallel_tool_use": True}):
        answer = ask(tools=[TOOL], tool_choice=choice)
        call = next(block for block in answer.content if block.type == "tool_use")
        assert answer.stop_reason == "tool_use" and call.name == "weather" and call.id
        follows(call.input)


@check
def messages_stream_calls():
    with CLIENT.messages.stream(
        model=MODEL, messages=QUESTION, max_tokens=400, tools=[TOOL], tool_choice={"type": "tool", "name": "weather"}
    ) as stream:
        kinds = [event.type for event in stream]
        answer = stream.get_final_message()
    assert "input_json" in kinds, sorted(set(kinds))
    follows(next(block for block in answer.content if block.type == "tool_use").input)


@check
def messages_take_tool_results():
    call = {"type": "tool_use", "id": "toolu_1", "name": "weather", "input": {"city": "Paris", "days": 1}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "Sunny."}]}
    messages = [*QUESTION, {"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]
    assert ask(messages=messages, tools=[TOOL], max_tokens=16).usage.input_tokens > 20


@check
def messages_take_images_of_tools():
    call = {"type": "tool_use", "id": "toolu_1", "name": "see", "input": {}}
    source = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}
    parts = [{"type": "text", "text": "Seen."}, {"type": "image", "source": source}]
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": parts}
    messages = [*QUESTION, {"role": "assistant", "content": [call]}, {"role": "user", "content": [result]}]
    search = {"type": "web_search_20250305", "name": "web_search"}
    raw = CLIENT.messages.with_raw_response.create(
        model=MODEL, messages=messages, tools=[TOOL, search], max_tokens=8)
    assert raw.headers["x-quire-ignored"] == "tools[1], messages[2].content[0].content[1]", raw.headers


@check
def empty_answers_can_be_sent_back():
    messages = [*QUESTION, {"role": "assistant", "content": []}, {"role": "user", "content": "Go on."}]
    assert ask(messages=messages, max_tokens=8).usage.output_tokens >= 1


@check
def stop_sequences_end_an_answer():
    text = ask(max_tokens=32, extra_body=GREEDY).content[0].text
    answer = ask(max_tokens=32, extra_body=GREEDY, stop_sequences=[text[3:6]])
    assert answer.stop_reason == "stop_sequence" and answer.stop_sequence == text[3:6]


@check
def tokens_are_counted():
    plain = CLIENT.messages.count_tokens(model=MODEL, messages=QUESTION).input_tokens
    assert CLIENT.messages.count_tokens(model=MODEL, messages=QUESTION, tools=[TOOL]).input_tokens > plain > 1
    assert ask(max_tokens=1).usage.input_tokens == plain


@check
def thinking_is_accepted():
    answer = ask(max_tokens=1100, thinking={"type": "enabled", "budget_tokens": 1024}, stop_sequences=["e"])
    assert answer.content and answer.usage.output_tokens >= 1


@check
def errors_have_their_class():
    try:
        ask(messages=[])
    except anthropic.BadRequestError as error:
        assert error.body["type"] == "error" and error.body["error"]["type"] == "invalid_request_error", error.body
        return
    raise AssertionError("no messages were accepted")


@check
def models_are_listed():
    assert MODEL in [model.id for model in CLIENT.models.list()]
    assert CLIENT.models.retrieve(MODEL).display_name


@check
def the_tool_runner_sends_whole_conversations():
    @anthropic.beta_tool
    def weather(city: Literal["Paris", "Rome"]) -> str:
        """The weather of a city.

        Args:
            city: the city
        """
        return "sunny"

    counts = []
    runner = CLIENT.beta.messages.tool_runner(
        model=MODEL, max_tokens=200, tools=[weather], messages=QUESTION, tool_choice={"type": "any"}, max_iterations=2)
    for message in runner:
        counts.append(message.usage.input_tokens + (message.usage.cache_read_input_tokens or 0))
    assert len(counts) == 2 and counts[1] > counts[0], counts


run()
