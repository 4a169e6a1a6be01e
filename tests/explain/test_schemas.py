"""What the commands print as JSON is as the documented schemas say."""

import json
from typing import Any

import jsonschema
import msgspec
import pytest

from shared.rules.loader import load_rules
from shared.snapshot.replaying import Told, replay
from tests.explain.approve import DOCS, SCHEMAS, explained, schema_of
from tests.explain.saved import head, readings
from tests.judgement.case_file import CASES, read_cases
from tests.snapshot.snapshots import written
from tests.snapshot.test_replaying import again


def validator(name: str) -> jsonschema.Draft202012Validator:
    schema = json.loads((DOCS / name).read_text())
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema)


def as_json(value: msgspec.Struct) -> Any:
    return json.loads(msgspec.json.encode(value))


@pytest.mark.parametrize("name", SCHEMAS)
def test_the_schema_is_that_of_the_type(name: str) -> None:
    assert json.loads((DOCS / name).read_text()) == schema_of(name)


def test_every_case_is_valid_and_comes_back_as_it_was() -> None:
    valid = validator("explain.schema.json")
    for case in read_cases(CASES / "verdicts.toml"):
        proof = explained(case)
        valid.validate(as_json(proof))
        assert msgspec.json.decode(msgspec.json.encode(proof), type=type(proof)) == proof


def test_a_replay_is_valid() -> None:
    valid = validator("replay.schema.json")
    for edition in load_rules().editions:
        result = again(written(head(), readings()), edition)
        valid.validate(as_json(Told(schema=1, unchanged=result.unchanged, replayed=result)))
    assert replay([], load_rules()).users == 0


def test_what_is_no_proof_is_refused() -> None:
    for name in SCHEMAS:
        with pytest.raises(jsonschema.ValidationError):
            validator(name).validate({"schema": 1})
