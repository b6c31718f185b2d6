"""A user's own grammar: read as it was meant, refused with the place of the mistake."""

import copy
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.grammars import AMBIGUOUS, AMBIGUOUS_BY_LEVEL, GRAMMARS, SHAPES
from rhm_scaling.grammar.json_file import from_json, to_json, user_grammar
from rhm_scaling.grammar.model import Grammar, Parameters

OWN = {"v": 3, "rules": {"1": [[[0, 1], [2, 2]], [[1, 0]]], "2": [[[0, 1]], [[1, 1], [1, 0]]]}}


def equal(one: Grammar, other: Grammar) -> bool:
    tables = zip(
        [*one.rules, *one.probabilities, one.root],
        [*other.rules, *other.probabilities, other.root],
        strict=True,
    )
    return one.parameters == other.parameters and all(np.array_equal(a, b) for a, b in tables)


@pytest.mark.parametrize("name", GRAMMARS)
def test_json_holds_the_whole_grammar(name: str) -> None:
    grammar = GRAMMARS[name]
    assert equal(from_json(to_json(grammar)), grammar)


def test_a_users_grammar_is_read_as_written() -> None:
    grammar = user_grammar(AMBIGUOUS)
    parameters = grammar.parameters
    assert (parameters.v, parameters.n, parameters.s, parameters.L) == ((3, 3, 3), 3, 2, 3)
    assert parameters.m == (3, 3, 2)
    np.testing.assert_array_equal(grammar.root, [0.5, 0.2, 0.3])
    # most probable first
    np.testing.assert_array_equal(grammar.rules_of(2)[1], [[2, 2], [2, 0], [0, 1]])
    np.testing.assert_array_equal(grammar.probabilities_of(2)[1], [0.7, 0.2, 0.1])
    np.testing.assert_array_equal(grammar.probabilities_of(3)[0], [1.0, 0.0])
    # a level with fewer symbols than v is filled up with symbols that nothing names
    assert grammar.rules_of(2).shape == (3, 3, 2)
    assert not grammar.probabilities_of(2)[2].any()


def test_levels_of_a_users_grammar_may_have_their_own_vocabularies() -> None:
    grammar = user_grammar(AMBIGUOUS_BY_LEVEL)
    assert grammar.parameters.v == (4, 2, 3)
    # level 2 lists two of its three symbols; level 1 has its own number of rows
    assert [table.shape for table in grammar.rules] == [(2, 3, 2), (3, 3, 2), (3, 2, 2)]
    assert not grammar.probabilities_of(2)[2].any()
    filled = {**OWN, "v": {"0": 3, "1": 3}}
    assert equal(user_grammar(json.dumps(filled)), user_grammar(json.dumps(OWN)))
    fitting = user_grammar(json.dumps({**OWN, "v": {"0": 3, "1": 2}}))
    assert fitting.parameters != user_grammar(json.dumps(OWN)).parameters


def test_identity_is_that_of_the_content() -> None:
    here = user_grammar(json.dumps(OWN)).parameters
    assert user_grammar(json.dumps(OWN, indent=7)).parameters == here
    assert here.file == "7fc3b80104ef"  # as it was before levels could have their own v
    uniform = {**OWN, "probabilities": {"1": [[0.5, 0.5], [1.0]]}, "root": [0.5, 0.5]}
    assert user_grammar(json.dumps(uniform)).parameters == here
    spelled = {**OWN, "rules": {**OWN["rules"], "1": [[[0, 1], [2, 2]], [[1, 0], [0, 0]]]}}
    spelled["probabilities"] = {"1": [[0.5, 0.5], [1, 0]]}  # a rule that never happens
    assert user_grammar(json.dumps(spelled)).parameters == here
    skewed = {**OWN, "probabilities": {"1": [[0.6, 0.4], [1.0]]}}
    assert user_grammar(json.dumps(skewed)).parameters != here
    assert user_grammar(json.dumps(skewed)).parameters.label().startswith("v3-n2-s2-L2-m2-file")


def test_a_grammar_of_the_store_can_be_a_users_own() -> None:
    drawn = GRAMMARS["zipf"]
    own = user_grammar(to_json(drawn))
    assert own.parameters.file is not None
    assert own.parameters.zipf == (None, None)
    np.testing.assert_array_equal(own.probabilities_of(1), drawn.probabilities_of(1))
    with pytest.raises(ValueError, match="has no closed form"):
        own.parameters.probabilities(1)


def changed(path: str, new: object) -> str:
    """The own grammar with one place, named as ``rules/1/0``, changed."""
    value = copy.deepcopy(OWN)
    inner = value
    *parents, last = path.split("/")
    for key in parents:
        inner = inner[int(key) if isinstance(inner, list) else key]
    inner[int(last) if isinstance(inner, list) else last] = new
    return json.dumps(value)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        (json.dumps(OWN)[:40], "not valid JSON"),
        ('{\n "v": 3,\n "rules": {,}}', "line 3, column 12: '\"rules\": {,}}'"),
        ("[1]", "not an object"),
        ('{"v": 3, "v": 4}', "'v': is given twice"),
        (changed("rule", {}), "'rule': unknown key; the keys are v, rules"),
        (changed("x" * 1000, {}), "xxx...: unknown key"),
        (changed("rules", dict.fromkeys(map(str, range(1000)))), "\"2\", ..., not ['0', '1', '2'"),
        (changed("v", 1), "v: must be a whole number from 2 to 65536"),
        (changed("v", True), "v: must be a whole number"),
        (changed("v", 10**12), "v: must be a whole number"),
        (changed("v", {"0": 3, "1": 1}), "v: must be a whole number from 2 to 65536, or one for"),
        (changed("v", {"1": 3}), "v: level 0, the tokens, is missing; name it"),
        (changed("v", {}), "v: level 0, the tokens, is missing; name it"),
        (changed("v", {"0": 3, "2": 3}), 'v: levels below the root are "0" to "1", not [\'0\''),
        (changed("v", {"0": 3, "x": 3}), 'v: levels below the root are "0" to "1"'),
        (changed("v", {"0": 2}), "rules, level 1, symbol 0, rule 1: names a symbol outside 0..1"),
        (changed("rules", {}), 'rules: must hold the levels "1", "2"'),
        (changed("rules", {"2": []}), 'rules: levels must be "1", "2"'),
        (changed("rules/1", []), "rules, level 1: needs one list a symbol, for 1 to 3 symbols"),
        (changed("rules/1", [[[0, 1]]] * 4), "rules, level 1: needs one list a symbol, for 1 to 3"),
        (changed("rules/1/1", []), "rules, level 1, symbol 1: needs a list of tuples"),
        (changed("rules/1/0/1", [0]), "level 1, symbol 0, rule 1: must be a list of 2 symbols"),
        (changed("rules/1/0/1", [0, 1, 2]), "level 1, symbol 0, rule 1: must be a list of 2"),
        (changed("rules/1/0/0", [0]), "level 1, symbol 0, rule 0: must be a list of at least 2"),
        (changed("rules/1/0/1", [0, 1.0]), "level 1, symbol 0, rule 1: must be a list of 2"),
        (changed("rules/1/0/1", [0, 3]), "symbol 0, rule 1: names a symbol outside 0..2"),
        (changed("rules/1/0/1", [0, -1]), "symbol 0, rule 1: names a symbol outside 0..2"),
        (changed("rules/2/1/0", [2, 0]), "level 2, symbol 1, rule 0: names a symbol outside 0..1"),
        (changed("probabilities", []), "probabilities: must be an object"),
        (changed("probabilities", {"3": []}), "probabilities: must be an object keyed by levels"),
        (changed("probabilities", {"1": [[1]]}), "probabilities, level 1: needs 2 lists"),
        (changed("probabilities", {"1": [[1], [1]]}), "level 1, symbol 0: needs 2 probabilities"),
        (
            changed("probabilities", {"1": [[0.5, 0.4], [1]]}),
            "probabilities, level 1, symbol 0: probabilities sum to 0.9, not 1",
        ),
        (changed("probabilities", {"1": [[1.5, -0.5], [1]]}), "must be a number from 0 to 1"),
        (changed("probabilities", {"1": [[float("nan"), 1], [1]]}), "must be a number from 0 to 1"),
        (changed("root", [1]), "root: needs 2 probabilities"),
        (changed("root", [0.5, 0.6]), "root: probabilities sum to 1.1, not 1"),
        ("[" * 10**5, "nested too deeply"),
    ],
)
def test_a_mistake_is_named_by_its_place(text: str, place: str) -> None:
    with pytest.raises(ValueError) as caught:
        user_grammar(text)
    assert place in str(caught.value)
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 300


JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(-2, 10**20), st.floats(), st.text(max_size=3),
    st.lists(st.integers(-1, 4), max_size=3), st.dictionaries(st.text(max_size=2), st.none()),
)  # fmt: skip


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_mutated_files_are_read_or_refused(data: st.DataObject) -> None:
    value = json.loads(AMBIGUOUS)
    inner, key = value, data.draw(st.sampled_from(list(value)))
    while isinstance(inner[key], (dict, list)) and inner[key] and data.draw(st.booleans()):
        inner = inner[key]
        keys = list(inner) if isinstance(inner, dict) else list(range(len(inner)))
        key = data.draw(st.sampled_from(keys))
    inner[key] = data.draw(JUNK)
    try:
        grammar = user_grammar(json.dumps(value))
    except ValueError as error:
        assert len(str(error)) < 300
    else:
        assert equal(from_json(to_json(grammar)), grammar)


@pytest.mark.parametrize("damage", ["no parameters", "other parameters", "no rules"])
def test_our_own_files_are_checked_against_their_parameters(damage: str) -> None:
    value = json.loads(to_json(GRAMMARS["square"]))
    if damage == "no rules":
        del value["rules"]["2"]
    elif damage == "no parameters":
        del value["parameters"]
    else:
        value["parameters"]["m"] = [2, 1]
    with pytest.raises((ValueError, KeyError)):
        from_json(json.dumps(value))
    assert from_json(to_json(GRAMMARS["square"])).parameters == SHAPES["square"]


def test_a_sentence_must_stay_of_a_reasonable_length() -> None:
    level = [[[0, 0]]]
    deep = {"v": 2, "rules": {str(i): level for i in range(1, 18)}}
    with pytest.raises(ValueError, match=r"sentences of at least 2\*\*17 tokens"):
        user_grammar(json.dumps(deep))
    assert Parameters.from_specification(
        user_grammar(json.dumps(OWN)).parameters.specification()
    ).file


def test_levels_may_stand_in_any_order() -> None:
    backwards = dict(reversed(OWN["rules"].items()))
    assert equal(
        user_grammar(json.dumps({**OWN, "rules": backwards})), user_grammar(json.dumps(OWN))
    )
