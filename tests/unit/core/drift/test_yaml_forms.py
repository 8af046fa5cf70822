"""Every way in which YAML can spell one and the same value, and the steps that name no version at all."""

from __future__ import annotations

import pytest

from pipeline.core.drift.files import reader_for
from pipeline.core.drift.model import Kind, Mention, make_document

WORKFLOW = ".github/workflows/a.yml"


def mentions(path: str, text: str) -> list[Mention]:
    reader = reader_for(path)
    assert reader is not None
    return list(reader(make_document(path, text)))


def places(text: str, path: str = WORKFLOW) -> list[tuple[int, int, str]]:
    return [(mention.line, mention.column, mention.text) for mention in mentions(path, text)]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("go-version: >-\n  1.25.3\n", (2, 3)),
        ("go-version: |\n  1.25.3\n", (2, 3)),
        ("go-version: >2-\n\n    1.25.3\n\n", (3, 5)),
        ("go-version: &v >-\n  1.25.3\n", (2, 3)),
        ('go-version:\n  "1.25.3"\n', (2, 4)),
        ("go-version: !!str 1.25.3\n", (1, 19)),
        ("go-version: &v !!str '1.25.3'\n", (1, 23)),
        ("with: {go-version: &v 1.25.3}\n", (1, 23)),
        ("with: {go-version: !!str '1.25.3'}\n", (1, 27)),
        ("&k go-version: 1.25.3\n", (1, 16)),
        ("- {go-version: 1.25.3, os: linux}\n", (1, 16)),
        ("- &v {go-version: 1.25.3}\n", (1, 19)),
    ],
)
def test_a_version_is_read_in_every_style_of_scalar(text: str, place: tuple[int, int]) -> None:
    assert places(text) == [(*place, "1.25.3")]


@pytest.mark.parametrize(
    "text",
    [
        "x-pinned: &v 1.25.3\njobs:\n  a:\n    steps:\n    - with:\n        go-version: *v\n",
        "x-pinned: &v 1.25.3\njobs: {a: {steps: [{with: {go-version: *v}}]}}\n",
        "x-pinned: &v >-\n  1.25.3\ngo-version: *v\n",
        "x-pinned: {y: &v '1.25.3'}\ngo-version: *v\n",
        "x-pinned: &v [1.25.3]\nmatrix: {go: *v}\n",
        "x-pinned: &v\n- 1.25.3\nmatrix:\n  go: *v\n",
        "x-pinned: &v\n  - 1.25.3\nmatrix:\n  go: *v\n",
        "x-pinned:\n- &v 1.25.3\nmatrix:\n  go: [*v]\n",
    ],
)
def test_an_alias_is_told_at_its_anchor(text: str) -> None:
    (mention,) = mentions(WORKFLOW, text)
    line = next(number for number, line in enumerate(text.split("\n"), 1) if "1.25.3" in line)
    assert (mention.line, mention.text) == (line, "1.25.3")
    assert text.split("\n")[mention.line - 1][mention.column - 1 :].startswith("1.25.3")


def test_an_alias_of_several_versions_is_a_list_of_versions() -> None:
    found = mentions(WORKFLOW, "x: &v [1.25.3, 1.26.1]\nmatrix:\n  go: *v\n")
    assert [(mention.text, bool(mention.obstacle)) for mention in found] == [("1.25.3", True), ("1.26.1", True)]


def test_an_anchor_is_told_once_however_many_aliases_it_has() -> None:
    text = "env: {GO_VERSION: &v 1.25.3}\na: {go-version: *v}\nb: {go-version: *v}\n"
    assert places(text) == [(1, 22, "1.25.3")]


def test_aliases_in_circles_and_without_an_anchor_name_nothing() -> None:
    assert places("a: &a [*a, *b]\ngo-version: *a\nb: {go-version: *none}\nmatrix: {go: &c [*c]}\n") == []


def test_an_alias_of_an_image_is_an_image() -> None:
    assert places("x-image: &i golang:1.25.3\nservices:\n  a: {image: *i}\n", "compose.yaml") == [(1, 20, "1.25.3")]
    assert places("x-image: &i\n  golang\nimage: *i\n", "compose.yaml") == [(2, 3, "golang")]


def test_steps_behind_an_anchor_are_read_like_others() -> None:
    text = (
        "steps:\n- &setup uses: actions/setup-go@v6\n  with:\n    go-version: 1.25.3\n"
        "- *setup\n- &b\n  with: {go-version: 1.25.4}\n"
    )
    assert places(text) == [(4, 17, "1.25.3"), (7, 22, "1.25.4")]


def test_a_block_of_commands_is_no_version() -> None:
    assert places("go-version: |\n  1.25.3\n  1.26.3\n") == []
    assert places("GO_VERSION: |\n  # 1.25.3\n") == []


@pytest.mark.parametrize(
    "step",
    [
        "- uses: actions/setup-go@v6\n",
        "- uses: 'actions/setup-go@0123456789abcdef0123456789abcdef01234567'  # v6.0.0\n",
        "- uses: actions/setup-go@v6\n  with:\n    cache: false\n",
        "- name: Go\n  with: {cache: false}\n  uses: actions/setup-go@v6\n",
        "- {uses: actions/setup-go@v6, with: {check-latest: true}}\n",
        "- uses: actions/setup-go@v6\n  with:\n    go-version: ''\n",
        "- uses: actions/setup-go@v6\n  with:\n    go-version:\n",
    ],
)
def test_setup_go_without_a_version_takes_the_go_of_the_runners_image(step: str) -> None:
    (mention,) = mentions(WORKFLOW, f"jobs:\n  a:\n    steps:\n{step}- uses: actions/checkout@v6\n")
    assert mention.kind is Kind.RANGE
    assert mention.text.startswith("actions/setup-go@")
    assert "installs nothing" in mention.obstacle
    assert "with" in mention.what


@pytest.mark.parametrize(
    "step",
    [
        "- uses: actions/setup-go@v6\n  with:\n    go-version-file: go.mod\n",
        "- uses: actions/setup-go@v6\n  with:\n    go-version: ${{ inputs.go }}\n",
        "- uses: actions/setup-go@v6\n  with: {go-version-file: go.mod}\n",
        "- uses: actions/setup-go@v6\n  with:\n    go-version: >-\n      ${{ env.GO }}\n",
        "- uses: actions/setup-go@v6\n  with: *common\n",
        "- uses: actions/setup-go@v6\n  with:\n    <<: *common\n    cache: false\n",
        "- uses: actions/setup-go@v6\n  with: ${{ fromJSON(inputs.with) }}\n",
        "- uses: ./.github/actions/setup-go\n",
        "- uses: example/setup-go@v1\n",
        "- run: echo actions/setup-go@v6\n",
        "# - uses: actions/setup-go@v6\n",
    ],
)
def test_setup_go_that_gets_its_version_from_elsewhere_is_left_alone(step: str) -> None:
    assert [m for m in mentions(WORKFLOW, f"steps:\n{step}") if m.kind is not Kind.POINTER] == []


def test_the_go_installer_task_without_a_version_installs_its_default() -> None:
    """Source: azure-pipelines-tasks, Tasks/GoToolV0/task.json: `version` is required and has the default 1.10."""
    (mention,) = mentions("azure-pipelines.yml", "steps:\n- task: GoTool@0\n  displayName: Go\n")
    assert (str(mention.version), mention.text, bool(mention.obstacle)) == ("1.10", "GoTool@0", True)
    assert places("steps:\n- task: GoTool@0\n  inputs: {version: $(GO)}\n", "azure-pipelines.yml") == []
    assert places("steps:\n- task: GoTool@0\n  inputs:\n    version: 1.25.3\n", "azure-pipelines.yml") == [
        (4, 14, "1.25.3")
    ]


_STEP = (
    "jobs:\n  t:\n{above}    steps:\n"
    '      - uses: actions/setup-go@v5\n        with: {{go-version: "${{{{ {expression} }}}}"}}\n'
)


@pytest.mark.parametrize(
    ("above", "expression", "found"),
    [
        ('    strategy:\n      matrix:\n        version: ["1.24.4"]\n', "matrix.version", ["1.24.4"]),
        ('    strategy:\n      matrix:\n        toolchain:\n          - "1.24.4"\n', "matrix.toolchain", ["1.24.4"]),
        ('    strategy:\n      matrix:\n        config: [{version: "1.24.4"}]\n', "matrix.config.version", ["1.24.4"]),
        ('    env:\n      GOLANG: "1.24.1"\n', "env.GOLANG", ["1.24.1"]),
        ("", "inputs.v || '1.24.6'", ["1.24.6"]),
        ('    strategy:\n      matrix:\n        version: ["1.24.4"]\n', "matrix.os", []),
        ('    env:\n      VERSION: "1.24.1"\n', "env.GOLANG", []),
    ],
)
def test_a_computed_version_is_followed_to_where_it_stands(above: str, expression: str, found: list[str]) -> None:
    text = _STEP.format(above=above, expression=expression)
    assert [mention.text for mention in mentions(".github/workflows/t.yml", text)] == found


def test_the_default_of_an_input_is_followed() -> None:
    text = 'on:\n  workflow_call:\n    inputs:\n      v:\n        default: "1.24.4"\n' + _STEP.format(
        above="", expression="inputs.v"
    )
    assert [mention.text for mention in mentions(".github/workflows/t.yml", text)] == ["1.24.4"]
