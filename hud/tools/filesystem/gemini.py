"""The file tools in the form of Gemini's command line."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

import mcp_types

from hud.errors import ToolError
from hud.tools.filesystem.glob import matching
from hud.tools.filesystem.grep import FileMatch, Search, by_file, compiled, find
from hud.tools.filesystem.read import MAX_LINES, Block, as_image, cut_page, text_lines
from hud.tools.filesystem.tool import FilesystemTool, Walk, entries, name_filter
from hud.tools.system.user import in_thread
from hud.types import AgentType, NativeToolSpec, NativeToolSpecs


def _role(role: str) -> NativeToolSpecs:
    return {AgentType.GEMINI: NativeToolSpec(role=role)}


def _text(text: str) -> list[mcp_types.TextContent]:
    return [mcp_types.TextContent(text=text)]


class GeminiReadTool(FilesystemTool):
    """Reads a file: text, or an image as an image; a long file is cut, and says how to go on."""

    name = "read_file"
    title = "ReadFile"
    native_specs: ClassVar[NativeToolSpecs] = _role("reader")

    def __init__(
        self, base_path: str | Path = ".", max_lines: int = MAX_LINES, **described: Any
    ) -> None:
        """Make the tool; it returns at most `max_lines` lines at once."""
        super().__init__(base_path, **described)
        self.max_lines = max_lines

    async def __call__(
        self, file_path: str, start_line: int | None = None, end_line: int | None = None
    ) -> list[mcp_types.TextContent | mcp_types.ImageContent]:
        """Read a file.

        Args:
            file_path: The file, from the tool's folder.
            start_line: The first line to read; the file's first is 1.
            end_line: The last line to read.

        Raises:
            ToolError: it does not exist, is elsewhere, or is neither text nor an image.
        """
        content = await in_thread(self.workspace.read, self.resolve_path(file_path))
        image = as_image(content)
        if image is not None:
            return [image]
        lines, first = text_lines(content, file_path), max(start_line or 1, 1)
        wanted = self.max_lines if end_line is None else min(end_line - first + 1, self.max_lines)
        page = cut_page(lines, first - 1, max(wanted, 0))
        blocks: list[Block] = [*_text(_page_text(page, first, len(lines)))]
        return blocks


def _page_text(page: list[str], first: int, total: int) -> str:
    text = "\n".join(page)
    if len(page) == total:
        return text
    last = first + len(page) - 1
    return (
        "IMPORTANT: The file content has been truncated.\n"
        f"Status: Showing lines {first}-{last} of {total} total lines.\n"
        "Action: To read more, use 'start_line' and 'end_line' parameters. "
        f"Example: start_line: {last + 1}.\n\n--- FILE CONTENT (truncated) ---\n{text}"
    )


class GeminiSearchTool(FilesystemTool):
    """Searches the content of files by a regular expression.

    Returns matching lines with their numbers, by file
    """

    name = "grep_search"
    title = "SearchText"
    native_specs: ClassVar[NativeToolSpecs] = _role("searcher")

    def __init__(
        self,
        base_path: str | Path = ".",
        max_results: int = 100,
        max_files: int = 1000,
        **described: Any,
    ) -> None:
        """Make the tool.

        It searches at most `max_files` files and returns at most `max_results` lines.
        """
        super().__init__(base_path, **described)
        self.max_results = max_results
        self.max_files = max_files

    async def __call__(  # noqa: PLR0913 - the tool's parameters
        self,
        pattern: str,
        dir_path: str | None = None,
        include_pattern: str | None = None,
        exclude_pattern: str | None = None,
        names_only: bool = False,
        max_matches_per_file: int | None = None,
        total_max_matches: int | None = None,
    ) -> list[mcp_types.TextContent]:
        """Search.

        Args:
            pattern: The regular expression; upper and lower case are the same.
            dir_path: A folder or a file to search; the tool's folder by default.
            include_pattern: Glob of the files to search.
            exclude_pattern: Regular expression of lines that do not count.
            names_only: Whether to return the files' names alone.
            max_matches_per_file: Lines of one file to return.
            total_max_matches: Lines to return.

        Raises:
            ToolError: an expression is none, or the folder does not exist.
        """
        search = Search(
            compiled(pattern, ignore_case=True),
            name_filter(include_pattern),
            exclude=compiled(exclude_pattern) if exclude_pattern else None,
            max_files=self.max_files,
            per_file=1 if names_only else max_matches_per_file,
        )
        most = total_max_matches or self.max_results
        matches = await find(self, search, dir_path, most + 1)
        return _text(_search_text(matches, pattern, most, names_only))


def _search_text(matches: list[FileMatch], pattern: str, most: int, names_only: bool) -> str:
    if not matches:
        return f"No matches found for pattern: {pattern}"
    shown = matches[:most]
    files = list(dict.fromkeys(match.path for match in shown))
    if names_only:
        return "\n".join(files)
    note = "\n(Results are cut: there are more matches.)" if len(matches) > most else ""
    return f"Found {len(shown)} matches in {len(files)} files\n\n{by_file(shown)}\n{note}"


class GeminiGlobTool(FilesystemTool):
    """Finds files by a glob; returns absolute paths by name. Use `**` to cross folders."""

    name = "glob"
    title = "Glob"
    native_specs: ClassVar[NativeToolSpecs] = _role("finder")

    def __init__(
        self, base_path: str | Path = ".", max_results: int = 100, **described: Any
    ) -> None:
        """Make the tool; it returns at most `max_results` files."""
        super().__init__(base_path, **described)
        self.max_results = max_results

    async def __call__(
        self,
        pattern: str,
        dir_path: str | None = None,
        case_sensitive: bool = False,
        respect_git_ignore: bool = True,
        respect_gemini_ignore: bool = True,
    ) -> list[mcp_types.TextContent]:
        """Find files.

        Args:
            pattern: The glob.
            dir_path: The folder to look in; the tool's folder by default.
            case_sensitive: Whether upper and lower case differ.
            respect_git_ignore: Whether to follow `.gitignore` files.
            respect_gemini_ignore: Whether to follow `.geminiignore` files.

        Raises:
            ToolError: the folder does not exist, or lies elsewhere.
        """
        chosen = ((".gitignore", respect_git_ignore), (".geminiignore", respect_gemini_ignore))
        walk = Walk(ignore_files=tuple(name for name, followed in chosen if followed))
        folder = self.folder(dir_path)
        found = await in_thread(matching, folder, pattern, walk, not case_sensitive)
        shown = [str(path) for path in sorted(found)[: self.max_results]]
        if len(found) > len(shown):
            shown += ["", f"(Results are cut: {len(found)} files match.)"]
        return _text("\n".join(shown) or f"No files found matching pattern: {pattern}")


class GeminiListTool(FilesystemTool):
    """Lists a folder: its folders, then its files with their sizes; hidden ones are left out."""

    name = "list_directory"
    title = "ListDirectory"
    native_specs: ClassVar[NativeToolSpecs] = _role("lister")

    def __init__(
        self, base_path: str | Path = ".", max_entries: int = 500, **described: Any
    ) -> None:
        """Make the tool; it returns at most `max_entries` entries."""
        super().__init__(base_path, **described)
        self.max_entries = max_entries

    async def __call__(
        self, dir_path: str, ignore: list[str] | None = None
    ) -> list[mcp_types.TextContent]:
        """List a folder.

        Args:
            dir_path: The folder, from the tool's own.
            ignore: Globs of names to leave out.

        Raises:
            ToolError: it does not exist, or lies elsewhere.
        """
        folder = self.folder(dir_path)
        ignored = [name_filter(glob) for glob in ignore or ()]

        def listed() -> list[str]:
            shown = [
                entry
                for entry in entries(folder)
                if not entry.name.startswith(".")
                and not any(pattern.fullmatch(entry.name) for pattern in ignored)
            ]
            folders = [
                f"[DIR] {entry.name}" for entry in shown if entry.is_dir(follow_symlinks=False)
            ]
            files = [
                f"{entry.name} ({entry.stat(follow_symlinks=False).st_size} bytes)"
                for entry in shown
                if not entry.is_dir(follow_symlinks=False)
            ]
            return folders + files

        lines = await in_thread(listed)
        if len(lines) > self.max_entries:
            more = len(lines) - self.max_entries
            lines = [*lines[: self.max_entries], f"({more} more entries are left out.)"]
        return _text("\n".join(lines) or f"Directory {dir_path} is empty.")


class GeminiReadManyTool(FilesystemTool):
    """Reads several text files, found by paths or globs, one after the other under their names."""

    name = "read_many_files"
    title = "ReadManyFiles"
    native_specs: ClassVar[NativeToolSpecs] = _role("batch_reader")

    def __init__(
        self,
        base_path: str | Path = ".",
        max_files: int = 100,
        max_total_lines: int = 10_000,
        **described: Any,
    ) -> None:
        """Make the tool; it reads at most `max_files` files and `max_total_lines` lines."""
        super().__init__(base_path, **described)
        self.max_files = max_files
        self.max_total_lines = max_total_lines

    async def __call__(
        self,
        include: list[str],
        exclude: list[str] | None = None,
        recursive: bool = True,
        useDefaultExcludes: bool = True,
    ) -> list[mcp_types.TextContent]:
        """Read files.

        Args:
            include: Paths or globs of the files, from the tool's folder.
            exclude: Globs of files to leave out.
            recursive: Whether to look in folders below.
            useDefaultExcludes: Whether to leave out hidden files and folders of dependencies.

        Raises:
            ToolError: nothing to include was given.
        """
        if not include:
            raise ToolError("`include` names no files")
        walk = Walk(hidden=not useDefaultExcludes, dependencies=not useDefaultExcludes)
        paths = await in_thread(self._paths, include, exclude or [], walk)
        paths = [path for path in paths if recursive or path.parent == self.base_path]
        parts = await in_thread(self._read, paths)
        return _text("\n\n".join([*parts, "--- End of content ---"]) if parts else "No files found")

    def _paths(self, include: list[str], exclude: list[str], walk: Walk) -> list[Path]:
        left_out = {path for glob in exclude for path in matching(self.base_path, glob, walk)}
        found = (path for glob in include for path in matching(self.base_path, glob, walk))
        return [path for path in dict.fromkeys(found) if path not in left_out]

    def _read(self, paths: list[Path]) -> list[str]:
        parts, room = [], self.max_total_lines
        for path in islice(paths, self.max_files):
            try:
                lines = text_lines(self.workspace.read(path), str(path))
            except ToolError:
                continue
            page = cut_page(lines, 0, room)
            room -= len(page)
            note = "" if len(page) == len(lines) else "\n[… cut …]"
            parts.append(f"--- {self.workspace.shown(path)} ---\n" + "\n".join(page) + note)
            if room <= 0:
                break
        return parts
