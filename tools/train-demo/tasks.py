"""The nine synthetic chat tasks: seeded problems with worked steps and one exact answer.

A generator draws from the `random.Random` it is given and from nothing else, so a seed names a list of
problems for ever: changing the order of the draws changes the training rows and the held-out files.
Steps are as large as the model can just learn (a product of three digits and two, four additions, two
swaps), so that it is near its capacity and what harms it shows.
Train and test problems are disjoint by a hash of the problem itself (`is_test`), not of
its wording, so a test problem never appears in training under another phrasing.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

NAMES = "Tom Anna Ben Mia Sam Lily Max Eva Leo Nora".split()
THINGS = "apples pens books eggs coins cards stones shells".split()
CONTAINERS = "bags boxes packs".split()
COUNTED_LETTERS = "abcdeghiklmnoprstu"
SYSTEM_PROMPTS = [
    "You are a helpful assistant.",
    "You are a quiet assistant. Answer with the number.",
    "Use the tool and answer.",
    "You are a clever fox.",
    "Think and answer.",
]
ALPHABET = "abcdefghijklmnopqrstuvwxyz"
TEST_SHARE = 16  # one problem in this many belongs to the test split


@dataclass(frozen=True)
class Problem:
    """One question with its worked steps (`thinking`, one step a line) and its `answer`.

    `key` is the problem without its wording: equal keys of one task are the same problem.
    """

    task: str
    key: str
    question: str
    thinking: str
    answer: str


# What a generator returns: key, question, steps, answer.
Draft = tuple[str, str, list[str], str]


def is_test(identity: str) -> bool:
    """Whether the problem or story with this identity belongs to the test split."""
    digest = hashlib.blake2b(identity.encode(), digest_size=4).digest()
    return int.from_bytes(digest, "little") % TEST_SHARE == 0


def add(random: Random) -> Draft:
    """Two or three numbers of three to nine digits, three digits at a time from the last.

    A step is `block+block+carry=sum`, or the same with a third block.
    """
    digit_count = random.randrange(3, 10)
    numbers = [random.randrange(10 ** (digit_count - 1), 10**digit_count) for _ in range(2)]
    if random.random() < 0.5:
        numbers.append(random.randrange(10, 10**digit_count))
    key = "+".join(map(str, numbers))
    question = random.choice([f"What is {key}?", f"Add {' and '.join(map(str, numbers))}."])
    steps, carry = [], 0
    for terms in blocks(numbers):
        total = sum(terms) + carry
        steps.append("".join(f"{term:03}+" for term in terms) + f"{carry}={total:03}")
        carry = total // 1000
    return key, question, steps, str(sum(numbers))


def sub(random: Random) -> Draft:
    """Subtraction in the same way; `borrow` ends a step that borrows from the next."""
    digit_count = random.randrange(3, 10)
    first = random.randrange(10 ** (digit_count - 1), 10**digit_count)
    second = random.randrange(10 ** (digit_count - 2), first + 1)
    question = random.choice([f"What is {first}-{second}?", f"Subtract {second} from {first}."])
    steps, borrow = [], 0
    for x, y in blocks([first, second]):
        difference = x - y - borrow
        next_borrow = int(difference < 0)
        steps.append(f"{x:03}-{y:03}-{borrow}={difference % 1000:03}" + (" borrow" if next_borrow else ""))
        borrow = next_borrow
    return f"{first}-{second}", question, steps, str(first - second)


def blocks(numbers: list[int]) -> list[tuple[int, ...]]:
    """All numbers cut into three digits each, the last ones first; the shorter are filled with zeros."""
    count = -(-len(str(max(numbers))) // 3)
    return [tuple(number // 1000**i % 1000 for number in numbers) for i in range(count)]


def mul(random: Random) -> Draft:
    """Four or five digits times two: thousands and rest are multiplied in one step each, then added."""
    number = random.randrange(1000, 100_000)
    factor = random.randrange(12, 100)
    question = random.choice([f"What is {number}*{factor}?", f"Multiply {number} by {factor}."])
    thousands, rest = number // 1000, number % 1000
    steps = [
        f"{thousands}*{factor}={thousands * factor}",
        f"{rest}*{factor}={rest * factor}",
        f"{thousands * factor}000+{rest * factor}={number * factor}",
    ]
    return f"{number}*{factor}", question, steps, str(number * factor)


def sum_(random: Random) -> Draft:
    """Six to twelve numbers below 100; a step adds four of them to the total."""
    count = random.randrange(6, 13)
    numbers = [random.randrange(1, 100) for _ in range(count)]
    question = random.choice(["Sum of ", "Find the total of "]) + ", ".join(map(str, numbers)) + "?"
    steps, total = [], numbers[0]
    for start in range(1, count, 4):
        terms = [total, *numbers[start : start + 4]]
        total = sum(terms)
        steps.append("+".join(map(str, terms)) + f"={total}")
    return ",".join(map(str, numbers)), question, steps, str(total)


def chain(random: Random) -> Draft:
    """Four to nine operations on a number below 100, keeping the last two digits.

    A step is one multiplication, or up to three additions and subtractions in a row.
    """
    count = random.randrange(4, 10)
    value = random.randrange(100)
    question, key, steps = f"Start at {value}. Then", str(value), []
    step, merged = str(value), 0
    for _ in range(count):
        operator = random.choice("+-*")
        operand = random.randrange(2, 100)
        question += f" {operator}{operand}"
        key += operator + str(operand)
        if merged == 3 or (merged and operator == "*"):
            steps.append(f"{step}={value}")
            step, merged = str(value), 0
        value = {"+": value + operand, "-": value - operand, "*": value * operand}[operator] % 100
        step, merged = f"{step}{operator}{operand}", 3 if operator == "*" else merged + 1
    return key, question + ". Last two digits?", [*steps, f"{step}={value}"], str(value)


def cups(random: Random) -> Draft:
    """A ball under one of four cups, three to nine swaps; a step is two swaps, `swap,swap:before>after`."""
    count = random.randrange(3, 10)
    cup = random.randrange(1, 5)
    swaps = [random.sample([1, 2, 3, 4], 2) for _ in range(count)]
    question = f"The ball is under cup {cup}." + "".join(f" Swap {a} and {b}." for a, b in swaps)
    key, steps = ",".join([str(cup), *(f"{a}{b}" for a, b in swaps)]), []
    for start in range(0, count, 2):
        pair, before = swaps[start : start + 2], cup
        for a, b in pair:
            cup = {a: b, b: a}.get(cup, cup)
        steps.append(",".join(f"{a}{b}" for a, b in pair) + f":{before}>{cup}")
    return key, question + " Where is the ball?", steps, f"Cup {cup}"


def count(random: Random) -> Draft:
    """How often one letter occurs among five to nine numbered ones; a step is `number letter count so far`.

    The numbers make every item distinct, so that a step can find its letter.
    """
    length = random.randrange(5, 10)
    alphabet = random.sample(COUNTED_LETTERS, 3)
    wanted = alphabet[0]
    letters = [random.choice(alphabet) for _ in range(length)]
    found, items, steps = 0, "", []
    for number, letter in enumerate(letters, start=1):
        found += letter == wanted
        items += f"{number}{letter}"
        steps.append(f"{number}{letter}{found}")
    return wanted + ":" + "".join(letters), f"How many {wanted} in {items}?", steps, str(found)


def sort(random: Random) -> Draft:
    """Four to eight distinct letters, put in order by insertion; a step is the list so far."""
    length = random.randrange(4, 9)
    letters = random.sample(ALPHABET, length)
    steps = [" ".join(sorted(letters[: i + 1])) for i in range(length)]
    return "".join(letters), "Sort the letters " + " ".join(letters) + ".", steps, steps[-1]


def word(random: Random) -> Draft:
    """A story problem of two or three operations, in one of three forms."""
    name, thing, container = random.choice(NAMES), random.choice(THINGS), random.choice(CONTAINERS)
    start, count, size = random.randrange(2, 100), random.randrange(2, 100), random.randrange(2, 100)
    form, bought = random.randrange(3), count * size
    multiplication = f"{count}*{size}={bought}"
    if form == 0:
        value = start + bought
        text = f"{name} has {start} {thing}. {name} buys {count} {container} of {size} {thing}."
        steps = [multiplication, f"{start}+{bought}={value}"]
    elif form == 1:
        lost = random.randrange(1, bought + 1)
        value = bought - lost
        text = f"{name} has {count} {container} of {size} {thing}. {name} loses {lost} {thing}."
        steps = [multiplication, f"{bought}-{lost}={value}"]
    else:
        given = random.randrange(1, start + 1)
        kept = start - given
        value = kept + bought
        text = (
            f"{name} has {start} {thing}. {name} gives away {given} and buys {count} {container} of {size}."
        )
        steps = [f"{start}-{given}={kept}", multiplication, f"{kept}+{bought}={value}"]
    question = f"{text} How many {thing} now?"
    return question, question, steps, f"{value} {thing}"


# The order is part of the seed's meaning: draws choose from this list.
GENERATORS: dict[str, Callable[[Random], Draft]] = {
    "add": add,
    "sub": sub,
    "mul": mul,
    "sum": sum_,
    "chain": chain,
    "cups": cups,
    "count": count,
    "sort": sort,
    "word": word,
}
TASKS = list(GENERATORS)


def draw(task: str, random: Random, test: bool) -> Problem:
    """The next problem of `task` in the wanted split; problems of the other split are passed over."""
    while True:
        key, question, steps, answer = GENERATORS[task](random)
        if is_test(f"{task}|{key}") == test:
            return Problem(task, key, question, "\n".join(steps), answer)
