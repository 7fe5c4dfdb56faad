"""A real browser, without a window and without a network."""

import os
import shutil
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, async_playwright


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    """Debian's chromium (`make chromium`), or what STREAMPROC_TEST_CHROMIUM names. Fails where there is none."""
    path = os.environ.get("STREAMPROC_TEST_CHROMIUM") or shutil.which("chromium")
    if path is None:
        pytest.fail(
            "this test needs a browser, and there is no chromium on the PATH\n"
            "  fix: apt-get install chromium (`make chromium` does it for root), or name one: STREAMPROC_TEST_CHROMIUM",
            pytrace=False,
        )
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=path)
        yield chromium
        await chromium.close()
