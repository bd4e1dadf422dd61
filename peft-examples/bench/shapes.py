"""The sizes of the models and the lengths of the examples, which the Java side reads, too."""
import json
from pathlib import Path

from transformers import AutoConfig

RESOURCES = Path(__file__).parent / "../src/main/resources/io/github/peft4j/examples/bench"


def resource(name):
    return json.loads((RESOURCES / name).read_text(encoding="utf-8"))


def model_config(shape):
    known = resource("shapes.json")
    if shape not in known:
        raise SystemExit(f"no shape '{shape}'; there are {', '.join(known)}")
    fields = dict(known[shape])
    return AutoConfig.for_model(fields.pop("model_type"), **fields)
