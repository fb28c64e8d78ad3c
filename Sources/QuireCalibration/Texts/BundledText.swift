import QuireFiles
import QuireModel
import QuireCheckpoints

/// The calibration text that this module carries: short documents of many kinds, written for the purpose.
///
/// Enough to tell which activations are large and which heads say the same; nine thousand tokens cannot stand
/// for a domain, so recipes for a real model do better with a text of their own (`calibration.source`).
enum BundledText {
  /// Plain documents.
  static let documents = [
    """
    The harbour master kept two logbooks. In the first he wrote what the law required: the name of each vessel, her \
    draught, her cargo and the hour of the tide. In the second he wrote what he saw. A coal barge came in riding \
    too high for what her papers said. A yacht left without her anchor. When the inspectors arrived in spring they \
    asked for the first book, and he gave it to them gladly. Nobody ever asked for the second, and it was the only \
    one worth reading.
    """,
    """
    Bread rises because yeast eats sugar and gives off carbon dioxide, and because gluten, a net of two proteins that \
    forms when flour meets water, holds the gas in. Knead too little and the net tears; knead too long and it \
    becomes so tight that the loaf is tough. Salt slows the yeast and strengthens the net. A cool dough left \
    overnight tastes better than a warm one hurried in two hours, since the slow fermentation leaves more acids \
    and alcohols behind. Bake at 230 °C until the crust sounds hollow when you knock on it, about 35 minutes.
    """,
    """
    # Sorting by merging

    A list of one element is sorted. To sort a longer list, split it in the middle, sort both halves, and merge them: \
    look at the two first elements, take the smaller one away, and repeat until both halves are empty. Each level \
    of splitting touches every element once, and there are log2(n) levels, so the work is O(n log n) even in the \
    worst case. The price is memory: merging needs a second array of n elements.

    | n | levels | comparisons at most |
    |---|---|---|
    | 8 | 3 | 17 |
    | 1024 | 10 | 9217 |
    """,
    """
    def merge(left, right):
        \"\"\"Merge two sorted lists into one.\"\"\"
        result, i, j = [], 0, 0
        while i < len(left) and j < len(right):
            if left[i] <= right[j]:
                result.append(left[i])
                i += 1
            else:
                result.append(right[j])
                j += 1
        return result + left[i:] + right[j:]


    def sort(items):
        if len(items) < 2:
            return list(items)
        middle = len(items) // 2
        return merge(sort(items[:middle]), sort(items[middle:]))


    assert sort([5, 2, 9, 1, 5]) == [1, 2, 5, 5, 9]
    """,
    """
    Let a triangle have sides a, b and c, and let γ be the angle between a and b. Drop the height h from the corner \
    opposite a. Then h = b·sin γ, and the foot of the height divides a into b·cos γ and a − b·cos γ. By Pythagoras \
    c² = h² + (a − b·cos γ)² = b²·sin²γ + a² − 2ab·cos γ + b²·cos²γ = a² + b² − 2ab·cos γ. For γ = 90° the last \
    term vanishes and the old theorem is left. Example: a = 7, b = 5, γ = 60° gives c² = 49 + 25 − 35 = 39, so \
    c ≈ 6.245.
    """,
    """
    #include <stdio.h>
    #include <stdlib.h>

    struct node { int key; struct node *left, *right; };

    static struct node *insert(struct node *tree, int key) {
      if (tree == NULL) {
        tree = calloc(1, sizeof *tree);
        if (tree == NULL) { perror("calloc"); exit(EXIT_FAILURE); }
        tree->key = key;
      } else if (key < tree->key) {
        tree->left = insert(tree->left, key);
      } else if (key > tree->key) {
        tree->right = insert(tree->right, key);
      }
      return tree;
    }
    """,
    """
    Minutes of the allotment society, 14 March. Present: eleven members, and the dog. 1. The water tank by the east \
    gate leaks; Mrs Okafor will ask her brother, who is a plumber, for a quotation below £120. 2. Plot 9 has not \
    been dug for two years. It was agreed to write a friendly letter, and, if there is no answer by May, a less \
    friendly one. 3. The seed swap moves to the first Saturday in April, 10 a.m. to noon, in the school hall. \
    4. Any other business: please close the gate. The meeting ended at 8:40 p.m.
    """,
    """
    Photosynthesis has two halves. In the first, chlorophyll in the thylakoid membranes catches light and uses its \
    energy to split water; oxygen leaves the leaf, and the electrons and protons charge two carriers, ATP and NADPH. \
    In the second half, which needs no light, the enzyme rubisco fixes carbon dioxide to a five-carbon sugar, and \
    the charged carriers pay for turning the product into glucose. The whole balance is 6 CO2 + 6 H2O → C6H12O6 + \
    6 O2. Rubisco is slow, three to ten reactions a second, and so plants make enormous amounts of it.
    """,
    """
    {"order": 48213, "customer": {"name": "J. Lindqvist", "city": "Uppsala"}, "items": [
      {"sku": "LMP-204", "description": "Desk lamp, brass", "quantity": 1, "price": 64.90},
      {"sku": "BLB-011", "description": "Bulb E14, 4 W, 2700 K", "quantity": 3, "price": 5.25}],
     "shipping": {"method": "parcel", "cost": 6.00}, "paid": true, "total": 86.65, "notes": null}
    """,
    """
    SELECT c.name, COUNT(o.id) AS orders, SUM(o.total) AS revenue
    FROM customers AS c
    LEFT JOIN orders AS o ON o.customer_id = c.id AND o.placed_at >= DATE '2024-01-01'
    GROUP BY c.id, c.name
    HAVING SUM(o.total) > 1000 OR COUNT(o.id) = 0
    ORDER BY revenue DESC NULLS LAST
    LIMIT 20;
    """,
    """
    Die Straßenbahn hielt vor dem alten Bahnhof, und drei Leute stiegen aus: eine Frau mit einem Cello, ein Junge mit \
    einem Fahrradschlauch und ein Herr, der sich umsah, als wäre er zum ersten Mal hier. „Entschuldigen Sie“, fragte \
    er, „wo geht es zum Rathaus?“ Die Frau zeigte mit dem Bogen nach links. Il pleuvait depuis le matin, et la place \
    sentait le café et les feuilles mouillées. La lluvia no paró hasta la noche, pero a nadie le importó.
    """,
    """
    今天早上我去市场买了三斤苹果和一把青菜，一共花了二十七块钱。卖菜的阿姨说，下个星期桃子就上市了，让我早点来。回家的路上下起了小雨，\
    我没有带伞，只好在书店里躲了一会儿，顺便买了一本关于桥梁的书。昔々、山のふもとに小さな村がありました。村の人々は毎年秋になると、収穫を祝って火を焚きました。
    """,
    """
    A queue with one server is stable only while work arrives more slowly than it is done. Let λ be the arrival rate and \
    μ the service rate, both random in the memoryless way; then the utilisation is ρ = λ/μ, the mean number of \
    customers in the system is ρ/(1 − ρ), and by Little's law the mean time a customer spends there is 1/(μ − λ). At \
    ρ = 0.5 one customer is there on average; at 0.9, nine; at 0.99, ninety-nine. That is why a clinic that books \
    every minute of its doctors' day has a full waiting room, and why the last ten percent of capacity are the \
    most expensive.
    """,
    """
    CHAPTER THREE. It was past eleven when the knock came. Ines put down her pen, listened, and heard only the rain and \
    the clock. Then it came again: two short, one long. "Who is it?" she called. "It's about the map," said a voice \
    she did not know. She had told no one about the map. She looked at the window, at the drawer, at the lamp that \
    would be seen from the street, and did what her grandmother had taught her to do when there was no time to think: \
    she smiled, so that it could be heard, and said, "How good of you to come. One moment, please."
    """,
    """
    func median(_ values: [Double]) -> Double? {
      guard !values.isEmpty else { return nil }
      let sorted = values.sorted()
      let middle = sorted.count / 2
      return sorted.count.isMultiple(of: 2) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[middle]
    }

    let temperatures = ["Oslo": 3.5, "Lima": 19.0, "Cairo": 27.25, "Perth": 22.0]
    for (city, degrees) in temperatures.sorted(by: { $0.value < $1.value }) {
      print("\\(city): \\(degrees) °C")
    }
    """,
    """
    $ git log --oneline -3
    9f2c1ab Close the socket before the lock is released
    51d07e4 Count retries per host, not per request
    e88b310 Say which header was too long
    $ make test
    ran 412 tests in 8.31 s: 411 passed, 1 failed
      FAIL timeout_is_reported (net/client_test.c:207): expected ETIMEDOUT (110), found ECONNRESET (104)
    make: *** [Makefile:38: test] Error 1
    """,
    """
    The glass armonica is played with wet fingers on the rims of nested, spinning bowls. Benjamin Franklin built the \
    first in 1761, and for forty years it was the fashion of Europe; Mozart wrote an adagio for it. Then rumours \
    spread that its sound drove players mad. The likelier truth is duller: concert halls grew, and the armonica \
    could not be heard in them. About a dozen people can play it well today.
    """,
    """
    Question: A train leaves at 09:40 and runs at 80 km/h; a second leaves the same station at 10:10 and follows at \
    120 km/h. When does it catch up? Answer: In the 30 minutes of its lead the first train covers 40 km. The second \
    gains 120 − 80 = 40 km every hour, so it needs exactly one hour: they meet at 11:10, 120 km from the station. \
    Check: the first has run 1.5 h · 80 km/h = 120 km. Correct.
    """,
    """
    TERMS OF LOAN. (1) The borrower receives the instrument in the condition described in Annex A and shall return it in \
    that condition, fair wear excepted, no later than thirty days after written notice. (2) The borrower shall \
    not lend, let, pledge or alter the instrument, nor carry it out of the country without the lender's prior \
    consent in writing. (3) Should the instrument be lost or stolen, the borrower shall inform the lender and the \
    police within 24 hours. (4) This agreement is governed by the law of the lender's place of residence.
    """,
    """
    <!DOCTYPE html>
    <html lang="en">
    <head><meta charset="utf-8"><title>Tide table</title>
    <style>td { padding: 0.25em 1em; text-align: right; } .low { color: #06c; }</style></head>
    <body><table><tr><th>Time</th><th>Height</th></tr>
    <tr class="low"><td>04:12</td><td>0.8 m</td></tr><tr><td>10:31</td><td>4.6 m</td></tr>
    <tr class="low"><td>16:40</td><td>1.1 m</td></tr><tr><td>22:55</td><td>4.3 m</td></tr></table></body></html>
    """,
    """
    Why is the sky blue but the sunset red? Air molecules are far smaller than the wavelength of light, and such small \
    scatterers send short waves aside much more strongly than long ones: the strength goes with the inverse fourth \
    power of the wavelength. Blue light (450 nm) is scattered about four times as much as red (650 nm), since \
    (650/450)⁴ ≈ 4.35. By day we see that scattered light from every direction. At sunset the direct light has \
    crossed forty times as much air, the blue has been lost on the way, and what is left is red.
    """,
  ]
}
