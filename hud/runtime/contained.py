"""Rollouts in containers: one for each, out of a few that are started ahead while others run."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, nullcontext
from dataclasses import dataclass

from hud.containers import BuildRequest, Containers, Engine
from hud.containers.contract import Progress
from hud.environment import Environment
from hud.environment.connections import Source
from hud.environment.session import Connection, Session
from hud.errors import EnvironmentFailure, UserError, did_you_mean
from hud.runtime.build import build_image
from hud.runtime.container import RunningImage, run_image, spec_for
from hud.runtime.pool import Pool
from hud.runtime.project import Project, variables_of
from hud.runtime.ward import Ward
from hud.task import Task


@dataclass(frozen=True)
class ContainedInstance:
    """A container of one rollout's own, behind an environment that finds its scenarios by name."""

    env: Environment
    running: RunningImage
    connection: Connection

    @property
    def log(self) -> str:
        """What the container printed, once it has ended."""
        return self.running.log

    @property
    def is_intact(self) -> bool:
        """Whether nothing happened to the container."""
        return self.running.life.is_intact


class ContainerRuntime:
    """Starts a container per rollout. `open()` must be called first, `aclose()` last."""

    def __init__(
        self,
        project: Project,
        *,
        run: str = "",
        ahead: int | None = None,
        progress: Progress | None = None,
        engine: Containers | None = None,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """`run` labels the containers; `ahead` is how many are started before they are needed;
        `progress` hears of the image's build. `variables` enter the containers, beside those of
        this machine that the project declares.
        """
        self.project = project
        self._run = run
        self._progress = progress
        self._engine = engine or Engine()
        self._stack = AsyncExitStack()
        self._ahead = ahead
        self._variables = variables or {}
        self._pool: Pool[ContainedInstance]

    async def open(self) -> None:
        """Build the image, where it is built here, and see that a container of it serves.

        Raises:
            EngineUnavailable: no container engine answers.
            BuildFailure: the image could not be built.
            StartFailure: its server does not answer.
        """
        project = self.project
        variables = variables_of(project, self._variables)
        engine = await self._stack.enter_async_context(self._engine)
        if project.has_dockerfile and not project.is_built:
            request = BuildRequest(project.folder, tag=project.image)
            await build_image(engine, request, self._progress)
        ward = await self._stack.enter_async_context(Ward(engine))
        spec = spec_for(project.image, env_vars=variables, sandbox=project.sandbox, run=self._run)

        @asynccontextmanager
        async def instance() -> AsyncIterator[ContainedInstance]:
            async with run_image(ward, spec) as running, connected(running) as env:
                yield ContainedInstance(env, running, Session(env))

        self._pool = Pool(instance, is_good=lambda one: one.is_intact, size=self._ahead)
        self._stack.push_async_callback(self._pool.aclose)
        await self._pool.peek()

    async def expect(self, tasks: Sequence[Task], group: int) -> None:
        """Say what will be started: each task so many times.

        Raises:
            UserError: a task names a scenario that the image does not have.
        """
        offered = {
            prompt.name.rpartition(":")[2]
            for prompt in (await self._pool.peek()).env.prompt_definitions()
        }
        for task in tasks:
            if task.scenario and task.scenario_name not in offered:
                raise UserError(
                    f"task `{task.key}` needs the scenario `{task.scenario_name}`,"
                    f" which image `{self.project.image}` does not have",
                    hint=did_you_mean(task.scenario_name, offered),
                )
        self._pool.expect(len(tasks) * group)

    @asynccontextmanager
    async def start(self, task: Task, *, seed: str = "") -> AsyncIterator[ContainedInstance]:
        async with self._pool.take() as instance:
            yield instance

    async def run(self, command: Sequence[str], *, seconds: float) -> str:
        """What a command prints in a container of its own.

        Raises:
            EnvironmentFailure: it failed, or took longer.
        """
        async with self._pool.take() as instance:
            done = await instance.running.container.execute(command, seconds=seconds)
        if done.exit_code != 0:
            detail = done.stderr.decode(errors="replace")
            told = f"`{command[0]}` failed in a container of `{self.project.image}`"
            raise EnvironmentFailure(told, detail=detail)
        return done.stdout.decode(errors="replace")

    async def aclose(self) -> None:
        await self._stack.aclose()


@asynccontextmanager
async def connected(running: RunningImage) -> AsyncIterator[Environment]:
    """An environment that offers what a container does, and finds scenarios by short names."""
    image = running.container.spec.image
    env = Environment(image.rpartition("/")[2].partition(":")[0])
    env.sources.append(Source(image, lambda: nullcontext(running.connection), seconds=None))
    async with env:
        yield env
