"""A problem as text, in the two chat modes, exactly as the chat template renders it (`check` compares)."""

from collections.abc import Sequence

from tasks import Problem

END_OF_TEXT, START_OF_MESSAGE, END_OF_MESSAGE = "<|endoftext|>", "<|im_start|>", "<|im_end|>"
EMPTY_THOUGHT = "<think>\n\n</think>\n\n"


def prompt(question: str, thinking: bool, system: str | None = None, past: Sequence[Problem] = ()) -> str:
    """The text before the reply: in non-thinking mode the template closes the thought at once.

    `past` are problems asked and answered earlier in the chat; the template leaves their thoughts out.
    """
    messages = [] if system is None else [("system", system)]
    for problem in past:
        messages += [("user", problem.question), ("assistant", problem.answer)]
    messages.append(("user", question))
    head = "".join(f"{START_OF_MESSAGE}{role}\n{text}{END_OF_MESSAGE}\n" for role, text in messages)
    return f"{head}{START_OF_MESSAGE}assistant\n" + ("" if thinking else EMPTY_THOUGHT)


def reply(problem: Problem, thinking: bool) -> str:
    """The text the model is trained to write after `prompt`."""
    thought = f"<think>\n{problem.thinking}\n</think>\n\n" if thinking else ""
    return f"{thought}{problem.answer}{END_OF_MESSAGE}\n"


def is_right(text: str, answer: str, thinking: bool) -> bool:
    """Whether a reply's text after its thought is the answer; a thought that never closes is wrong."""
    if thinking:
        _, closed, text = text.rpartition("</think>")
        if not closed:
            return False
    return text.strip() == answer
