"""The official client once more: every field, error and limit that the server promises for chats and completions."""

import json
import threading
import urllib.request

import openai
from harness import KEY, MODEL, ROOT, URL, check, run

CLIENT = openai.OpenAI(base_url=URL, api_key=KEY, max_retries=0)
QUESTION = [{"role": "user", "content": "What is 17 + 25?"}]
OFF = {"chat_template_kwargs": {"enable_thinking": False}}
TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather at a place.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}


def chat(messages=QUESTION, **fields):
    fields.setdefault("temperature", 0)
    fields.setdefault("max_tokens", 24)
    return CLIENT.chat.completions.create(model=MODEL, messages=messages, **fields)


def complete(prompt="One, two, three,", **fields):
    fields.setdefault("temperature", 0)
    fields.setdefault("max_tokens", 16)
    return CLIENT.completions.create(model=MODEL, prompt=prompt, **fields)


def collected(stream):
    """Reasoning, content, finish reason and usage of a chat stream."""
    reasoning, content, finish, usage, roles = "", "", None, None, []
    for chunk in stream:
        usage = chunk.usage or usage
        for choice in chunk.choices:
            reasoning += getattr(choice.delta, "reasoning_content", None) or ""
            content += choice.delta.content or ""
            finish = choice.finish_reason or finish
            if choice.delta.role:
                roles.append(choice.delta.role)
    assert roles == ["assistant"], roles
    return reasoning, content, finish, usage


def refused(kind, call, field=None):
    """The error of a call that must fail with this class of the client."""
    try:
        call()
    except kind as error:
        if field is not None:
            assert error.param == field, f"param is {error.param}, expected {field}"
        return error
    raise AssertionError(f"expected {kind.__name__}, but the call succeeded")


# Models


@check
def models_are_listed():
    models = CLIENT.models.list().data
    assert len(models) == 1 and models[0].object == "model" and models[0].created > 0


@check
def a_model_is_described():
    assert CLIENT.models.retrieve(MODEL).id == MODEL


@check
def an_unknown_model_is_not_found():
    refused(openai.NotFoundError, lambda: CLIENT.models.retrieve("no-such-model"))
    refused(
        openai.NotFoundError,
        lambda: CLIENT.chat.completions.create(model="no-such-model", messages=QUESTION),
        field="model",
    )


# Chats


@check
def a_chat_is_answered():
    answer = chat()
    choice = answer.choices[0]
    assert answer.object == "chat.completion" and answer.model == MODEL and choice.index == 0
    assert choice.message.role == "assistant" and isinstance(choice.message.content, str)
    assert choice.finish_reason in ("stop", "length")
    usage = answer.usage
    assert usage.total_tokens == usage.prompt_tokens + usage.completion_tokens
    assert 1 <= usage.completion_tokens <= 24 and usage.prompt_tokens > 5


@check
def thinking_is_on_by_default_and_kept_apart():
    answer = chat(max_tokens=64)
    message = answer.choices[0].message
    assert "</think>" not in message.content and "<think>" not in message.content
    assert message.reasoning_content == message.reasoning
    if answer.choices[0].finish_reason == "length" and not message.content:
        assert answer.usage.completion_tokens_details.reasoning_tokens > 0


@check
def thinking_can_be_switched_off():
    for fields in ({"extra_body": OFF}, {"reasoning_effort": "none"}):
        answer = chat(**fields)
        assert answer.choices[0].message.reasoning_content is None
        assert answer.usage.completion_tokens_details.reasoning_tokens == 0


@check
def reasoning_can_be_limited():
    free = chat().usage.completion_tokens_details.reasoning_tokens
    answer = chat(extra_body={"thinking_token_budget": 3})
    if free > 8:
        assert answer.choices[0].message.reasoning_content.endswith("based on the thinking directly now.")
    assert "think>" not in answer.choices[0].message.content
    answer = chat(extra_body={"thinking_token_budget": 0, "return_token_ids": True})
    assert answer.choices[0].message.reasoning_content is None
    assert len(answer.choices[0].token_ids) == answer.usage.completion_tokens
    assert len(answer.prompt_token_ids) == answer.usage.prompt_tokens


@check
def a_stream_says_the_same():
    for fields in ({}, {"extra_body": OFF}):
        whole = chat(max_tokens=64, **fields)
        reasoning, content, finish, usage = collected(
            chat(max_tokens=64, stream=True, stream_options={"include_usage": True}, **fields)
        )
        message = whole.choices[0].message
        assert (message.reasoning_content or "") == reasoning
        assert message.content == content
        assert whole.choices[0].finish_reason == finish
        assert whole.usage == usage


@check
def a_stream_has_no_usage_unless_asked():
    assert collected(chat(stream=True))[3] is None


@check
def content_may_be_parts_and_roles_may_be_many():
    parts = [{"type": "text", "text": "What is"}, {"type": "text", "text": "17 + 25?"}]
    messages = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": parts},
        {"role": "assistant", "content": "42"},
        {"role": "user", "content": "Sure?"},
    ]
    assert isinstance(chat(messages).choices[0].message.content, str)


@check
def an_answer_can_be_sent_back():
    message = chat(extra_body=OFF).choices[0].message
    again = [*QUESTION, message.model_dump(), {"role": "user", "content": "Thanks."}]
    assert isinstance(chat(again).choices[0].message.content, str)


@check
def several_choices():
    answer = chat(n=3, temperature=1, seed=1)
    assert [choice.index for choice in answer.choices] == [0, 1, 2]
    again = chat(n=3, temperature=1, seed=1)
    said = [(choice.message.reasoning_content, choice.message.content) for choice in answer.choices]
    assert said == [(choice.message.reasoning_content, choice.message.content) for choice in again.choices]


@check
def chat_logprobs():
    answer = chat(logprobs=True, top_logprobs=3, max_tokens=8)
    entries = answer.choices[0].logprobs.content
    assert len(entries) == answer.usage.completion_tokens
    for entry in entries:
        assert entry.logprob <= 0 and len(entry.top_logprobs) == 3
        # Greedy: the chosen token is the best one.
        assert entry.top_logprobs[0].logprob == entry.logprob


@check
def tools_are_taken():
    answer = chat(tools=[TOOL], tool_choice="auto")
    plain = chat()
    assert answer.usage.prompt_tokens > plain.usage.prompt_tokens
    assert chat(tools=[TOOL], tool_choice="none").usage.prompt_tokens == plain.usage.prompt_tokens
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"city":"Paris"}'}}
    messages = [
        {"role": "user", "content": "What is the weather in Paris?"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "Sunny."},
    ]
    assert chat(messages, tools=[TOOL]).usage.prompt_tokens > answer.usage.prompt_tokens


NON_THINKING = {"chat_template_kwargs": {"enable_thinking": False}}


@check
def answers_follow_their_schema():
    schema = {
        "type": "object",
        "properties": {"city": {"type": "string", "maxLength": 10}, "warm": {"type": "boolean"}},
        "required": ["city", "warm"],
    }
    form = {"type": "json_schema", "json_schema": {"name": "place", "strict": True, "schema": schema}}
    for choice in chat(response_format=form, extra_body=NON_THINKING, max_tokens=200, n=2).choices:
        value = json.loads(choice.message.content)
        assert sorted(value) == ["city", "warm"] and isinstance(value["warm"], bool) and len(value["city"]) <= 10


@check
def calls_can_be_forced():
    named = {"type": "function", "function": {"name": "weather"}}
    # The schema's string has no limit, so the answer may be cut.
    for choice, reason in [("required", "tool_calls"), (named, "stop")]:
        answer = chat(tools=[TOOL], tool_choice=choice, parallel_tool_calls=False, extra_body=NON_THINKING,
                      max_tokens=300).choices[0]
        if answer.finish_reason == "length":
            continue
        assert answer.finish_reason == reason, answer.finish_reason
        [call] = answer.message.tool_calls
        assert call.function.name == "weather" and "city" in json.loads(call.function.arguments)


# Completions


@check
def a_completion_is_answered():
    answer = complete()
    assert answer.object == "text_completion" and isinstance(answer.choices[0].text, str)
    streamed = "".join(chunk.choices[0].text for chunk in complete(stream=True))
    assert streamed == answer.choices[0].text


@check
def prompts_may_be_many_and_tokens():
    tokens = json.load(
        urllib.request.urlopen(
            urllib.request.Request(
                ROOT + "/tokenize",
                json.dumps({"prompt": "One, two, three,"}).encode(),
                {"Content-Type": "application/json"},
            )
        )
    )["tokens"]
    alone = complete().choices[0].text
    assert [choice.text for choice in complete(["One, two, three,"] * 2).choices] == [alone] * 2
    assert complete(tokens).choices[0].text == alone
    assert complete([tokens]).choices[0].text == alone


@check
def echo_covers_the_prompt():
    answer = complete("One, two", echo=True, logprobs=2, max_tokens=1)
    logprobs = answer.choices[0].logprobs
    count = answer.usage.prompt_tokens + 1
    assert answer.choices[0].text.startswith("One, two")
    assert len(logprobs.tokens) == len(logprobs.token_logprobs) == len(logprobs.top_logprobs) == count
    assert logprobs.token_logprobs[0] is None and logprobs.top_logprobs[0] is None
    for token, value, top in zip(logprobs.tokens[1:], logprobs.token_logprobs[1:], logprobs.top_logprobs[1:]):
        assert top[token] == value and len(top) in (2, 3)
    scored = complete("One, two", echo=True, logprobs=2, max_tokens=0)
    assert scored.choices[0].text == "One, two"
    assert scored.choices[0].logprobs.token_logprobs == logprobs.token_logprobs[:-1]


# Sampling and stopping


@check
def a_stop_string_ends_the_answer_before_itself():
    text = complete(max_tokens=32).choices[0].text
    stop = text[len(text) // 2 : len(text) // 2 + 2]
    if not stop:
        return
    answer = complete(max_tokens=32, stop=[stop]).choices[0]
    assert answer.text == text[: text.index(stop)]
    assert answer.finish_reason == "stop"
    streamed = "".join(chunk.choices[0].text for chunk in complete(max_tokens=32, stop=stop, stream=True))
    assert streamed == answer.text


@check
def a_seed_repeats_the_answer():
    first, second = (complete(temperature=1, seed=7, max_tokens=32).choices[0].text for _ in range(2))
    assert first == second


@check
def a_limit_holds():
    answer = complete(max_tokens=3, extra_body={"ignore_eos": True})
    assert answer.usage.completion_tokens == 3 and answer.choices[0].finish_reason == "length"
    answer = CLIENT.chat.completions.create(
        model=MODEL, messages=QUESTION, max_completion_tokens=3, extra_body={"ignore_eos": True}
    )
    assert answer.usage.completion_tokens == 3


@check
def a_bias_forbids_and_forces():
    answer = complete(max_tokens=4, logit_bias={"65": 100}, logprobs=0, extra_body={"return_tokens_as_token_ids": True})
    assert answer.choices[0].logprobs.tokens == ["token_id:65"] * 4


@check
def many_at_once_say_what_each_says_alone():
    prompts = [f"Question {index}: what is {index} times {index + 3}?" for index in range(16)]
    alone = [complete(prompt, max_tokens=24).choices[0].text for prompt in prompts]
    together = [None] * len(prompts)

    def run(index):
        chunks = complete(prompts[index], max_tokens=24, stream=True)
        together[index] = "".join(chunk.choices[0].text for chunk in chunks)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(len(prompts))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert together == alone


# Refusals


@check
def bad_fields_are_named():
    bad = openai.BadRequestError
    refused(bad, lambda: chat(temperature=9), "temperature")
    refused(bad, lambda: chat(max_tokens=-2), "max_tokens")
    refused(bad, lambda: chat([]), "messages")
    refused(bad, lambda: chat([{"role": "robot", "content": "x"}]), "messages[0]")
    refused(bad, lambda: chat(extra_body={"chat_template_kwargs": {"enable_thinking": "no"}}))
    refused(bad, lambda: chat(tool_choice="required"), "tool_choice")
    refused(bad, lambda: chat(response_format={"type": "xml"}), "response_format.type")
    refused(bad, lambda: complete([]), "prompt")


@check
def an_unknown_field_is_named_as_ignored():
    answer = CLIENT.chat.completions.with_raw_response.create(
        model=MODEL, messages=QUESTION, max_tokens=2, extra_body={"no_such_field": 1})
    assert answer.headers["x-quire-ignored"] == "no_such_field"


@check
def a_prompt_beyond_the_context_is_refused_with_both_numbers():
    limit = CLIENT.models.retrieve(MODEL).max_model_len
    error = refused(openai.BadRequestError, lambda: complete([65] * (limit + 1)), "prompt")
    assert error.code == "context_length_exceeded"
    assert str(limit) in error.message and str(limit + 1) in error.message


@check
def a_huge_body_is_refused():
    error = refused(openai.APIStatusError, lambda: complete("x" * (10 << 20)))
    assert error.status_code == 413


@check
def a_client_that_leaves_does_no_harm():
    for _ in range(4):
        stream = chat(stream=True, max_tokens=400)
        next(iter(stream))
        stream.close()
    assert isinstance(chat(max_tokens=2).choices[0].message.content, str)
    with urllib.request.urlopen(ROOT + "/health") as response:
        assert response.status == 200


run()
