"""Installations for the faults: those of the integration tests."""

from tests.integration.conftest import installation

__all__ = ["installation"]
