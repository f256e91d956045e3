"""Where a Dockerfile puts the files of its folder."""

from __future__ import annotations

import pytest

from hud.dev.containers.dockerfile import Copy, Recipe, expand, read_dockerfile


@pytest.mark.parametrize(
    ("text", "workdir", "copies"),
    [
        ("", "/", []),
        ("FROM x", "/", []),
        ("FROM x\nWORKDIR /app\nCOPY . .", "/app", [Copy(".", "/app", True)]),
        ("FROM x\nWORKDIR /app\nCOPY . /srv/", "/app", [Copy(".", "/srv", True)]),
        ("FROM x\nWORKDIR /app\nCOPY env.py ./", "/app", [Copy("env.py", "/app", True)]),
        ("FROM x\nWORKDIR /app\nCOPY env.py main.py", "/app", [Copy("env.py", "/app/main.py")]),
        ("FROM x\nWORKDIR /a\nWORKDIR b/c\nCOPY src lib", "/a/b/c", [Copy("src", "/a/b/c/lib")]),
        (
            "FROM x\nWORKDIR /app\nCOPY a.py b.py lib",
            "/app",
            [Copy("a.py", "/app/lib", True), Copy("b.py", "/app/lib", True)],
        ),
        ('FROM x\nCOPY ["a b.py", "/app/"]', "/", [Copy("a b.py", "/app", True)]),
        ("FROM x\nCOPY --chown=1:1 --link ./src/ /app/src/", "/", [Copy("src", "/app/src", True)]),
        ("FROM x\nADD *.py /app/", "/", [Copy("*.py", "/app", True)]),
        ("FROM x\nADD https://host.example/x.tgz /app/", "/", []),
        ("FROM x\nADD git@host.example:me/x.git /app/", "/", []),
        ("from x\nworkdir /app\ncopy . .", "/app", [Copy(".", "/app", True)]),
        (
            "FROM x\n# a comment\nCOPY a.py \\\n  # another\n  b.py \\\n  /app/\nRUN ls",
            "/",
            [Copy("a.py", "/app", True), Copy("b.py", "/app", True)],
        ),
        (
            "# escape=`\nFROM x\nCOPY a.py `\n  /app/",
            "/",
            [Copy("a.py", "/app", True)],
        ),
        (
            "FROM x\nENV HOME_DIR=/srv/me\nENV BASE=${HOME_DIR}/app OTHER=1\n"
            "WORKDIR $BASE\nCOPY . ${BASE:-/x}",
            "/srv/me/app",
            [Copy(".", "/srv/me/app")],
        ),
        ("FROM x\nENV DIR /srv\nCOPY . $DIR/", "/", [Copy(".", "/srv", True)]),
        ("ARG DIR=/one\nFROM x\nARG DIR\nCOPY . $DIR/", "/", [Copy(".", "/one", True)]),
        ("FROM x\nARG DIR='/two'\nWORKDIR ${DIR}\nCOPY . .", "/two", [Copy(".", "/two", True)]),
        ("FROM x\nCOPY . ${NOWHERE:-/three}/", "/", [Copy(".", "/three", True)]),
        (
            "FROM x\nRUN <<END\nCOPY not this\nEND\nCOPY <<EOF /app/file\ntext\nEOF\nCOPY a /b",
            "/",
            [Copy("a", "/b")],
        ),
        (
            "FROM x AS base\nWORKDIR /app\nCOPY lib lib\nFROM base\nCOPY env.py .",
            "/app",
            [Copy("lib", "/app/lib"), Copy("env.py", "/app", True)],
        ),
        (
            "FROM x AS build\nWORKDIR /src\nCOPY . .\nFROM y\nCOPY --from=build /src /app",
            "/",
            [Copy(".", "/app", True)],
        ),
        (
            "FROM x AS build\nWORKDIR /src\nCOPY . .\nFROM y\nCOPY --from=0 /src/pkg /app/pkg",
            "/",
            [],
        ),
        (
            "FROM x AS build\nCOPY . /src\nFROM y\nCOPY --from=build /src/pkg /app/pkg",
            "/",
            [Copy("pkg", "/app/pkg")],
        ),
        ("FROM x\nCOPY --from=other/image /bin/uv /bin/", "/", []),
        ("FROM x AS a\nCOPY . /a\nFROM y", "/", []),
    ],
)
def test_the_last_stage_decides_where_files_are(
    text: str, workdir: str, copies: list[Copy]
) -> None:
    assert read_dockerfile(text) == Recipe(workdir, tuple(copies))


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("$A/x", "1/x"),
        ("${A}x", "1x"),
        ("$NO", ""),
        ("${NO:-d}", "d"),
        ("${A:-d}", "1"),
        ("${A:+y}", "y"),
        ("${NO:+y}", ""),
        (r"\$A", "$A"),
    ],
)
def test_variables_are_replaced(text: str, expanded: str) -> None:
    assert expand(text, {"A": "1"}) == expanded
