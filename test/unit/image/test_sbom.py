"""The bill of materials that an image carries; the script is run as the build runs it, and its parts are called."""

import importlib.util
import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from types import ModuleType

SCRIPT = Path(__file__).parents[3] / "worker-images/image/sbom.py"

STATUS = """Package: libegl1
Status: install ok installed
Architecture: amd64
Version: 1.6.0-1
Description: first line
 Version: 9 is in the description only

Package: gone
Status: deinstall ok config-files
Architecture: amd64
Version: 1

Package: libstdc++6
Status: install ok installed
Architecture: amd64
Version: 1:12.2.0-14+deb12u1
"""


def load() -> ModuleType:
    spec = importlib.util.spec_from_file_location("sbom", SCRIPT)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_debian_packages_that_are_installed_are_named_with_their_version() -> None:
    found = load().debian_components(STATUS)
    assert [component["purl"] for component in found] == [
        "pkg:deb/debian/libegl1@1.6.0-1?arch=amd64",
        "pkg:deb/debian/libstdc%2B%2B6@1:12.2.0-14%2Bdeb12u1?arch=amd64",
    ]


def test_packages_are_found_where_images_without_dpkg_keep_them(tmp_path: Path) -> None:
    folder = tmp_path / "var/lib/dpkg/status.d"
    folder.mkdir(parents=True)
    (folder / "base").write_text("Package: base-files\nVersion: 12\nArchitecture: amd64\n")
    sbom = load()
    found = [part for path in sbom.dpkg_files(tmp_path) for part in sbom.debian_components(path.read_text())]
    assert [component["name"] for component in found] == ["base-files"]


def test_every_python_distribution_is_in_it_once_and_twice_the_same() -> None:
    runs = [subprocess.run([sys.executable, SCRIPT], check=True, capture_output=True).stdout for _ in range(2)]
    assert runs[0] == runs[1]
    bill = json.loads(runs[0])
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.5")
    found = {part["name"]: part["version"] for part in bill["components"] if part["purl"].startswith("pkg:pypi/")}
    assert found["torch"] == metadata.version("torch")
    assert len(found) == len({distribution.metadata["Name"] for distribution in metadata.distributions()})
    purls = [part["purl"] for part in bill["components"]]
    assert len(set(purls)) == len(purls)
