"""Small stories: the running text of the demo model, used for its perplexity.

Split into train and test by a hash of the whole story, as the tasks are.
"""

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


def compose(random: Random) -> str:
    """An opening, two to four of ten middle sentences in their order, and an ending."""
    name, friend = random.sample(NAMES, 2)
    animal, adjective, place = random.choice(ANIMALS), random.choice(ADJECTIVES), random.choice(PLACES)
    thing = random.choice(THINGS)[:-1]
    food, weather, feeling = random.choice(FOODS), random.choice(WEATHER), random.choice(FEELINGS)
    opening = random.choice(
        [
            f"One {weather} day {name} went to the {place}.",
            f"It was a {weather} day and {name} walked to the {place}.",
            f"{name} lived near the {place} with a {animal}.",
        ]
    )
    middle = [
        f"There {name} saw a {adjective} {animal}.",
        f"{name} had a {adjective} {animal} and the {animal} was {random.choice(FEELINGS)}.",
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
    ending = random.choice(
        [
            f"At the end of the day {name} was {feeling}.",
            f"{name} went home and felt {feeling}.",
            f"{name} said thank you to {friend}.",
        ]
    )
    return " ".join([opening, *chosen, ending])
