"""Fetches Compose v2 as Debian builds it, by hash, and puts the program alone into the folder that is given."""

import hashlib
import io
import pathlib
import platform
import sys
import tarfile
import urllib.request

POOL = "https://deb.debian.org/debian/pool/main/d/docker-compose/"
# By processor, as Python and as Debian call it.
PACKAGES = {
    "x86_64": ("docker-compose_2.26.1-4_amd64.deb", "47681197cb2b1ab88206b42a1a92fc75f50d9530a6322d03494a473eed0408ea"),
    "aarch64": ("docker-compose_2.26.1-4_arm64.deb", "bbafaa666f3e7fa00ad36f2a8bab889f1c791ca8743d674e7267a3d07203869c"),
}


def data(package: bytes) -> bytes:
    """The archive of files in a .deb, which is an `ar` archive: heads of 60 bytes, and members of even length."""
    at = 8
    while at < len(package):
        name, size = package[at : at + 16], int(package[at + 48 : at + 58])
        if name.startswith(b"data.tar"):
            return package[at + 60 : at + 60 + size]
        at += 60 + size + size % 2
    raise SystemExit("no data.tar in the package")


folder = pathlib.Path(sys.argv[1])
package, sha256 = PACKAGES[platform.machine()]
stamp = folder / package
if not stamp.exists():
    with urllib.request.urlopen(POOL + package, timeout=120) as answer:
        content = answer.read()
    if hashlib.sha256(content).hexdigest() != sha256:
        raise SystemExit(f"{package} is not what it was")
    with tarfile.open(fileobj=io.BytesIO(data(content))) as files:
        program = files.extractfile("./usr/libexec/docker/cli-plugins/docker-compose").read()
    (folder / "docker-compose").write_bytes(program)
    (folder / "docker-compose").chmod(0o755)
    stamp.touch()
