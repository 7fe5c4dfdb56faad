"""`streamproc demo`: the whole program on published history, to watch."""

import asyncio
import os
import shutil
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import click
from rich.console import Console
from rich.markup import escape

from streamproc.clock import monotonic_s
from streamproc.settings import Settings, load_settings
from streamproc.simulate.cdnow import load_cdnow
from streamproc.simulate.demo import (
    PARTITIONS,
    Place,
    embedded_place,
    external_place,
    publish_history,
    showing,
    until_interrupted,
    watch,
    worker,
)
from streamproc.simulate.ecom import load_ecom
from streamproc.simulate.history import DAY_MS, SILENCE_DAYS, History
from streamproc.simulate.screen import View, figures, refused, silence_share, story

#: A story of more changes does not fit a screen.
_STORY_LINES: Final = 16
