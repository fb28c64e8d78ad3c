extension BundledText {
  /// More plain documents: prose in Chinese and English, code, and texts with much structure.
  static let furtherDocuments = [
    """
    老周在码头修了三十年的船。他说，木船和人一样，最怕的不是风浪，而是闲着。船一闲，板子就干裂，缝里长出青苔，再好的油也补不回来。\
    去年秋天，一个年轻人开来一条塑料快艇，问他能不能修。老周围着船走了两圈，敲了敲船身，摇摇头说：“这个东西没有脾气，我听不懂它。”\
    年轻人笑了，留下来看他修了一下午的木船。第二天，他又来了，带着一把新买的刨子。
    """,
    """
    地铁三号线全长四十二公里，共设二十八座车站，早上六点发车，晚上十一点半停运。工作日高峰时段每三分钟一班，平时每六分钟一班。\
    从机场到市中心大约需要三十五分钟，票价八元。携带大件行李的乘客请使用车站两端的电梯；雨天地面湿滑，请注意脚下安全。\
    如需帮助，请拨打服务热线，或者向站台工作人员询问。
    """,
    """
    水在零摄氏度结冰，在一百摄氏度沸腾，这是在一个标准大气压下的数值。在高山上，气压较低，水不到一百度就开了，所以煮饭要用高压锅。\
    锅盖压紧以后，锅里的气压升高，水的沸点也随之升高，食物熟得更快。同样的道理，汽车的冷却系统也是密封的，\
    冷却液在一百多度时仍然是液体。
    """,
    """
    When the reservoir was built, the village of Halse was moved uphill, house by house, except for the church, which \
    was too heavy and too old. In dry summers its tower still appears. People drive out to see it, take a picture, and \
    drive home again; only a few of the oldest walk down to the edge of the mud and stand there, counting the roofs \
    that are no longer below. One of them told me that the bell had been taken out before the water came. "But \
    ask anyone here," she said, "and they will tell you they have heard it."
    """,
    """
    The first rule of estimating is to say what the number is for. A builder who must order bricks needs an upper bound; \
    a family that must choose between two flats needs only to know which costs more. The second rule is to break \
    the unknown into parts that can be checked. How many piano tuners work in a city of a million people? Perhaps one \
    household in twenty has a piano that is tuned once a year; with two and a half people to a household that makes \
    twenty thousand tunings; a tuner who manages four a day and works two hundred and fifty days does a thousand; so \
    about twenty tuners. The third rule is to ask which part is least certain, and to spend the next hour on that.
    """,
    """
    package main

    import (
    	"bufio"
    	"fmt"
    	"os"
    	"sort"
    	"strings"
    )

    // Counts the words of standard input and prints the ten most frequent.
    func main() {
    	counts := map[string]int{}
    	scanner := bufio.NewScanner(os.Stdin)
    	scanner.Split(bufio.ScanWords)
    	for scanner.Scan() {
    		counts[strings.ToLower(strings.Trim(scanner.Text(), ".,;:!?\\"'()"))]++
    	}
    	words := make([]string, 0, len(counts))
    	for word := range counts {
    		words = append(words, word)
    	}
    	sort.Slice(words, func(i, j int) bool { return counts[words[i]] > counts[words[j]] })
    	for i := 0; i < len(words) && i < 10; i++ {
    		fmt.Printf("%6d %s\\n", counts[words[i]], words[i])
    	}
    }
    """,
    """
    import { readFile } from "node:fs/promises";

    /** Reads settings and fills in defaults; throws when the port is not a number. */
    export async function loadSettings(path) {
      const given = JSON.parse(await readFile(path, "utf8"));
      const settings = { host: "127.0.0.1", port: 8080, verbose: false, ...given };
      if (!Number.isInteger(settings.port) || settings.port < 1 || settings.port > 65535) {
        throw new RangeError(`port: expected a number from 1 to 65535, found ${settings.port}`);
      }
      return Object.freeze(settings);
    }
    """,
    """
    use std::collections::HashMap;

    /// The least recently used entry leaves when the cache is full.
    pub struct Cache { capacity: usize, clock: u64, entries: HashMap<String, (u64, Vec<u8>)> }

    impl Cache {
        pub fn get(&mut self, key: &str) -> Option<&[u8]> {
            self.clock += 1;
            let clock = self.clock;
            self.entries.get_mut(key).map(|entry| { entry.0 = clock; entry.1.as_slice() })
        }

        pub fn insert(&mut self, key: String, value: Vec<u8>) {
            if self.entries.len() >= self.capacity && !self.entries.contains_key(&key) {
                if let Some(oldest) = self.entries.iter().min_by_key(|e| e.1 .0).map(|e| e.0.clone()) {
                    self.entries.remove(&oldest);
                }
            }
            self.clock += 1;
            self.entries.insert(key, (self.clock, value));
        }
    }
    """,
    """
    class Account:
        \"\"\"A balance in cents; every change is kept.\"\"\"

        def __init__(self, owner, limit=0):
            self.owner, self.limit, self.history = owner, limit, []

        @property
        def balance(self):
            return sum(amount for _, amount in self.history)

        def withdraw(self, amount, reason):
            if amount <= 0:
                raise ValueError(f"expected a positive amount, found {amount}")
            if self.balance - amount < -self.limit:
                raise ValueError(f"{self.owner} has {self.balance / 100:.2f}, not {amount / 100:.2f}")
            self.history.append((reason, -amount))


    def test_overdraft():
        account = Account("Ada", limit=5000)
        account.withdraw(4000, "books")
        assert account.balance == -4000
    """,
    """
    2024-06-03T07:15:02Z INFO  scheduler  job=backup state=started host=node-3
    2024-06-03T07:15:09Z WARN  disk       path=/var/data used=91% free=18.4GiB
    2024-06-03T07:16:44Z INFO  scheduler  job=backup state=running copied=12.7GiB rate=131MiB/s
    2024-06-03T07:18:20Z ERROR network    peer=10.0.4.17 error="connection reset" retry=1 in=2s
    2024-06-03T07:18:22Z INFO  network    peer=10.0.4.17 state=connected latency=0.8ms
    2024-06-03T07:21:37Z INFO  scheduler  job=backup state=finished files=48211 duration=395s
    """,
    """
    Theorem. There are infinitely many primes. Proof. Suppose p₁, …, pₙ were all of them, and let N = p₁·p₂·…·pₙ + 1. \
    N is greater than 1, so some prime p divides it. If p were one of the pᵢ, it would divide both N and N − 1, hence \
    their difference 1, which no prime does. So p is a prime that is missing from the list, a contradiction. ∎ \
    Remark. N itself need not be prime: 2·3·5·7·11·13 + 1 = 30031 = 59·509.
    """,
    """
    # Changelog

    ## 2.4.0

    - **New:** `export --format csv` writes one file per table; `--delimiter` sets the separator.
    - **Changed:** dates without a time zone are read as UTC. Before, they had the zone of the machine.
    - **Fixed:** a file of exactly 4 GiB was refused (#318). An empty line at the end no longer counts as a record (#322).

    ## 2.3.1

    - **Fixed:** the progress bar could show 101% when a file grew while it was read.
    """,
  ]
}
