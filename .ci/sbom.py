"""What the program is made of, from what cargo resolved for it: `sbom.py TARGET SBOM LICENCES`.

SBOM is CycloneDX 1.5 (JSON): each crate that is linked into the program for TARGET, or runs while it is built (then with the
scope `excluded`), with version, licence, checksum and where it is needed. LICENCES has the texts of the licences of those
that are linked, which have to go with the program. C code inside crates (SQLite, ring's) is part of them here. What lies in
the repository itself, for the page, is named by hand.
"""

import datetime
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import tomllib
import uuid

ROOT = pathlib.Path(__file__).resolve().parent.parent
# Of the page on the admin plane: what it is, and where its files and the text of its licence are.
UPLOT = {"name": "uplot", "version": "1.6.32", "license": "MIT", "folder": ROOT / "src/admin/page/vendor/uplot"}
TEXTS = ("licen", "copying", "notice", "copyright", "unlicense")


def cargo(*arguments):
    return subprocess.run(["cargo", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def tree(target, without):
    """Name and version of what cargo would compile for the program; of what `cargo metadata` tells, tests have a part."""
    listed = cargo("tree", "--locked", "--target", target, "--edges", without, "--prefix", "none", "--format", "{p}")
    crates = {tuple(line.split()[:2]) for line in listed.splitlines() if line.strip()}
    return {(name, version.removeprefix("v")) for name, version in crates}


def checksums():
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text())
    return {(package["name"], package["version"]): package.get("checksum") for package in lock["package"]}


def purl(package):
    return f"pkg:cargo/{package['name']}@{package['version']}"


def component(package, sums, is_linked):
    if not package["license"]:
        sys.exit(f"sbom: {package['name']} names no licence")
    found = {
        "type": "library",
        "bom-ref": purl(package),
        "name": package["name"],
        "version": package["version"],
        "scope": "required" if is_linked else "excluded",
        # Older crates write "MIT/Apache-2.0" for "MIT OR Apache-2.0".
        "licenses": [{"expression": " ".join(package["license"].replace("/", " OR ").split())}],
        "purl": purl(package),
        "hashes": [{"alg": "SHA-256", "content": sums[package["name"], package["version"]]}],
    }
    if package["repository"]:
        found["externalReferences"] = [{"type": "vcs", "url": package["repository"]}]
    return found


def vendored(package):
    script = (package["folder"] / "uPlot.iife.min.js").read_bytes()
    if f"(v{package['version']})".encode() not in script[:200]:
        sys.exit(f"sbom: {package['name']} is not {package['version']}")
    reference = f"pkg:npm/{package['name']}@{package['version']}"
    return {
        "type": "library",
        "bom-ref": reference,
        "name": package["name"],
        "version": package["version"],
        "scope": "required",
        "licenses": [{"expression": package["license"]}],
        "purl": reference,
        "hashes": [{"alg": "SHA-256", "content": hashlib.sha256(script).hexdigest()}],
    }


def document(target, packages, nodes, root, parts, inside):
    sums = checksums()
    main = packages[root]
    epoch = os.environ.get("SOURCE_DATE_EPOCH") or subprocess.run(
        ["git", "log", "-1", "--format=%ct"], cwd=ROOT, capture_output=True, text=True
    ).stdout.strip()
    when = datetime.datetime.fromtimestamp(int(epoch or 0), datetime.timezone.utc)
    components = [component(packages[name], sums, name in inside) for name in parts] + [vendored(UPLOT)]
    own = {
        "type": "application",
        "bom-ref": purl(main),
        "name": main["name"],
        "version": main["version"],
        "licenses": [{"expression": main["license"]}],
        "purl": purl(main),
    }
    needs = [
        {
            "ref": purl(packages[name]),
            "dependsOn": sorted({purl(packages[dep["pkg"]]) for dep in nodes[name]["deps"] if dep["pkg"] in parts}),
        }
        for name in [root, *parts]
    ]
    content = {
        "metadata": {
            "timestamp": when.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "component": own,
            "properties": [{"name": "cargo:target", "value": target}],
        },
        "components": components,
        "dependencies": needs,
    }
    serial = uuid.uuid5(uuid.NAMESPACE_URL, hashlib.sha256(json.dumps(content).encode()).hexdigest())
    return {"bomFormat": "CycloneDX", "specVersion": "1.5", "serialNumber": f"urn:uuid:{serial}", "version": 1, **content}


def texts(package):
    """The files of a crate that say its licence."""
    folder = package.get("folder") or pathlib.Path(package["manifest_path"]).parent
    return [path for path in sorted(folder.iterdir()) if path.is_file() and path.name.lower().startswith(TEXTS)]


def licences(packages):
    """Every text once, with the crates that have it."""
    whose, without = {}, []
    for package in packages:
        name = f"{package['name']} {package['version']} ({package['license']})"
        found = {path.read_text(errors="replace").strip() for path in texts(package)}
        for text in sorted(found):
            whose.setdefault(text, []).append(name)
        if not found:
            without.append(name)
    parts = ["What is linked into flowgate besides its own code, and under which licences.\n"]
    for text, names in sorted(whose.items(), key=lambda pair: pair[1]):
        parts.append("\n".join(["=" * 80, *names, "-" * 80, text, ""]))
    if without:
        parts.append("\n".join(["=" * 80, "Without a text of their own (their licence is named in parentheses):", *without, ""]))
    return "\n".join(parts)


def main(target, sbom, notices):
    whole = json.loads(cargo("metadata", "--format-version", "1", "--locked", "--filter-platform", target))
    packages = {package["id"]: package for package in whole["packages"]}
    nodes = {node["id"]: node for node in whole["resolve"]["nodes"]}
    root = whole["resolve"]["root"]
    ids = {(package["name"], package["version"]): name for name, package in packages.items()}
    # Procedural macros, and what they need, run in the compiler; nothing of them is linked.
    parts = [ids[crate] for crate in sorted(tree(target, "no-dev")) if ids[crate] != root]
    inside = {ids[crate] for crate in tree(target, "no-dev,no-build,no-proc-macro")}
    found = document(target, packages, nodes, root, parts, inside)
    pathlib.Path(sbom).write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n")
    pathlib.Path(notices).write_text(licences([*(packages[name] for name in parts if name in inside), UPLOT]))
    print(f"sbom: {len(inside) - 1} crates linked, {len(parts) - len(inside) + 1} for the build only")


if __name__ == "__main__":
    if len(sys.argv) != 4:
        sys.exit(__doc__)
    main(*sys.argv[1:])
