"""Compiles the few modules that loop over single numbers. They are plain Python, and run (slowly) without that, too."""

from Cython.Build import cythonize
from setuptools import Extension, setup

#: Keep in step with `tool.uv.cache-keys` and the override of mypy in pyproject.toml.
COMPILED = ("streamproc/features/lanes.py", "streamproc/state/wire.py", "streamproc/windows/merge.py")

#: Indices come from loops over the arrays' own lengths; what is read from Redis is checked against its length.
DIRECTIVES = {
    "language_level": "3",
    "boundscheck": False,
    "wraparound": False,
    "cdivision": True,
    "initializedcheck": False,
}


def _extension(path: str) -> Extension:
    # optional: where there is no C compiler, the installation goes on, and `streamproc doctor` says so.
    name = path.removesuffix(".py").replace("/", ".")
    return Extension(name, [path], extra_compile_args=["-O3"], optional=True)


setup(
    ext_modules=cythonize(
        [_extension(path) for path in COMPILED],
        build_dir="build/cython",
        compiler_directives=DIRECTIVES,
        quiet=True,
    )
)
