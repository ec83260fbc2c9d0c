"""What the tests share, except for fixtures and hooks: these are in conftest.py."""
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
