"""The nine synthetic chat tasks: seeded problems with worked steps and one exact answer.

A generator draws from the `random.Random` it is given and from nothing else, so a seed names a list of
problems for ever: changing the order of the draws changes the tokenizer, the training rows and the
held-out files. Train and test problems are disjoint by a hash of the problem itself (`is_test`), not of
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
    """Column addition from the last digit; a step is `digit+digit+carry=sum`."""
    digit_count = random.choice([3, 3, 4])
    first = random.randrange(10 ** (digit_count - 1), 10**digit_count)
    second = random.randrange(10 ** (digit_count - 1), 10**digit_count)
    if random.random() < 0.25:
        second = random.randrange(10, 100)
    question = random.choice([f"What is {first}+{second}?", f"Add {first} and {second}."])
    steps, carry = [], 0
    for x, y in columns(first, second):
        total = x + y + carry
        steps.append(f"{x}+{y}+{carry}={total}")
        carry = total // 10
    return f"{first}+{second}", question, steps, str(first + second)


def sub(random: Random) -> Draft:
    """Column subtraction from the last digit; `borrow` ends a step that borrows from the next."""
    digit_count = random.choice([3, 3, 4])
    first = random.randrange(10 ** (digit_count - 1), 10**digit_count)
    second = random.randrange(10 ** (digit_count - 2), first + 1)
    question = random.choice([f"What is {first}-{second}?", f"Subtract {second} from {first}."])
    steps, borrow = [], 0
    for x, y in columns(first, second):
        difference = x - y - borrow
        next_borrow = int(difference < 0)
        steps.append(f"{x}-{y}-{borrow}={difference % 10}" + (" borrow" if next_borrow else ""))
        borrow = next_borrow
    return f"{first}-{second}", question, steps, str(first - second)


def columns(first: int, second: int) -> list[tuple[int, int]]:
    """The digits of both numbers, last digit first, the shorter number filled with zeros."""
    width = max(len(str(first)), len(str(second)))
    return [(first // 10**i % 10, second // 10**i % 10) for i in range(width)]


def mul(random: Random) -> Draft:
    """A number times one digit; a step is `digit*factor=product+carry=sum`."""
    number = random.randrange(12, 1000) if random.random() < 0.8 else random.randrange(12, 100)
    factor = random.randrange(2, 10)
    question = random.choice([f"What is {number}*{factor}?", f"Multiply {number} by {factor}."])
    steps, carry = [], 0
    for digit in reversed(str(number)):
        product = int(digit) * factor
        total = product + carry
        steps.append(f"{digit}*{factor}={product}+{carry}={total}")
        carry = total // 10
    return f"{number}*{factor}", question, steps, str(number * factor)


def sum_(random: Random) -> Draft:
    """A running total of three to five numbers below 30."""
    count = random.randrange(3, 6)
    numbers = [random.randrange(1, 30) for _ in range(count)]
    question = random.choice(["Sum of ", "Find the total of "]) + ", ".join(map(str, numbers)) + "?"
    steps, total = [], numbers[0]
    for number in numbers[1:]:
        steps.append(f"{total}+{number}={total + number}")
        total += number
    return ",".join(map(str, numbers)), question, steps, str(total)


def chain(random: Random) -> Draft:
    """Three to six operations on one digit, keeping the last digit of each result."""
    count = random.randrange(3, 7)
    value = random.randrange(10)
    question, key, steps = f"Start at {value}. Then", str(value), []
    for _ in range(count):
        operator = random.choice("+-*")
        operand = random.choice([3, 7]) if operator == "*" else random.randrange(1, 10)
        result = {"+": value + operand, "-": value - operand, "*": value * operand}[operator] % 10
        question += f" {operator}{operand}"
        key += operator + str(operand)
        steps.append(f"{value}{operator}{operand}={result}")
        value = result
    return key, question + ". Last digit?", steps, str(value)


def cups(random: Random) -> Draft:
    """A ball under one of three cups, three to seven swaps; a step is `swap: before to after`."""
    count = random.randrange(3, 8)
    cup = random.randrange(1, 4)
    question, key, steps = f"The ball is under cup {cup}.", str(cup), []
    for _ in range(count):
        first, second = random.sample([1, 2, 3], 2)
        question += f" Swap {first} and {second}."
        key += f",{first}{second}"
        after = {first: second, second: first}.get(cup, cup)
        steps.append(f"{first}{second}: {cup} to {after}")
        cup = after
    return key, question + " Where is the ball?", steps, f"Cup {cup}"


def count(random: Random) -> Draft:
    """How often one letter occurs among six to twelve; every letter is repeated with the count so far."""
    length = random.randrange(6, 13)
    alphabet = random.sample(COUNTED_LETTERS, 3)
    wanted = alphabet[0]
    letters = [random.choice(alphabet) for _ in range(length)]
    found, line = 0, []
    for letter in letters:
        found += letter == wanted
        line.append(f"{letter} {found}")
    question = f"How many {wanted} in " + " ".join(letters) + "?"
    return wanted + ":" + "".join(letters), question, [" ".join(line)], str(found)


def sort(random: Random) -> Draft:
    """Four to seven distinct letters, put in order by insertion; a step is the list so far."""
    length = random.randrange(4, 8)
    letters = random.sample(ALPHABET, length)
    steps = [" ".join(sorted(letters[: i + 1])) for i in range(length)]
    return "".join(letters), "Sort the letters " + " ".join(letters) + ".", steps, steps[-1]


def word(random: Random) -> Draft:
    """A story problem of two or three operations, in one of three forms."""
    name, thing, container = random.choice(NAMES), random.choice(THINGS), random.choice(CONTAINERS)
    start, count, size = random.randrange(2, 60), random.randrange(2, 10), random.randrange(2, 10)
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
