"""Fetch what runs Faust's own driver tests: their source, and the one package they need that nothing else does.

    python tests/driver/fetch.py FOLDER PIP...

`PIP...` is a command that runs pip. The source distribution of faust-streaming is the one that uv.lock names: the same
version, and the same SHA-256, which pip checks. The tests measure with OpenTracing, and Faust behaves differently where
that can be imported, so it stays out of .venv.
"""

import shutil
import subprocess
import sys
import tarfile
import tomllib
from pathlib import Path
from tempfile import TemporaryDirectory

LOCK = Path(__file__).parents[2] / "uv.lock"
#: Sources of packages that uv.lock does not have, as lines of a requirements file.
OPENTRACING = (
    "opentracing==2.4.0 --hash=sha256:a173117e6ef580d55874734d1fa7ecb6f3655160b8b8974a2a1e98e5ec9c840d"
)
#: What is kept of each source distribution.
KEPT = {"faust": "tests", "opentracing": "opentracing"}


def locked_source(name: str) -> str:
    """The source distribution of a package in uv.lock, as a line of a requirements file."""
    packages = tomllib.loads(LOCK.read_text(encoding="utf-8"))["package"]
    [package] = [package for package in packages if package["name"] == name]
    return f"{name}=={package['version']} --hash={package['sdist']['hash']}"


def unpack(archive: Path, kept: str, folder: Path) -> None:
    """Unpack one folder of a source distribution into `folder`."""
    with tarfile.open(archive) as tar:
        root = tar.getnames()[0].partition("/")[0]
        for member in tar.getmembers():
            path = member.name.removeprefix(f"{root}/")
            if path.startswith(f"{kept}/") and member.isfile():
                tar.extract(member.replace(name=path), folder, filter="data")


def fetch(folder: Path, pip: list[str]) -> None:
    """Fill `folder`; what was in it is removed. Exits if pip fails, which says why."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    with TemporaryDirectory() as scratch:
        requirements = Path(scratch, "requirements.txt")
        requirements.write_text(f"{locked_source('faust-streaming')}\n{OPENTRACING}\n", encoding="utf-8")
        download = ["download", "--quiet", "--disable-pip-version-check", "--dest", scratch, "--no-deps"]
        checked = [
            "--no-binary=faust-streaming,opentracing",
            "--require-hashes",
            "--requirement",
            str(requirements),
        ]
        run = subprocess.run([*pip, *download, *checked], check=False)
        if run.returncode:
            sys.exit(run.returncode)
        for archive in Path(scratch).glob("*.tar.gz"):
            for prefix, kept in KEPT.items():
                if archive.name.startswith(prefix):
                    unpack(archive, kept, folder)


if __name__ == "__main__":
    fetch(Path(sys.argv[1]), sys.argv[2:])
