"""What the tests measure and photograph, kept for people under `artifacts/` (which git ignores)."""

import json
from pathlib import Path

from tests.harness.node import ROOT

__all__ = ["note", "picture"]

FOLDER = ROOT / "artifacts" / "web"


def note(name: str, **figures: float) -> None:
    """Keep figures under a name; another run replaces them."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / f"{name}.json").write_text(json.dumps(figures, indent=1) + "\n")


def picture(name: str) -> Path:
    """Where a picture of that name goes."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    return FOLDER / f"{name}.png"
