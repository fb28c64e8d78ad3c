"""Small stories: the running text of the demo model, used for its perplexity.

What happens depends on who is where: every choice has favourites that belong to what was said before (the
animal to the name and the place, the food to the friend, and so on). A model has to remember thousands of
them, and since a favourite is chosen twice as often as the next one, its best guess is not a tie.
Split into train and test by a hash of the whole story, as the tasks are.
"""

from functools import cache
from itertools import accumulate
from random import Random

from tasks import NAMES, THINGS, is_test

PLACES = "park garden kitchen market river school forest beach".split()
ADJECTIVES = "small big old new red blue happy quiet brave clever".split()
ANIMALS = "dog cat bird horse rabbit fox duck mouse".split()
FOODS = "bread soup cake rice fish fruit".split()
FEELINGS = "happy tired sad proud calm hungry".split()
WEATHER = "sunny rainy windy cold warm".split()


def draw(random: Random, test: bool) -> str:
    """The next story of the wanted split; stories of the other split are passed over."""
    while True:
        story = compose(random)
        if is_test(f"story|{story}") == test:
            return story


def choose(random: Random, options: list[str], *context: str) -> str:
    """One of the options: each is half as likely as the one before it in the order the context favours."""
    ordered, weights = favourites(tuple(options), context)
    return random.choices(ordered, cum_weights=weights)[0]


@cache
def favourites(options: tuple[str, ...], context: tuple[str, ...]) -> tuple[list[str], list[float]]:
    """Options in the order of a context and their cumulative weights."""
    ordered = list(options)
    Random("|".join(context)).shuffle(ordered)
    return ordered, list(accumulate(2.0**-place for place in range(len(ordered))))


def compose(random: Random) -> str:
    """An opening, two to four of ten middle sentences in their order, and an ending."""
    name = random.choice(NAMES)
    place = choose(random, PLACES, "place", name)
    weather = choose(random, WEATHER, "weather", place)
    friend = choose(random, [other for other in NAMES if other != name], "friend", name, place)
    animal = choose(random, ANIMALS, "animal", name, place)
    adjective = choose(random, ADJECTIVES, "adjective", name, animal)
    thing = choose(random, THINGS, "thing", name, place)[:-1]
    food = choose(random, FOODS, "food", friend, place)
    feeling = choose(random, FEELINGS, "feeling", name, friend)
    opening = choose(
        random,
        [
            f"One {weather} day {name} went to the {place}.",
            f"It was a {weather} day and {name} walked to the {place}.",
            f"{name} lived near the {place} with a {animal}.",
        ],
    )
    middle = [
        f"There {name} saw a {adjective} {animal}.",
        f"{name} had a {adjective} {animal} and the {animal} was {choose(random, FEELINGS, name, animal)}.",
        f"{name} found a {adjective} {thing} under a tree.",
        f"Then {friend} came to the {place} with some {food}.",
        f"{friend} asked {name} to share the {food}.",
        f"The {animal} ran to the {place} and hid the {thing}.",
        f"{name} and {friend} looked for the {thing} all day.",
        f"They ate {food} and talked about the {animal}.",
        f"The {animal} was {feeling} because it had no {food}.",
        f"{friend} gave the {animal} a {adjective} {thing}.",
    ]
    count = random.randrange(2, 5)
    chosen = [middle[i] for i in sorted(random.sample(range(len(middle)), count))]
    ending = choose(
        random,
        [
            f"At the end of the day {name} was {feeling}.",
            f"{name} went home and felt {feeling}.",
            f"{name} said thank you to {friend}.",
        ],
    )
    return " ".join([opening, *chosen, ending])
