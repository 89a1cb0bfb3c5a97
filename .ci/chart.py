"""Renders the chart in every shape it can take, checks what no schema can, and writes what the other tools check.

    chart.py check OUT    lint and render; OUT/kubernetes/*.yaml, OUT/rules/*.yml, OUT/config/*.toml are for the next tools
    chart.py write        make deploy/kubernetes/flowgate.yaml and the chart's copies anew

Fails if anything is not as it should be, or could not be looked at.
"""

import json
import pathlib
import shutil
import sys

import helm_python as helm
import yaml

DEPLOY = pathlib.Path(__file__).resolve().parent.parent / "deploy"
CHART = DEPLOY / "helm" / "flowgate"
PLAIN = DEPLOY / "kubernetes" / "flowgate.yaml"
HEAD = "# Made from the chart by `.ci/chart.py write`, with values.yaml of this folder: change those, not this.\n"

# A chart can only read files of its own folder. Those are copies.
COPIES = {
    DEPLOY / "prometheus" / "rules.yml": CHART / "files" / "rules.yml",
    DEPLOY / "prometheus" / "alerts.yml": CHART / "files" / "alerts.yml",
    DEPLOY / "grafana" / "dashboards" / "flowgate.json": CHART / "files" / "flowgate.json",
}

EVERYTHING = {
    "fullnameOverride": "gateway",
    "image": {"repository": "registry.example:5000/team/flowgate", "tag": "0.1.0-1", "pullPolicy": "Always"},
    "imagePullSecrets": [{"name": "registry"}],
    "secret": {"siliconflow-api-key": "sk-1", "admin-token": "0123456789abcdef", "first-key": "sk-2"},
    "restartOnChange": True,
    "extraEnv": [{"name": "NO_COLOR", "value": "1"}],
    "service": {"type": "LoadBalancer", "port": 80, "adminPort": 9000, "annotations": {"a": "b"}},
    "persistence": {"storageClass": "fast", "annotations": {"a": "b"}},
    "serviceAccount": {"annotations": {"a": "b"}},
    "podDisruptionBudget": {"enabled": True},
    "networkPolicy": {
        "enabled": True,
        "apiFrom": [{"namespaceSelector": {"matchLabels": {"team": "ml"}}}],
        "adminFrom": [{"namespaceSelector": {"matchLabels": {"name": "monitoring"}}}],
        "extraEgress": [{"ports": [{"port": 3128, "protocol": "TCP"}]}],
    },
    "serviceMonitor": {"enabled": True, "labels": {"release": "kube-prometheus-stack"}},
    "prometheusRule": {"enabled": True, "labels": {"release": "kube-prometheus-stack"}},
    "dashboard": {"enabled": True, "annotations": {"grafana_folder": "AI"}},
    "podAnnotations": {"a": "b"},
    "podLabels": {"team": "ml"},
    "nodeSelector": {"disk": "ssd"},
    "tolerations": [{"operator": "Exists"}],
    "affinity": {"nodeAffinity": {}},
    "priorityClassName": "high",
}
SHAPES = {
    "least": {"existingSecret": "mine"},
    "everything": EVERYTHING,
    "no-volume": {"existingSecret": "mine", "persistence": {"enabled": False}},
    "own-claim": {"existingSecret": "mine", "persistence": {"existingClaim": "disk"}},
    "own-account": {"existingSecret": "mine", "serviceAccount": {"create": False, "name": "other"}},
}
REFUSED = {
    "no secret": {},
    "an empty member of the secret": {"secret": {"siliconflow-api-key": ""}},
    "a secret in the place of the configuration": {"secret": {"flowgate.toml": "x"}},
    "more replicas": {"existingSecret": "mine", "replicas": 2},
    "an unknown type of service": {"existingSecret": "mine", "service": {"type": "ExternalName"}},
    "a port as text": {"existingSecret": "mine", "service": {"port": "80"}},
    "an unknown value": {"existingSecret": "mine", "image": {"name": "flowgate"}},
}
# Kinds of the Prometheus operator, which Kubernetes' own schemas do not have.
OPERATOR = {"ServiceMonitor", "PrometheusRule"}


def fail(what):
    sys.exit(f"chart: {what}")


def render(values, name="flowgate", namespace="flowgate"):
    """Every object, with the notes for the operator apart."""
    with helm.Chart.load(CHART) as chart:
        pages = chart.render(values, name=name, namespace=namespace)
    notes = [text for path, text in pages.items() if path.endswith("NOTES.txt")]
    objects = []
    for path, text in sorted(pages.items()):
        if path.endswith((".yaml", ".yml")):
            objects += [item for item in yaml.safe_load_all(text) if item]
    return objects, "".join(notes)


def plain():
    """The objects of the plain manifest as one text."""
    values = yaml.safe_load((DEPLOY / "kubernetes" / "values.yaml").read_text())
    objects, _ = render(values)
    order = ["ServiceAccount", "ConfigMap", "Service", "NetworkPolicy", "StatefulSet"]
    objects = [item for item in objects if "helm.sh/hook" not in item["metadata"].get("annotations", {})]
    unknown = {item["kind"] for item in objects} - set(order)
    if unknown:
        fail(f"the plain manifest would have {unknown}")
    for item in objects:
        for labels in labels_of(item):
            labels.pop("helm.sh/chart", None)
            labels.pop("app.kubernetes.io/managed-by", None)
    objects.sort(key=lambda item: (order.index(item["kind"]), item["metadata"]["name"]))
    return HEAD + yaml.dump_all(objects, Dumper=Dumper, sort_keys=False, explicit_start=True, width=120)


class Dumper(yaml.SafeDumper):
    """Lists are indented and longer texts are blocks, as people write them."""

    def increase_indent(self, flow=False, indentless=False):
        return super().increase_indent(flow, False)


def block(dumper, text):
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


Dumper.add_representer(str, block)


def labels_of(item):
    """The labels of an object and of the pods it makes."""
    yield item["metadata"].setdefault("labels", {})
    template = item.get("spec", {}).get("template") if isinstance(item.get("spec"), dict) else None
    if template:
        yield template["metadata"].setdefault("labels", {})


def one(objects, kind, end=""):
    found = [item for item in objects if item["kind"] == kind and item["metadata"]["name"].endswith(end)]
    if len(found) != 1:
        fail(f"{len(found)} objects of the kind {kind}")
    return found[0]


def check_pod(name, pod):
    """The Kubernetes profile `restricted`, with a file system that cannot be written."""
    if pod.get("automountServiceAccountToken") is not False:
        fail(f"{name}: the pod gets a token")
    security = pod["securityContext"]
    if not security["runAsNonRoot"] or security["seccompProfile"]["type"] != "RuntimeDefault":
        fail(f"{name}: the pod is not restricted")
    for container in pod["containers"]:
        own = container["securityContext"]
        if own != {"allowPrivilegeEscalation": False, "readOnlyRootFilesystem": True, "capabilities": {"drop": ["ALL"]}}:
            fail(f"{name}: a container is not restricted")
        if not container["resources"]["requests"] or not container["resources"]["limits"]:
            fail(f"{name}: a container without resources")


def check_shape(name, values, objects):
    """What a schema cannot know."""
    whole = one(objects, "StatefulSet")
    spec, pod = whole["spec"], whole["spec"]["template"]["spec"]
    if spec["replicas"] != 1:
        fail(f"{name}: {spec['replicas']} replicas")
    check_pod(name, pod)
    chosen = spec["selector"]["matchLabels"].items()
    for service in (item for item in objects if item["kind"] == "Service"):
        if service["spec"]["selector"].items() != chosen or not chosen <= spec["template"]["metadata"]["labels"].items():
            fail(f"{name}: a service finds no pod")
        ports = {port["name"] for port in pod["containers"][0]["ports"]}
        if not {port["targetPort"] for port in service["spec"]["ports"]} <= ports:
            fail(f"{name}: a service leads to a port that is not there")
    for other in (item for item in objects if item["kind"] == "Pod"):
        check_pod(name, other["spec"])
        if chosen <= other["metadata"]["labels"].items():
            fail(f"{name}: a service would take the test for a gateway")
    mounted = {mount["name"] for mount in pod["containers"][0]["volumeMounts"]}
    there = {volume["name"] for volume in pod["volumes"]}
    there |= {claim["metadata"]["name"] for claim in spec.get("volumeClaimTemplates", [])}
    if mounted != there:
        fail(f"{name}: volumes {there}, mounted {mounted}")
    for item in objects:
        if item["metadata"].get("namespace") != "flowgate":
            fail(f"{name}: {item['kind']} is in no namespace")
    if name == "everything":
        check_everything(objects)


def check_everything(objects):
    dashboard = one(objects, "ConfigMap", "-dashboard")
    if json.loads(dashboard["data"]["flowgate.json"]) != json.loads((CHART / "files" / "flowgate.json").read_text()):
        fail("the dashboard changes on its way into the ConfigMap")
    groups = one(objects, "PrometheusRule")["spec"]["groups"]
    wanted = [yaml.safe_load((CHART / "files" / file).read_text())["groups"] for file in ("rules.yml", "alerts.yml")]
    if groups != wanted[0] + wanted[1]:
        fail("the rules change on their way into the PrometheusRule")
    monitor = one(objects, "ServiceMonitor")["spec"]
    admin = one(objects, "Service", "-admin")
    if not monitor["selector"]["matchLabels"].items() <= admin["metadata"]["labels"].items():
        fail("the ServiceMonitor finds no service")
    annotations = one(objects, "StatefulSet")["spec"]["template"]["metadata"]["annotations"]
    if {"checksum/config", "checksum/secret"} - annotations.keys():
        fail("no checksums, though restarts were asked for")


def check_copies():
    for source, copy in COPIES.items():
        if source.read_bytes() != copy.read_bytes():
            fail(f"{copy.relative_to(DEPLOY)} is not {source.relative_to(DEPLOY)}: run `.ci/chart.py write`")
    names = {path.name for path in (CHART / "files").iterdir()}
    if names != {copy.name for copy in COPIES.values()}:
        fail("files of the chart that are copies of nothing")
    if PLAIN.read_text() != plain():
        fail("deploy/kubernetes/flowgate.yaml is not what the chart says: run `.ci/chart.py write`")


def check_refusals():
    for name, values in REFUSED.items():
        try:
            render(values)
        except helm.HelmError as error:
            print(f"refused, as it should be: {name}: {str(error).splitlines()[-1].strip()[:120]}")
        else:
            fail(f"{name} is not refused")


def check_lint():
    for name, values in SHAPES.items():
        found = helm.lint(CHART, values, strict=True, namespace="flowgate")
        if found["total_charts_linted"] != 1 or found["errors"] or any(m["severity"] > 1 for m in found["messages"]):
            fail(f"lint {name}: {found}")
        print(f"lint {name}: {found['messages']}")


def write_shape(out, name, objects):
    """For kubernetes-validate, promtool and `flowgate check`."""
    known = [item for item in objects if item["kind"] not in OPERATOR]
    (out / "kubernetes" / f"{name}.yaml").write_text(yaml.safe_dump_all(known))
    for item in objects:
        if item["kind"] == "PrometheusRule":
            (out / "rules" / f"{name}.yml").write_text(yaml.safe_dump({"groups": item["spec"]["groups"]}))
    config = next(item["data"]["flowgate.toml"] for item in objects if "flowgate.toml" in item.get("data", {}))
    (out / "config" / f"chart-{name}.toml").write_text(config)


def check(out):
    for folder in ("kubernetes", "rules", "config"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    check_lint()
    check_copies()
    check_refusals()
    for name, values in SHAPES.items():
        objects, notes = render(values)
        check_shape(name, values, objects)
        if "flowgate keys create" not in notes:
            fail(f"{name}: no notes")
        write_shape(out, name, objects)
        print(f"rendered {name}: {len(objects)} objects")
    plain_objects = [item for item in yaml.safe_load_all(PLAIN.read_text()) if item]
    check_shape("plain", {}, plain_objects)
    write_shape(out, "plain", plain_objects)


def write():
    for source, copy in COPIES.items():
        copy.parent.mkdir(exist_ok=True)
        shutil.copyfile(source, copy)
    PLAIN.write_text(plain())


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["check", out]:
            check(pathlib.Path(out))
        case ["write"]:
            write()
        case _:
            sys.exit(__doc__)
