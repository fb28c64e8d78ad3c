"""Throw-away Python environments, and source archives of other projects."""

import json
import os
import subprocess
import sys
import tarfile
import urllib.parse
import urllib.request
from pathlib import Path

INDEX = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple").rstrip("/")


class ToolError(Exception):
    """One sentence: expected, found, what to do."""


def environment(folder: Path, packages: list[str], say) -> Path:
    """The interpreter of a virtual environment with these packages. It is made again when the list has changed."""
    python, complete = folder / "bin" / "python", folder / "complete"
    wanted = "\n".join(packages)
    if complete.exists() and complete.read_text() == wanted:
        return python
    say(f"making the environment {folder}")
    run([sys.executable, "-m", "venv", "--clear", str(folder)], "make a virtual environment (python3-venv)")
    command = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--prefer-binary"]
    run(command + packages, f"install {', '.join(packages)} from PyPI")
    complete.write_text(wanted)
    return python


def run(command: list[str], purpose: str) -> None:
    outcome = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if outcome.returncode != 0:
        last = outcome.stdout.strip().splitlines()[-1:] or ["no message"]
        raise ToolError(f"cannot {purpose}: {last[0]}")


def source(package: str, version: str | None, folder: Path, say) -> Path:
    """The unpacked source archive of a package. Nothing of it is built or run."""
    for unpacked in sorted(folder.glob(f"{package}-*")):
        if (unpacked / "complete").exists() and version in (None, unpacked.name.removeprefix(package + "-")):
            return unpacked
    request = urllib.request.Request(
        f"{INDEX}/{package}/", headers={"Accept": "application/vnd.pypi.simple.v1+json"}
    )
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            files, base = json.load(response)["files"], response.geturl()
        archives = [file for file in files if file["filename"].endswith(".tar.gz") and not file.get("yanked")]
        if version:
            archives = [file for file in archives if file["filename"].endswith(f"-{version}.tar.gz")]
        if not archives:
            raise ToolError(f"expected a source archive of {package} {version or ''} in {INDEX}, found none")
        newest = max(archives, key=lambda file: file.get("upload-time") or "")
        number = newest["filename"].removesuffix(".tar.gz").rpartition("-")[2]
        say(f"fetching {newest['filename']}")
        unpacked = folder / f"{package}-{number}"
        unpacked.mkdir(parents=True, exist_ok=True)
        with urllib.request.urlopen(urllib.parse.urljoin(base, newest["url"]), timeout=600) as response:
            with tarfile.open(fileobj=response, mode="r|gz") as archive:
                archive.extractall(unpacked, filter=without_first_folder)
    except OSError as error:
        raise ToolError(f"cannot fetch the source of {package} from {INDEX}: {error}") from error
    (unpacked / "complete").touch()
    return unpacked


def without_first_folder(member: tarfile.TarInfo, path: str) -> tarfile.TarInfo | None:
    head, _, rest = member.name.partition("/")
    if not rest:
        return None
    return tarfile.data_filter(member.replace(name=rest, deep=False), path)
