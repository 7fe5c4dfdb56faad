"""Compiles the few modules that loop over single numbers: `*.pyx`, each beside a `.pyi` with its types."""

from pathlib import Path

from Cython.Build import cythonize
from setuptools import Extension, setup

#: Indices come from loops over the arrays' own lengths; what is read from Redis is checked against its length.
DIRECTIVES = {
    "language_level": "3",
    "boundscheck": False,
    "wraparound": False,
    "cdivision": True,
    "initializedcheck": False,
}


def _extension(path: Path) -> Extension:
    return Extension(".".join(path.with_suffix("").parts), [str(path)], extra_compile_args=["-O3"])


setup(
    ext_modules=cythonize(
        [_extension(path) for path in sorted(Path("streamproc").rglob("*.pyx"))],
        build_dir="build/cython",
        compiler_directives=DIRECTIVES,
        quiet=True,
    ),
    options={"build_ext": {"parallel": True}},
)
