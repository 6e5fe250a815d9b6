"""Prints a bill of materials of the system it runs on: CycloneDX 1.5, JSON.

Scope: Debian packages as dpkg knows them, and Python distributions of this interpreter, by their own metadata. Not in
it: files that neither has installed, and libraries that a wheel carries inside (CUDA's come as wheels of their own).
"""

import json
import platform
import re
import sys
from importlib import metadata
from pathlib import Path

Component = dict[str, object]


def main() -> None:
    python = [python_component(found) for found in metadata.distributions()]
    debian = [
        component for path in dpkg_files(Path("/")) for component in debian_components(path.read_text(errors="replace"))
    ]
    json.dump(bill(debian + python), sys.stdout, indent=1)
    print()


def bill(components: list[Component]) -> dict[str, object]:
    """The document; the same components give the same bytes."""
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {"type": "container", "name": f"worker image ({platform.machine()})"}},
        "components": sorted(components, key=lambda component: str(component["purl"])),
    }


def dpkg_files(root: Path) -> list[Path]:
    """dpkg's record, and the parts of it that images without dpkg keep instead."""
    folder = root / "var/lib/dpkg"
    return [path for path in [folder / "status", *sorted(folder.glob("status.d/*"))] if path.is_file()]


def debian_components(status: str) -> list[Component]:
    """Those that are installed, of a file like /var/lib/dpkg/status."""
    found = []
    for paragraph in re.split(r"\n\s*\n", status):
        fields = dict(re.findall(r"^([\w-]+): *(.*)$", paragraph, re.MULTILINE))
        if "Package" not in fields or not fields.get("Status", "install ok installed").endswith(" installed"):
            continue
        name, version, machine = fields["Package"], fields["Version"], fields["Architecture"]
        purl = f"pkg:deb/debian/{quote(name)}@{quote(version)}?arch={machine}"
        found.append({"type": "library", "name": name, "version": version, "purl": purl, "bom-ref": purl})
    return found


def python_component(found: metadata.Distribution) -> Component:
    name, version = found.metadata["Name"], found.version
    purl = f"pkg:pypi/{re.sub(r'[-_.]+', '-', name).lower()}@{quote(version)}"
    component: Component = {"type": "library", "name": name, "version": version, "purl": purl, "bom-ref": purl}
    if "License-Expression" in found.metadata:
        component["licenses"] = [{"expression": found.metadata["License-Expression"]}]
    return component


def quote(text: str) -> str:
    """As package URLs want it: an epoch's colon may stay, a plus may not."""
    return text.replace("%", "%25").replace("+", "%2B")


if __name__ == "__main__":
    main()
