"""Words by which failures are known, whatever language the server is written in, and what to do
about each. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from hud.debug.evidence import Evidence, Kind
from hud.environment.import_hints import RENAMED, import_hint

DISTRIBUTIONS = {
    "PIL": "pillow",
    "bs4": "beautifulsoup4",
    "cv2": "opencv-python-headless",
    "dotenv": "python-dotenv",
    "hud": "hud-local",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
}
"""What to install for a module that is named differently."""

RAISE_MEMORY = "raise the limit (`memory` in [tool.hud] of pyproject.toml, or -m 4g), or use less"
SHOW_DISPLAY = (
    "start a virtual display before the server (Xvfb :1 &, ENV DISPLAY=:1), or run headless"
)

Fix = Callable[[str | None, Evidence], str]
"""Makes the advice from what the words name (a module, a path, a variable) and the evidence."""


@dataclass(frozen=True)
class Rule:
    """Words that a kind of failure is known by; the pattern's first group that took part is what
    they name.
    """

    kind: Kind
    pattern: re.Pattern[str]
    fix: Fix


def matching(text: str) -> tuple[Rule, re.Match[str]] | None:
    """The first rule that fits a text, and where it does."""
    for rule in RULES:
        if match := rule.pattern.search(text):
            return rule, match
    return None


def subject(match: re.Match[str]) -> str | None:
    """What the words of a match name."""
    return next((group for group in match.groups() if group), None)


def refused_port(text: str) -> int | None:
    """The port in a message about a refused connection, if it names one."""
    match = _PORT.search(text)
    return int(match[1]) if match else None


def command_fix(_: str | None, evidence: Evidence) -> str:
    """What to do about a command that cannot be run."""
    shown = f", which is `{' '.join(evidence.command)[:100]}`" if evidence.command else ""
    script = evidence.command[0] if evidence.command else ""
    ends = "; a script that is there has Windows line ends" if script.endswith(".sh") else ""
    missing = f"the image has no such file or program{ends}"
    return f"correct CMD or ENTRYPOINT of the Dockerfile{shown}: {missing}"


def _executable_fix(program: str | None, evidence: Evidence) -> str:
    return f"make it executable: RUN chmod +x {program or ' '.join(evidence.command[:1])}"


def _module_fix(module: str | None, evidence: Evidence) -> str:
    if module in RENAMED:
        return RENAMED[module]
    top = (module or "").partition(".")[0]
    name = DISTRIBUTIONS.get(top, top)
    if not evidence.in_container:
        return f"install it: pip install {name}"
    return f"add to the Dockerfile: RUN pip install {name} (or COPY, if `{top}` is a file of yours)"


def _import_fix(words: str | None, _: Evidence) -> str:
    return import_hint(ImportError(words)) or "correct the import: this version has other names"


def _node_fix(module: str | None, _: Evidence) -> str:
    return f"install it in the Dockerfile: RUN npm install {module}"


def _permission_fix(path: str | None, _: Evidence) -> str:
    what = f"`{path}`" if path else "what it asked for"
    return f"let its user have {what}: chown it in the Dockerfile, or choose a path below /tmp"


def _variable_fix(name: str | None, evidence: Evidence) -> str:
    shown = name or "NAME"
    here = f"hud debug IMAGE -e {shown}=VALUE" if evidence.in_container else f"export {shown}=VALUE"
    return f"set the variable {shown}: {here}"


def _backend_fix(_: str | None, evidence: Evidence) -> str:
    port = refused_port("\n".join((evidence.error, evidence.detail, *evidence.stderr)))
    others = ", ".join(str(one) for one in evidence.listeners if one.port != evidence.port)
    where = f"nothing listens on port {port}" if port else "the service does not listen"
    found = f" (inside, {others} does)" if others else ""
    return f"{where}{found}: start it before the MCP server and wait for it, or correct the address"


def _network_fix(_: str | None, evidence: Evidence) -> str:
    if not evidence.in_container:
        return "connect this machine, or correct the address"
    return (
        'give it a network (network = "internet" in [tool.hud] of pyproject.toml, or'
        " hud debug IMAGE --network internet), or do without"
    )


def _always(advice: str) -> Fix:
    return lambda _subject, _evidence: advice


def _rule(kind: Kind, patterns: list[str], fix: Fix) -> Rule:
    return Rule(kind, re.compile("|".join(patterns), re.MULTILINE), fix)


_PORT = re.compile(
    r"(?:[Pp]ort\W{1,3}|localhost\W{1,4}|\d+\.\d+\.\d+\.\d+\W{1,4}|://[\w.-]+:|::1\W{1,4})(\d{2,5})\b"
)
_NAME = r"[A-Z][A-Z0-9_]{2,}"
_UNSET = r"(?:not set|unset|missing|required|undefined|not defined|set\b)"

RULES = [
    _rule(
        Kind.MEMORY,
        [r"^MemoryError\b", "Cannot allocate memory", "heap out of memory"],
        _always(RAISE_MEMORY),
    ),
    _rule(
        Kind.DISPLAY,
        [
            r"(?i:(?:can't|cannot|could not|unable to|failed to) (?:open|connect to).{,6} display)",
            r"(?i:cannot connect to X server)",
            r"\$DISPLAY\b",
            "Missing X server",
            "(?i:no display (?:name|found))",
            "Qt platform plugin",
        ],
        _always(SHOW_DISPLAY),
    ),
    _rule(
        Kind.PLATFORM,
        ["(?i:exec format error)"],
        _always(
            "build it for the platform that runs it (hud build --platform linux/amd64);"
            " a script begins with #!/bin/sh"
        ),
    ),
    _rule(
        Kind.WRONG_COMMAND,
        [
            r"exec (\S+) failed: No such file",
            "executable file not found",
            r"can't open file '?([^'\n]+)'?: \[Errno 2\]",
            r"^/\S*python\S*: No module named (\S+)",
            r"^(?:\S*sh: )?(?:line )?(?:\d+: )?(\S+): (?:command )?not found",
            r"exec:? .*: no such file or directory",
            "Error: Cannot find module '(/[^']+)'",
        ],
        command_fix,
    ),
    _rule(
        Kind.PERMISSION,
        [r"exec (\S+) failed: Permission denied", 'exec:? "?([^":]*)"?: permission denied'],
        _executable_fix,
    ),
    _rule(Kind.MISSING_MODULE, [r"No module named '?([\w.]+)'?"], _module_fix),
    _rule(
        Kind.MISSING_MODULE,
        [r"(cannot import name '\w+' from '(?:fastmcp|hud|mcp)\b[\w.]*')"],
        _import_fix,
    ),
    _rule(Kind.MISSING_MODULE, ["Cannot find (?:module|package) '([^'/.][^']*)'"], _node_fix),
    _rule(
        Kind.VARIABLE,
        [
            rf"KeyError: '({_NAME})'",
            rf"[Vv]ariable [`'\"$]*({_NAME})\b",
            rf"\b({_NAME})\b\W{{1,2}}(?:environment variable )?(?:is|are|must be|was) {_UNSET}",
            rf"(?i:missing|required)(?i: environment variables?)?:? [`'\"$]*({_NAME})\b",
        ],
        _variable_fix,
    ),
    _rule(
        Kind.NETWORK,
        [
            "Temporary failure in name resolution",
            "Name or service not known",
            "(?i:could not resolve host)",
            "EAI_AGAIN|ENOTFOUND|ENETUNREACH",
            "Network is unreachable",
            "failed to lookup address|dns error",
        ],
        _network_fix,
    ),
    _rule(
        Kind.BACKEND,
        [
            "(?i:connection ?refused)",
            "ECONNREFUSED",
            "All connection attempts failed",
            "Connect call failed",
        ],
        _backend_fix,
    ),
    _rule(
        Kind.PERMISSION,
        [
            rf"{words}(?::? '?(/[^\s'\"]+))?"
            for words in (
                "(?i:permission denied)",
                "EACCES",
                "Operation not permitted",
                "Read-only file system",
            )
        ],
        _permission_fix,
    ),
]
"""In order: the first that fits decides."""
