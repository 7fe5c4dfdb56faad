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

#: Multiply, round, add, round, on processors with one instruction for it, too: states move from one machine to another.
FLAGS = ("-O3", "-ffp-contract=off")


def _extension(path: Path) -> Extension:
    return Extension(".".join(path.with_suffix("").parts), [str(path)], extra_compile_args=list(FLAGS))


setup(
    ext_modules=cythonize(
        [_extension(path) for path in sorted(Path("streamproc").rglob("*.pyx"))],
        build_dir="build/cython",
        compiler_directives=DIRECTIVES,
        quiet=True,
    ),
    options={"build_ext": {"parallel": True}},
)
