"""Unpacks the wheels of a requirement file into a folder: what is in the wheels, nothing that this machine would add to it.

pip would write the path of its own interpreter into scripts, and their digests into RECORD."""

import hashlib
import os
import pathlib
import re
import sys
import zipfile

requirements, wheels, tree = map(pathlib.Path, sys.argv[1:])
os.umask(0o022)
wanted = set(re.findall(r"--hash=sha256:([0-9a-f]{64})", requirements.read_text()))
for wheel in sorted(wheels.glob("*.whl")):
    digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
    if digest not in wanted:
        continue
    wanted.remove(digest)
    with zipfile.ZipFile(wheel) as archive:
        for member in archive.infolist():
            path = archive.extract(member, tree)
            if not member.is_dir():
                os.chmod(path, 0o755 if member.external_attr >> 16 & 0o100 else 0o644)
if wanted:
    sys.exit(f"no wheel has the digests {', '.join(sorted(wanted))}")
