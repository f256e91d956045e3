"""From evidence to a diagnosis: what is wrong in one line, and what to do about it. Pure.

1. A process killed for memory is that, whatever else is known.
2. A kind that the check knows already is taken as it is, unless it is `SOFT`.
3. Then words decide: those of the error before its detail, and that before stderr.
4. What is left shows in how the process stands: it ended, prints on stdout, listens elsewhere, or
   is silent.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from hud.debug.evidence import Evidence, Kind, reachable
from hud.debug.rules import RAISE_MEMORY, command_fix, matching, refused_port, subject

INTERPRETERS = {"python", "python3", "node", "bash", "sh", "ash", "zsh"}
SEE_BELOW = "look at what the server printed, below"
ERROR_LIMIT = 400
"""Characters of an error that are shown."""


@dataclass(frozen=True)
class Remedy:
    """A diagnosis."""

    kind: Kind
    error: str
    """What is wrong, in one line."""
    fix: str
    """What to do about it, in one line."""


FIXES = {
    Kind.NO_IMAGE: "build it: hud build DIR, or hud debug DIR --build",
    Kind.IMPORT: "correct the file that the traceback ends in",
    Kind.NO_ENVIRONMENT: "name an environment of yours: hud debug module:attribute",
    Kind.HTTP: "serve Streamable HTTP at the path /mcp, to clients that call it by any Host",
    Kind.MODERN_ONLY: "serve the initialize handshake as well: scenarios need a session",
    Kind.NOTHING_OFFERED: "declare a tool (@env.tool) or a scenario (@env.scenario)",
    Kind.TOOL_NAME: "rename it: providers take 1 to 64 letters, digits, `_` and `-`",
    Kind.TOOL_SCHEMA: "correct the tool's input schema: JSON Schema of type `object`",
    Kind.TOOL_OUTPUT: "return what the tool's output schema says, or drop the schema",
    Kind.TOOL: "correct the tool; what the server printed is below",
    Kind.SETUP: "correct the scenario before its first `yield`",
    Kind.GRADING: "correct the scenario after its first `yield`: an empty answer is graded too",
    Kind.REWARD: "yield a number from 0 to 1 at the end of the scenario",
    Kind.PROMPT_CHANGES: "let the prompt depend on its arguments alone: seed what is random",
    Kind.SHARED_STATE: "keep state inside the container: rollouts run side by side",
    Kind.SHUTDOWN: "end on SIGTERM: write CMD in its exec form, and wait for nothing",
    Kind.HANGS: "find out what it waits for; what the server printed is below",
    Kind.LEFTOVERS: "end what the server started before it ends itself: @env.shutdown",
}
"""What to do about the kinds that a check knows by itself."""

SOFT = {Kind.HTTP, Kind.IMPORT, Kind.TOOL, Kind.SETUP, Kind.GRADING}
"""Kinds that only say where it failed: words, and how the server ended, tell more."""


def diagnose(evidence: Evidence) -> Remedy:
    """What the evidence says is wrong, and what to do about it."""
    if evidence.out_of_memory:
        told = "out of memory: it used more than its limit"
        limit = f" of {evidence.memory}" if evidence.memory else ""
        return _remedy(Kind.MEMORY, told + limit, RAISE_MEMORY)
    if evidence.kind is Kind.STDOUT or (evidence.kind is Kind.HANGS and evidence.is_garbled):
        return _polluted(evidence)
    if evidence.kind in FIXES and evidence.kind not in SOFT:
        return _remedy(evidence.kind, evidence.error, FIXES[evidence.kind])
    for text in _telling(evidence):
        if found := _by_words(text, evidence):
            return found
    if evidence.kind in FIXES and evidence.running:
        return _remedy(evidence.kind, evidence.error, FIXES[evidence.kind])
    return _by_state(evidence)


def _telling(evidence: Evidence) -> list[str]:
    """The texts whose words may decide."""
    said = [] if evidence.kind is Kind.HTTP else [evidence.error, evidence.detail]
    if evidence.kind in FIXES and evidence.running:
        return said
    return [*said, "\n".join(evidence.stderr)]


def _remedy(kind: Kind, error: str, fix: str) -> Remedy:
    return Remedy(kind, " ".join(error.split())[:ERROR_LIMIT], fix)


def _by_words(text: str, evidence: Evidence) -> Remedy | None:
    found = matching(text)
    if found is None:
        return None
    rule, match = found
    fix = rule.fix(subject(match), evidence)
    if rule.kind is Kind.BACKEND:
        port = refused_port("\n".join((text, evidence.detail, *evidence.stderr)))
        return _remedy(rule.kind, f"Connection refused{f' on port {port}' if port else ''}", fix)
    if text is evidence.error:
        return _remedy(rule.kind, text, fix)
    return _remedy(rule.kind, _joined(_opening(evidence), _line_around(text, match)), fix)


def _opening(evidence: Evidence) -> str:
    return f"the server {evidence.ending}" if evidence.ending else evidence.error


def _joined(opening: str, words: str) -> str:
    return ": ".join(part for part in (opening, words) if part)


def _line_around(text: str, match: re.Match[str]) -> str:
    start = text.rfind("\n", 0, match.start()) + 1
    end = text.find("\n", match.end())
    return text[start : len(text) if end < 0 else end].strip()


def _by_state(evidence: Evidence) -> Remedy:
    if not evidence.running:
        return _ended(evidence)
    if evidence.noise and evidence.timed_out:
        return _polluted(evidence)
    if evidence.kind is not Kind.NO_ANSWER:
        return _unknown(evidence)
    if evidence.port is not None:
        return _unreachable(evidence, evidence.port)
    if evidence.listeners:
        return _speaks_elsewhere(evidence)
    return _silent(evidence)


def _ended(evidence: Evidence) -> Remedy:
    last = evidence.stderr[-1].strip() if evidence.stderr else ""
    opening = _opening(evidence)
    if evidence.exit_code == 0:
        fix = "let the command serve: env.run() at the end of env.py, or `hud dev env:env --stdio`"
        return _remedy(Kind.ENDS_AT_ONCE, f"{opening} instead of serving", fix)
    if evidence.exit_code in (126, 127):
        return _remedy(Kind.WRONG_COMMAND, _joined(opening, last), command_fix(None, evidence))
    return _remedy(Kind.CRASH, _joined(opening, last), _crash_fix(evidence.stderr))


def _crash_fix(stderr: tuple[str, ...]) -> str:
    places = re.findall(r'File "([^"<]+)", line (\d+)', "\n".join(stderr))
    own = [place for place in places if not re.search(r"/lib/python|-packages/", place[0])]
    if not places:
        return _look(stderr)
    path, line = (own or places)[-1]
    return f"correct {path}, line {line}, where it was raised"


def _look(stderr: tuple[str, ...]) -> str:
    return SEE_BELOW if stderr else "it printed nothing: let the server say why on stderr"


def _polluted(evidence: Evidence) -> Remedy:
    if evidence.noise and evidence.noise[0].startswith("Content-Length:"):
        told = "the server frames its messages with headers, as language servers do"
        return _remedy(Kind.STDOUT, told, "write each message as one line of JSON, without headers")
    shown = evidence.noise[0][:80] if evidence.noise else ""
    fix = "print to stderr (print(…, file=sys.stderr)): stdout belongs to the protocol"
    return _remedy(Kind.STDOUT, f"stdout holds what is no protocol: {shown!r}", fix)


def _unreachable(evidence: Evidence, port: int) -> Remedy:
    reached = reachable(evidence.listeners, port)
    others = ", ".join(str(one) for one in evidence.listeners if one.port != port)
    if reached is False:
        fix = f"bind every interface: env.run(transport='http', host='0.0.0.0', port={port})"
        told = f"port {port} is open on 127.0.0.1 only, inside the container"
        return _remedy(Kind.LOOPBACK, told, fix)
    if reached is None and others:
        told = f"nothing listens on port {port}, which the image names; {others} is open inside"
        fix = f"serve on port {port}, or name the right one: EXPOSE {_other_port(evidence, port)}"
        return _remedy(Kind.OTHER_PORT, told, fix)
    if reached is None:
        told = f"nothing listens on port {port}, which the image names, after its time limit"
        fix = f"serve on port {port}, and do slow work after that; --timeout waits longer"
        return _remedy(Kind.BLOCKED, told, fix)
    told = f"port {port} is open, but no MCP answers: {evidence.error}"
    return _remedy(Kind.HTTP, told, FIXES[Kind.HTTP])


def _other_port(evidence: Evidence, port: int) -> int:
    others = (listener.port for listener in evidence.listeners if listener.port != port)
    return evidence.mcp_port or next(others)


def _speaks_elsewhere(evidence: Evidence) -> Remedy:
    open_ports = ", ".join(str(one) for one in evidence.listeners)
    told = f"nothing answers on stdin and stdout, but {open_ports} is open inside"
    port = evidence.listeners[0].port
    fix = f"serve over stdio (`hud dev env:env --stdio`), or say that it serves HTTP: EXPOSE {port}"
    return _remedy(Kind.OTHER_PORT, told, fix)


def _silent(evidence: Evidence) -> Remedy:
    program = evidence.command[0].rpartition("/")[2] if len(evidence.command) == 1 else ""
    if program in INTERPRETERS:
        told = f"the command is a bare `{program}`, which serves nothing"
        return _remedy(Kind.WRONG_COMMAND, told, 'name the server: CMD ["python", "env.py"]')
    fix = (
        "serve first, flush what is written (python -u), and do slow work in @env.initialize"
        " or in a tool; --timeout waits longer"
    )
    return _remedy(Kind.BLOCKED, f"the server runs, but is silent: {evidence.error}", fix)


def _unknown(evidence: Evidence) -> Remedy:
    if "Unsupported protocol version" in evidence.error:
        return _remedy(Kind.UNKNOWN, evidence.error, "update the server's MCP library")
    return _remedy(Kind.UNKNOWN, evidence.error, _look(evidence.stderr))
