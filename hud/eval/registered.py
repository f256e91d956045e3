"""Environments that tasks name and that are not here: the controller has them, and starts a fresh
instance for each rollout.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import Any

from hud.environment import Environment
from hud.errors import ControllerUnavailable, UserError
from hud.settings import controller_token
from hud.task import Task


def connect(tasks: Iterable[Task]) -> list[Task]:
    """The tasks, where they only name an environment with one that connects to the controller's;
    where this machine knows no controller, as they are.

    Raises:
        UserError: the controller has no such environment; the hint has near ones.
    """
    environments: dict[Any, Environment] = {}
    found = list(tasks)
    for task in found:
        name = task.env_name
        if name is None or isinstance(task.env, Environment):
            continue
        limits = {} if task.env is None else task.env.model_dump(include={"include", "exclude"})
        key = (name, repr(limits))
        if key not in environments:
            if not is_registered(name):
                return found
            environments[key] = Environment(name.rpartition("/")[2]).connect_hub(name, **limits)
        task.env = environments[key]
    return found


def is_registered(name: str) -> bool:
    """Whether the controller has an environment; False where no controller answers.

    Raises:
        UserError: it has none of that name; the hint has near ones.
    """
    if controller_token() is None:
        return False
    # The client stands above evaluation; it is loaded only here.
    client = importlib.import_module("hud.client").Client()
    try:
        with client:
            client.resolve(name)
    except ControllerUnavailable:
        return False
    except UserError as exc:
        reason = f"there is no environment `{name}` here, nor at the controller"
        raise UserError(reason, hint=exc.hint or "hud deploy DIR registers one") from exc
    return True
