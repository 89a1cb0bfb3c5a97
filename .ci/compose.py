"""Checks of deploy/compose that its schema does not have. Fails with what is wrong."""

import pathlib
import re
import sys

import yaml

FOLDER = pathlib.Path(__file__).resolve().parent.parent / "deploy" / "compose"


def fail(what):
    sys.exit(f"compose: {what}")


def check_service(name, service, whole):
    if not re.fullmatch(r"[^:]+:v?\d+\.\d+\.\d+", service["image"]):
        fail(f"{name}: {service['image']} is not one version")
    if service.get("read_only") is not True or service.get("cap_drop") != ["ALL"]:
        fail(f"{name}: can write to its image, or has capabilities")
    if "no-new-privileges:true" not in service.get("security_opt", []) or "privileged" in service:
        fail(f"{name}: can become more than it is")
    for port in service.get("ports", []):
        if not port.startswith("127.0.0.1:"):
            fail(f"{name}: {port} is published to everybody")
    for secret in service.get("secrets", []):
        if secret not in whole["secrets"]:
            fail(f"{name}: {secret} is no secret of the file")
    for other in service.get("depends_on", []):
        if other not in whole["services"]:
            fail(f"{name}: waits for {other}, which is not there")
    for volume in service["volumes"]:
        source = volume.split(":")[0]
        if source.startswith("."):
            if not (FOLDER / source).is_dir() or not volume.endswith(":ro"):
                fail(f"{name}: {source} is no folder, or can be written")
        elif source not in whole["volumes"]:
            fail(f"{name}: {source} is no volume of the file")


def check_wiring(whole):
    """What the files that are mounted say of each other."""
    services = whole["services"]
    config = (FOLDER / "config" / "flowgate.toml").read_text()
    named = set(re.findall(r"/run/secrets/(\w+)", config))
    if named != set(services["gateway"]["secrets"]):
        fail(f"flowgate.toml names the secrets {named}, the gateway has {services['gateway']['secrets']}")
    made = (FOLDER / "setup").read_text()
    for secret, where in whole["secrets"].items():
        if where["file"] != f"secrets/{secret}" or secret not in made:
            fail(f"`setup` does not make {secret}")
    scraped = yaml.safe_load((FOLDER / "../prometheus/prometheus.yml").read_text())["scrape_configs"][0]
    target = scraped["static_configs"][0]["targets"][0].split(":")[0]
    source = yaml.safe_load((FOLDER / "../grafana/provisioning/datasources/prometheus.yaml").read_text())
    asked = re.fullmatch(r"http://(\w+):9090", source["datasources"][0]["url"])
    if target not in services or not asked or asked[1] not in services:
        fail("Prometheus or Grafana asks somebody who is not there")
    boards = yaml.safe_load((FOLDER / "../grafana/provisioning/dashboards/flowgate.yaml").read_text())
    path = boards["providers"][0]["options"]["path"]
    if f"../grafana/dashboards:{path}:ro" not in services["grafana"]["volumes"]:
        fail(f"Grafana looks for dashboards in {path}, where none are")


def main():
    whole = yaml.safe_load((FOLDER / "compose.yaml").read_text())
    if len(whole["services"]) != 3:
        fail("has it grown? then check that too")
    for name, service in whole["services"].items():
        check_service(name, service, whole)
    check_wiring(whole)
    print("compose: three services, none with more rights than it needs")


if __name__ == "__main__":
    main()
