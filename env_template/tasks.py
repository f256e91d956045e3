"""The taskset: scenarios with arguments. `validation` solves a task; the oracle replays it."""

from env import count
from hud.types import MCPToolCall

strawberry_r = count.task(word="strawberry", letter="r")
strawberry_r.slug = "strawberry-r"
strawberry_r.columns = {"category": "repeated-letters", "complexity": "multi-occurrence"}
strawberry_r.validation = [
    MCPToolCall(name="count_letter", arguments={"text": "strawberry", "letter": "r"}),
    MCPToolCall(name="submit", arguments={"answer": "3"}),
]

mississippi_s = count.task(word="mississippi", letter="s")
mississippi_s.slug = "mississippi-s"
mississippi_s.columns = {"category": "repeated-letters", "complexity": "high-frequency"}
mississippi_s.validation = [
    MCPToolCall(name="count_letter", arguments={"text": "mississippi", "letter": "s"}),
    MCPToolCall(name="submit", arguments={"answer": "4"}),
]

abracadabra_a = count.task(word="abracadabra", letter="a")
abracadabra_a.slug = "abracadabra-a"
abracadabra_a.columns = {"category": "spread-letters", "complexity": "high-frequency"}
abracadabra_a.validation = [
    MCPToolCall(name="count_letter", arguments={"text": "abracadabra", "letter": "a"}),
    MCPToolCall(name="submit", arguments={"answer": "5"}),
]
