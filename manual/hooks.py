"""What mkdocs calls: pages that are made, and pages that find their own place in the navigation."""

import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "src")]  # mkdocs loads this file by itself

from manual import commands, configuration, endpoints, javascript, protocol, python  # noqa: E402

MADE = {
    "reference/http.md": endpoints.page,
    "reference/protocol.md": protocol.page,
    "reference/python.md": python.page,
    "reference/javascript.md": javascript.page,
    "reference/configuration.md": configuration.page,
    "reference/commands.md": commands.page,
}
STATIC = Path(__file__).parent / "static"
SEARCH = '<div class="md-search" data-md-component="search" role="dialog"'
EMPTY_HEADER = re.compile(r"<th( [^>]*)?>\s*</th>")
OUTSIDE = re.compile(r"\[([^\]]+)\]\((?:\.\./)+(?!docs/)([^)\s]*)\)")


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Pages at the top that the navigation does not name stand under "Running it", decisions under their list."""
    docs = Path(config.docs_dir)
    nav: list[Any] = list(config.nav or [])
    named = str(nav)
    running = sorted(path.name for path in docs.glob("*.md") if f"'{path.name}'" not in named)
    if running:
        nav.insert(-1, {"Running it": list(running)})
    decisions = sorted(path.name for path in (docs / "decisions").glob("[0-9]*.md"))
    nav[-1]["Inside"][-1] = {"Decisions": ["decisions/README.md", *(f"decisions/{name}" for name in decisions)]}
    config.nav = nav
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made, and what the site's own look and script are."""
    for name, make in MADE.items():
        files.append(File.generated(config, name, content=make()))
    for path in STATIC.iterdir():
        files.append(File.generated(config, f"assets/{path.name}", abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Any, config: MkDocsConfig, files: Files) -> str:
    """A link to a file of the checkout that is no page becomes its path: the site has no place for it."""
    depth = page.file.src_uri.count("/")

    def plain(link: re.Match[str]) -> str:
        ups = link[0].count("../")
        return f"{link[1]} (`{link[2]}`)" if ups > depth else link[0]

    return OUTSIDE.sub(plain, markdown)


def on_page_content(html: str, page: Any, config: MkDocsConfig, files: Files) -> str:
    """A cell without words is no header of anything: the corner of a table."""
    return EMPTY_HEADER.sub(r"<td\1></td>", html)


def on_post_page(output: str, page: Any, config: MkDocsConfig) -> str:
    """Mend the theme."""
    return _with_named_search(output)


def on_post_template(output_content: str, template_name: str, config: MkDocsConfig) -> str:
    """The same for the page of what is not there."""
    return _with_named_search(output_content)


def _with_named_search(html: str) -> str:
    """The theme's search is a dialog without a name."""
    return html.replace(SEARCH, f'{SEARCH} aria-label="Search"')
