from harness import KEY, MODEL, URL, check, run
from llama_index.core.llms import ChatMessage
from llama_index.core.prompts import PromptTemplate
from llama_index.core.tools import FunctionTool
from llama_index.llms.openai_like import OpenAILike
from pydantic import BaseModel, Field


class Stay(BaseModel):
    """A stay in a hotel."""

    nights: int = Field(ge=1, le=9)
    breakfast: bool


def add(a: int, b: int) -> int:
    """Adds two numbers."""
    return a + b


def model(**options):
    options = {"is_chat_model": True, "is_function_calling_model": True, "max_tokens": 400, **options}
    return OpenAILike(model=MODEL, api_base=URL, api_key=KEY, context_window=4096, max_retries=0, **options)


@check
def complete():
    for is_chat in (True, False):
        assert isinstance(model(max_tokens=8, is_chat_model=is_chat).complete("One").text, str)


@check
def chat():
    assert model(max_tokens=8).chat([ChatMessage(role="user", content="Hello")]).message.role == "assistant"


@check
def stream():
    assert len(list(model(max_tokens=8).stream_complete("One"))) >= 1
    assert len(list(model(max_tokens=8).stream_chat([ChatMessage(role="user", content="Hello")]))) >= 1


@check
def tools():
    answer = model().chat_with_tools([FunctionTool.from_defaults(fn=add)], user_msg="1+2", tool_required=True)
    call = model().get_tool_calls_from_response(answer)[0]
    assert call.tool_name == "add" and set(call.tool_kwargs) == {"a", "b"}


@check
def structured_by_tool():
    assert isinstance(model().structured_predict(Stay, PromptTemplate("Book a stay.")), Stay)


@check
def structured_by_schema():
    answer = model(should_use_structured_outputs=True).structured_predict(Stay, PromptTemplate("Book a stay."))
    assert isinstance(answer, Stay)


run()
