from harness import KEY, MODEL, QUESTION, URL, check, run
from smolagents import OpenAIServerModel, ToolCallingAgent, tool

CALLS = []


@tool
def add(a: int, b: int) -> int:
    """Adds two numbers.

    Args:
        a: the first number
        b: the second number
    """
    CALLS.append((a, b))
    return 3


def model(tokens=400):
    return OpenAIServerModel(model_id=MODEL, api_base=URL, api_key=KEY, max_tokens=tokens)


@check
def generate():
    answer = model(16).generate([dict(message) for message in QUESTION])
    assert isinstance(answer.content, str) and answer.token_usage.output_tokens <= 16


@check
def stream():
    deltas = list(model(16).generate_stream([dict(message) for message in QUESTION]))
    assert deltas and deltas[-1].token_usage.output_tokens >= 1


@check
def tools():
    answer = model().generate([dict(message) for message in QUESTION], tools_to_call_from=[add])
    assert answer.tool_calls[0].function.name == "add"


@check
def agent():
    CALLS.clear()
    agent = ToolCallingAgent(tools=[add], model=model(), max_steps=2, verbosity_level=0)
    agent.run("Add 1 and 2.")
    steps = [step for step in agent.memory.steps if getattr(step, "tool_calls", None)]
    assert steps, "no step of the agent called a tool"


run()
