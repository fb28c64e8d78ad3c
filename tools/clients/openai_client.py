import json

import openai
import pydantic
from harness import KEY, MODEL, NAMED, QUESTION, SCHEMA, TOOL, URL, check, follows, run

CLIENT = openai.OpenAI(base_url=URL, api_key=KEY, max_retries=0)
FORM = {"type": "json_schema", "json_schema": {"name": "stay", "strict": True, "schema": SCHEMA}}
IMAGE = "data:image/png;base64,iVBORw0KGgo="
FUNCTION = {"type": "function", "strict": True, **TOOL["function"]}


class Stay(pydantic.BaseModel):
    nights: int = pydantic.Field(ge=1, le=9)
    breakfast: bool


def chat(**fields):
    return CLIENT.chat.completions.create(model=MODEL, **{"messages": QUESTION, "max_tokens": 400, **fields})


def respond(**fields):
    return CLIENT.responses.create(model=MODEL, **{"input": "Hello", "max_output_tokens": 400, **fields})


@check
def chat_answers():
    answer = chat(max_tokens=16)
    assert answer.choices[0].message.role == "assistant" and answer.usage.completion_tokens <= 16


@check
def chat_streams():
    chunks = list(chat(max_tokens=16, stream=True, stream_options={"include_usage": True}))
    assert chunks[-1].usage.completion_tokens >= 1 and chunks[-1].choices == []
    assert [choice.finish_reason for chunk in chunks for choice in chunk.choices][-1] in ("stop", "length")


@check
def chat_calls_tools():
    for choice in ("required", NAMED):
        [call] = chat(tools=[TOOL], tool_choice=choice, parallel_tool_calls=False).choices[0].message.tool_calls
        assert call.function.name == "weather" and call.id
        follows(json.loads(call.function.arguments))


@check
def chat_streams_calls():
    with CLIENT.chat.completions.stream(
        model=MODEL, messages=QUESTION, tools=[TOOL], tool_choice="required", max_tokens=400, parallel_tool_calls=False
    ) as stream:
        kinds = [event.type for event in stream]
        [call] = stream.get_final_completion().choices[0].message.tool_calls
    assert "tool_calls.function.arguments.done" in kinds, sorted(set(kinds))
    follows(json.loads(call.function.arguments))


@check
def chat_takes_images_of_tools():
    call = {"id": "call_1", "type": "function", "function": {"name": "see", "arguments": "{}"}}
    result = {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "image_url", "image_url": {"url": IMAGE}}]}
    messages = [*QUESTION, {"role": "assistant", "tool_calls": [call]}, result]
    raw = CLIENT.chat.completions.with_raw_response.create(model=MODEL, messages=messages, max_tokens=8)
    assert raw.headers["x-quire-ignored"] == "messages[2].content[0]", raw.headers
    try:
        chat(messages=[{"role": "user", "content": result["content"]}])
    except openai.BadRequestError as error:
        assert error.param == "messages[0].content[0].type", error
    else:
        raise AssertionError("an image of the user was not refused")


@check
def chat_follows_a_schema():
    follows(json.loads(chat(response_format=FORM).choices[0].message.content))


@check
def chat_parses_a_class():
    answer = CLIENT.chat.completions.parse(model=MODEL, messages=QUESTION, response_format=Stay, max_tokens=400)
    assert isinstance(answer.choices[0].message.parsed, Stay)


@check
def chat_parses_a_tool():
    tool = openai.pydantic_function_tool(Stay)
    answer = CLIENT.chat.completions.parse(
        model=MODEL, messages=QUESTION, tools=[tool], tool_choice="required", max_tokens=400
    )
    assert isinstance(answer.choices[0].message.tool_calls[0].function.parsed_arguments, Stay)


@check
def completions_answer():
    assert CLIENT.completions.create(model=MODEL, prompt="One", max_tokens=4, echo=True).choices[0].text[:3] == "One"


@check
def models_are_listed():
    assert MODEL in [model.id for model in CLIENT.models.list()]


@check
def responses_answer():
    answer = respond(max_output_tokens=16)
    assert answer.object == "response" and answer.output[0].type in ("message", "reasoning")
    assert answer.usage.output_tokens <= 16 and answer.status in ("completed", "incomplete")


@check
def responses_take_items_and_instructions():
    items = [
        {"role": "user", "content": [{"type": "input_text", "text": "Hello"}]},
        {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Hi", "annotations": []}]},
        {"role": "user", "content": "Thanks"},
    ]
    answer = respond(input=items, instructions="Be brief.", max_output_tokens=16)
    assert isinstance(answer.output_text, str) and answer.usage.input_tokens > 10


@check
def responses_stream():
    events = list(respond(stream=True, max_output_tokens=16))
    kinds = [event.type for event in events]
    assert kinds[0] == "response.created" and kinds[-1] in ("response.completed", "response.incomplete"), kinds
    assert "response.output_text.delta" in kinds or "response.reasoning_text.delta" in kinds, kinds
    assert [event.sequence_number for event in events] == list(range(len(events)))


@check
def stored_responses_are_returned_whole():
    answer = respond(max_output_tokens=16)
    assert CLIENT.responses.retrieve(answer.id).output_text == answer.output_text
    try:
        CLIENT.responses.retrieve(answer.id, stream=True)
    except openai.BadRequestError as error:
        assert "stream: expected" in str(error), error
    else:
        raise AssertionError("a stream of a stored response was not refused")


@check
def responses_call_tools():
    for choice in ("required", {"type": "function", "name": "weather"}):
        answer = respond(tools=[FUNCTION], tool_choice=choice, parallel_tool_calls=False)
        [call] = [item for item in answer.output if item.type == "function_call"]
        assert call.name == "weather" and call.call_id
        follows(json.loads(call.arguments))


@check
def responses_call_functions_of_namespaces():
    tools = [
        {"type": "namespace", "name": "travel", "description": "For travels.", "tools": [FUNCTION]},
        {"type": "web_search"},
    ]
    raw = CLIENT.responses.with_raw_response.create(
        model=MODEL, input="Hello", tools=tools, tool_choice={"type": "function", "name": "weather"},
        max_output_tokens=400)
    assert raw.headers["x-quire-ignored"] == "tools[1]", raw.headers
    [call] = [item for item in raw.parse().output if item.type == "function_call"]
    assert (call.namespace, call.name) == ("travel", "weather"), call
    image = {"type": "input_image", "detail": "auto", "image_url": IMAGE}
    output = {"type": "function_call_output", "call_id": call.call_id, "output": [image]}
    items = [{"role": "user", "content": "Hello"}, call.model_dump(exclude_none=True), output]
    assert respond(input=items, tools=tools, max_output_tokens=16).usage.input_tokens > 20


@check
def responses_stream_calls():
    events = list(respond(tools=[FUNCTION], tool_choice="required", parallel_tool_calls=False, stream=True))
    [done] = [event for event in events if event.type == "response.function_call_arguments.done"]
    follows(json.loads(done.arguments))


@check
def responses_take_tool_results():
    items = [
        {"role": "user", "content": "What is the weather in Paris?"},
        {"type": "function_call", "call_id": "call_1", "name": "weather", "arguments": '{"city": "Paris", "days": 1}'},
        {"type": "function_call_output", "call_id": "call_1", "output": "Sunny."},
    ]
    assert respond(input=items, tools=[FUNCTION], max_output_tokens=16).usage.input_tokens > 20


@check
def responses_follow_a_schema():
    form = {"format": {"type": "json_schema", "name": "stay", "strict": True, "schema": SCHEMA}}
    follows(json.loads(respond(text=form).output_text))


@check
def responses_parse_a_class():
    answer = CLIENT.responses.parse(model=MODEL, input="Hello", text_format=Stay, max_output_tokens=400)
    assert isinstance(answer.output_parsed, Stay)


@check
def responses_stream_parsed():
    with CLIENT.responses.stream(model=MODEL, input="Hello", text_format=Stay, max_output_tokens=400) as stream:
        for _ in stream:
            pass
        assert isinstance(stream.get_final_response().output_parsed, Stay)


@check
def responses_are_stored():
    first = respond(max_output_tokens=16, store=True)
    assert CLIENT.responses.retrieve(first.id).id == first.id
    second = respond(previous_response_id=first.id, max_output_tokens=16)
    assert second.previous_response_id == first.id and second.usage.input_tokens > first.usage.input_tokens


run()
