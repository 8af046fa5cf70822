"""Properties over made-up files: no false alarm, no crash, no mention at a wrong place."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from pipeline.core.drift.audit import Auditor
from pipeline.core.drift.exceptions import Exceptions
from pipeline.core.drift.files import reader_for
from pipeline.core.drift.model import make_document
from pipeline.core.drift.versions import variable_kind

PATHS = [
    "Dockerfile",
    "go.mod",
    "go.sum",
    ".go-version",
    ".tool-versions",
    "mise.toml",
    "docker-bake.hcl",
    "docker-bake.json",
    ".github/workflows/a.yml",
    ".gitlab-ci.yml",
    ".circleci/config.yml",
    "azure-pipelines.yml",
    "cloudbuild.yaml",
    ".travis.yml",
    "Makefile",
    "a.sh",
    "a.env",
    "flake.nix",
    "MODULE.bazel",
    "WORKSPACE",
    "Jenkinsfile",
    ".golangci.yml",
    ".devcontainer/devcontainer.json",
    "devbox.json",
    ".goreleaser.yaml",
    ".ko.yaml",
    "compose.yaml",
    "Earthfile",
]
FRAGMENTS = [
    "golang",
    "golang:",
    "1.26.3",
    "1.26",
    "go",
    "go1.26.3",
    "GO_VERSION",
    "=",
    ":",
    " ",
    "\n",
    "\n  ",
    "- ",
    "FROM ",
    "ARG ",
    "ENV ",
    "${",
    "}",
    "$",
    ":-",
    "latest",
    "@sha256:" + "a" * 64,
    "'",
    '"',
    "#",
    "<<A",
    "A",
    "\\",
    "{",
    "}",
    "[",
    "]",
    ",",
    "|",
    "toolchain ",
    "GOSUMDB",
    "off",
    "gimme ",
    "image: ",
    "\r\n",
    "\t",
    "\0",
    "\uff11",
    "\u0262",
    "\u2028",
    "\ufeff",
    "go_sdk.download(",
    "(",
    ")",
    "run: |",
    "matrix:",
    "version",
    'variable "GO_VERSION" {',
    "default",
    "go-version-file: ",
    "//",
    "/*",
]

paths = st.sampled_from(PATHS)
texts = st.one_of(st.lists(st.sampled_from(FRAGMENTS), max_size=60).map("".join), st.text(max_size=300))

other_words = st.sampled_from(
    [
        "KUBERNETES",
        "HUGO",
        "MONGO",
        "ARGO",
        "CARGO",
        "DJANGO",
        "NODE",
        "GINKGO",
        "LEGO",
        "KIND",
        "ETCD",
        "ISTIO",
        "GOLANGCI_LINT",
        "PROTOC_GEN_GO",
        "CLIENT_GO",
        "SDK_GO",
        "GO_LICENSES",
        "GOPLS",
        "GOSEC",
        "GO_SWAGGER",
        "APP",
        "CHART",
        "ALGO",
        "OPENGOV",
    ]
)
numbers = st.from_regex(r"1\.[0-9]{1,2}(\.[0-9]{1,2})?", fullmatch=True)
other_images = st.sampled_from(
    [
        "nginx",
        "mongo",
        "ghcr.io/acme/go-app",
        "kindest/node",
        "golangci/golangci-lint",
        "acme/golang-docs",
        "library/gogs",
        "cargo",
        "x/algo",
    ]
)


@given(paths, texts)
def test_any_text_is_read_without_a_crash_and_mentions_stand_where_they_say(path: str, text: str) -> None:
    reader = reader_for(path)
    assert reader is not None
    document = make_document(path, text)
    for mention in reader(document):
        line = document.lines[mention.line - 1]
        assert line[mention.column - 1 :].startswith(mention.text), mention


@given(paths, texts)
def test_any_text_is_judged_without_a_crash(path: str, text: str) -> None:
    auditor = Auditor()
    auditor.add(path, text)
    auditor.add("go.mod", "module m\n\ngo 1.26.3\n")
    auditor.finish(None, Exceptions())


@given(other_words, numbers, st.sampled_from(["", "'", '"']))
def test_versions_of_other_things_are_no_alarm(word: str, number: str, quote: str) -> None:
    name, value = f"{word}_VERSION", f"{quote}{number}{quote}"
    files = {
        ".go-version": "1.999.9\n",
        "Makefile": f"{name} := {number}\n{name.lower()} ?= {number}\n",
        "a.sh": f"export {name}={value}\n{name}=${{{name}:-{number}}}\n",
        "Dockerfile": f"ARG {name}={value}\nENV {name}={value}\nENV {name} {number}\n",
        ".github/workflows/a.yml": f"env:\n  {name}: {value}\njobs:\n  a:\n    with:\n"
        f"      {word.lower()}-version: {value}\n",
        "docker-bake.hcl": f'variable "{name}" {{\n  default = "{number}"\n}}\n',
        "a.bzl": f'{name} = "{number}"\n',
        ".tool-versions": f"{word.lower()} {number}\n",
        "mise.toml": f'[tools]\n{word.lower()} = "{number}"\n[env]\n{name} = "{number}"\n',
    }
    assert variable_kind(name) is None
    assert _alarms(files) == []


@given(other_images, numbers)
def test_tags_of_other_images_are_no_alarm(image: str, number: str) -> None:
    files = {
        ".go-version": "1.999.9\n",
        "Dockerfile": f"FROM {image}:{number} AS go\nCOPY --from={image}:v{number} /a /b\n",
        "compose.yaml": f"services:\n  go:\n    image: {image}:{number}\n",
        ".gitlab-ci.yml": f"image: '{image}:{number}'\n",
        "cloudbuild.yaml": f"steps:\n  - name: {image}:{number}\n",
        "a.sh": f"docker run {image}:{number} go version\n",
    }
    assert _alarms(files) == []


@given(numbers, numbers)
def test_dependencies_and_actions_are_no_alarm(first: str, second: str) -> None:
    files = {
        ".go-version": "1.999.9\n",
        "go.mod": f"module m\n\nrequire (\n\texample.com/go v{first}.0\n\tgo.example.com/x v{second}\n)\n",
        "go.sum": f"golang.org/x/tools v{first}.0 h1:x\ngolang.org/toolchains v0.0.1-go{second} h1:x\n",
        ".github/workflows/a.yml": f"jobs:\n  go:\n    steps:\n      - uses: actions/setup-go@v{first}\n"
        f"        name: go {second}\n        with: {{go-version-file: .go-version}}\n",
        "values.yaml": f"go: {first}\ntag: {second}\nimage:\n  tag: go-{first}\n",
    }
    assert _alarms(files) == []


@given(
    numbers.filter(lambda number: number.count(".") == 2), st.sampled_from(["-alpine", "-bookworm", "-alpine3.22", ""])
)
def test_the_twin_a_go_image_is_always_an_alarm(number: str, variant: str) -> None:
    assert _alarms({".go-version": "1.999.9\n", "Dockerfile": f"FROM golang:{number}{variant}\n"}) == ["drift"]
    assert _alarms({".go-version": "1.999.9\n", "Makefile": f"GO_VERSION := {number}\n"}) == ["drift"]


def _alarms(files: dict[str, str]) -> list[str]:
    auditor = Auditor()
    for path, text in files.items():
        auditor.add(path, text)
    return [finding.rule.value for finding in auditor.finish(files[".go-version"].encode(), Exceptions()).findings]
