from __future__ import annotations

import pytest

from pipeline.core.drift.commands import commands_in, without_comment
from pipeline.core.drift.files import reader_for
from pipeline.core.drift.images import images_in
from pipeline.core.drift.model import Kind, Mention, make_document
from pipeline.core.drift.yaml_lines import json_scalars, yaml_scalars


def mentions(path: str, text: str) -> list[Mention]:
    reader = reader_for(path)
    assert reader is not None, f"{path} is no candidate"
    return list(reader(make_document(path, text)))


def named(path: str, text: str) -> list[tuple[int, str, str]]:
    return [(mention.line, mention.text, str(mention.version)) for mention in mentions(path, text)]


def test_an_argument_is_told_at_its_default_and_not_at_the_from() -> None:
    text = "ARG GO_VERSION=1.26.3\nFROM golang:${GO_VERSION}-alpine AS build\nFROM build\n"
    assert named("Dockerfile", text) == [(1, "1.26.3", "1.26.3")]


def test_an_argument_without_default_names_nothing() -> None:
    assert named("Dockerfile", "ARG GO_VERSION\nFROM golang:${GO_VERSION}-alpine\nFROM golang:$GO_VERSION\n") == []


def test_an_argument_that_holds_itself_ends() -> None:
    text = "ARG A=1.26.3\n" + "ARG A=${A}${A}\n" * 64 + "FROM golang:${A}\n"
    assert all(mention.line <= 66 for mention in mentions("Dockerfile", text))


def test_a_stage_named_like_the_image_is_no_image() -> None:
    assert named("Dockerfile", "FROM golang:1.26.3 AS golang\nFROM golang\n") == [(1, "1.26.3", "1.26.3")]


def test_a_heredoc_of_a_copy_is_text_and_one_of_a_run_is_commands() -> None:
    text = "COPY <<A /x\nFROM golang:1.20\nA\nRUN <<B\nexport GOTOOLCHAIN=go1.26.2\nB\nFROM golang:1.26.3\n"
    assert named("Dockerfile", text) == [(5, "1.26.2", "1.26.2"), (7, "1.26.3", "1.26.3")]


@pytest.mark.parametrize("path", ["a.yml", "devcontainer.json"])
def test_a_quoted_value_over_several_lines_is_told_on_the_line_it_is_on(path: str) -> None:
    """Found by fuzzing: a quote that nothing closes had its columns counted from the quote's own line."""
    found = mentions(path, '{"a": ["x\n  y\nFROM golang:1.26.2-alpine\n", "golang:1.20"]}\n')
    assert next((mention.line, mention.column, mention.text) for mention in found) == (3, 13, "1.26.2")


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("Dockerfile", "RUN echo $((1<<A))\nFROM golang:1.26.3\n"),
        ("Dockerfile", "RUN cat <<NEVER\nFROM golang:1.26.3\n"),
        ("Dockerfile", "RUN read x <<<A\nFROM golang:1.26.3\nA\n"),
        ("Dockerfile", "FROM \\\n  golang:1.26.3\n"),
        ("Dockerfile", 'FROM "golang:1.26.3"\n'),
        ("Dockerfile", "from\tgolang:1.26.3\n"),
        ("Dockerfile", "RUN echo don't # fail\nFROM golang:1.26.3\n"),
        ("a.sh", "x=$((1<<A))\nexport GOTOOLCHAIN=go1.26.3\n"),
        ("a.sh", "cat <<NEVER\nexport GOTOOLCHAIN=go1.26.3\n"),
        ("a.sh", "cat > Dockerfile <<END\nFROM golang:1.26.3\nEND\n"),
        ("a.sh", "go1.26.3 build ./...\n"),
        ("Makefile", "GO ?= go1.26.3\n"),
        ("a.yml", "a: [//x, 'golang:1.26.3']\n"),
        ("a.yml", "a: don't # no\nimage: golang:1.26.3\n"),
        ("a.yml", "image: &anchor golang:1.26.3\n"),
        ("a.yml", "services: {go: {image: 'golang:1.26.3'}}\n"),
        (".github/workflows/a.yml", "jobs:\n a:\n  strategy: {matrix: {go: [1.26.3]}}\n"),
        (".github/workflows/a.yml", "jobs:\n  a:\n    steps:\n    - with: {\n        go-version: 1.26.3 }\n"),
        ("devcontainer.json", "[" * 9000 + '"golang:1.26.3"'),
    ],
)
def test_nothing_hides_a_version(path: str, text: str) -> None:
    assert [version for _, _, version in named(path, text)] == ["1.26.3"]


def test_a_containers_name_is_no_image_outside_workflows() -> None:
    assert named("hpa.yaml", "spec:\n  container: golang\n") == []
    assert len(named(".github/workflows/a.yml", "jobs:\n  a:\n    container: golang\n")) == 1


def test_a_version_in_parts_stands_at_the_from_without_correction() -> None:
    (mention,) = mentions("Dockerfile", "ARG A=1.26\nARG B=3\nFROM golang:${A}.${B}\n")
    assert (mention.line, str(mention.version), mention.obstacle) == (
        3,
        "1.26.3",
        "it is put together from several arguments",
    )


def test_carriage_returns_and_a_missing_last_line_end_change_nothing() -> None:
    assert named("a.sh", "#!/bin/sh\r\nGO_VERSION=1.26.3\r\n") == [(2, "1.26.3", "1.26.3")]
    assert named("go.mod", "module m\r\n\r\ntoolchain go1.26.3") == [(3, "1.26.3", "1.26.3")]


@pytest.mark.parametrize(
    "name",
    [
        "Dockerfile",
        "dockerfile",
        "Dockerfile.dev",
        "api.Dockerfile",
        "build/x.dockerfile",
        "Containerfile",
        "Dockerfile-minimal",
    ],
)
def test_dockerfiles_are_known_by_many_names(name: str) -> None:
    assert reader_for(name) is reader_for("Dockerfile")


@pytest.mark.parametrize(
    "name",
    [
        "main.go",
        "README.md",
        "Dockerfile.md",
        "Dockerfile.dockerignore",
        "a.json",
        "go.model",
        "x.py",
        "Makefile.j2",
        "a.toml",
    ],
)
def test_other_files_are_never_opened(name: str) -> None:
    assert reader_for(name) is None


def test_an_unfinished_block_of_go_mod_hides_nothing_that_go_would_see() -> None:
    text = "module m\nrequire (\n\tgo v1.2.3\n\ttoolchain v1.2.3\n)\ngo 1.26.0\ntoolchain go1.26.3\n"
    assert [line for line, _, _ in named("go.mod", text)] == [6, 7]


def test_values_of_yaml_know_where_they_stand() -> None:
    lines = make_document("", "a:\n  - go: '1.26'  # old\n    x: {y: ['1', 2]}\nrun: |\n  one\n\n  two\nz: 3").lines
    found = [(scalar.line, scalar.column, scalar.text, scalar.key) for scalar in yaml_scalars(lines)]
    assert found == [
        (2, 9, "1.26", "go"),
        (3, 13, "1", "y"),
        (3, 17, "2", "y"),
        (5, 2, "one", "run"),
        (7, 2, "two", "run"),
        (8, 3, "3", "z"),
    ]


def test_values_of_json_know_the_keys_above_them() -> None:
    lines = make_document("", '{\n "a": {"b": "c"}, // note\n "d": ["e", {"f": 1}]\n}').lines
    found = [(scalar.line, scalar.text, scalar.key, scalar.frame.key) for scalar in json_scalars(lines)]
    assert found == [(2, "c", "b", "a"), (3, "e", "d", ""), (3, "1", "f", "d")]


@pytest.mark.parametrize(
    ("line", "code"),
    [("a # b", "a "), ("#b", ""), ("a#b", "a#b"), ("'a # b' # c", "'a # b' "), ('"#" # x', '"#" '), ("", "")],
)
def test_comments_are_cut_outside_quotes_only(line: str, code: str) -> None:
    assert without_comment(line) == code


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("docker.io/library/golang:1.26.3", "1.26.3"),
        ("localhost:5000/golang:1.26.3-alpine", "1.26.3"),
        ("mcr.microsoft.com/devcontainers/go:1-1.26-bookworm", "1.26.x"),
        ("cimg/go:1.26.3-node", "1.26.3"),
        ("registry.k8s.io/build-image/kube-cross:v1.37.0-go1.26.5-bullseye.0", "1.26.5"),
        ("goreleaser/goreleaser-cross:v1.26.3", "1.26.3"),
        ("golang:1.27rc1", "1.27rc1"),
        ("docker://golang:1.26.3", "1.26.3"),
        ("${IMAGE:-golang:1.26.3}", "1.26.3"),
        ("golang:alpine", "a moving version"),
    ],
)
def test_an_image_names_its_go(text: str, version: str) -> None:
    assert [str(hit.named) for hit in images_in(text)] == [version]


@pytest.mark.parametrize(
    "text",
    [
        "golang",
        "golang:",
        "golang:$TAG",
        "golang:${TAG}",
        "mygolang:1.20",
        "golang-app:1.20",
        "golang/tools:1.20",
        "x/golang-docs:1.2",
        "github.com/golang/go:1.2",
        "go:1.20",
        "golangci/golangci-lint:v1.20",
        "mongo:1.20",
        "golang@v1.20.0",
        "https://x/golang:1.20/y",
    ],
)
def test_what_is_no_go_image_is_left_alone(text: str) -> None:
    assert list(images_in(text)) == []


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        ("GOSUMDB=off go build", Kind.UNSAFE),
        ("export GONOSUMDB='*'", Kind.UNSAFE),
        ("GOPRIVATE=* go mod download", Kind.UNSAFE),
        ("GONOSUMDB=github.com/acme,golang.org/toolchain", Kind.UNSAFE),
        ("GOINSECURE=example.com", Kind.UNSAFE),
        ("GOFLAGS=-insecure", Kind.UNSAFE),
        ("go install a.example/b/c@latest", Kind.TOOL),
        ("go run a.example/b@main -x", Kind.TOOL),
    ],
)
def test_unsafe_settings_and_moving_tools_are_found(line: str, kind: Kind) -> None:
    assert [hit.kind for hit in commands_in(line)] == [kind]


@pytest.mark.parametrize(
    "line",
    [
        "GOSUMDB=sum.example.com",
        "GOPRIVATE=github.com/acme/*",
        "GONOSUMDB=example.com",
        "GOINSECURE=",
        "GOFLAGS=-mod=vendor",
        "GOTOOLCHAIN=local go test",
        "GOTOOLCHAIN=auto",
        "go install a.example/b@v1.2.3",
        "npm install go@latest",
        "echo go1.26.3",
        "go test -run TestGo1.26",
        "mongo 1.26.3",
        "GO_VERSION=$(cat .go-version)",
        "GOSUMDB=$X",
        "x=go1.26.3",
    ],
)
def test_ordinary_commands_are_left_alone(line: str) -> None:
    assert list(commands_in(line)) == []


@pytest.mark.parametrize(
    ("path", "text", "version"),
    [
        ("Dockerfile", "FROM goboring/golang:1.14.6b4 AS build\n", "1.14.6"),
        ("Dockerfile", "FROM goboring/golang:1.14.6b4-buster\n", "1.14.6"),
        ("a.yml", "env:\n  TEST_IMAGE: quay.io/prometheus/golang-builder:1.26-base\n", "1.26.x"),
        ("a.sh", "docker run quay.io/prometheus/golang-builder:1.26-base\n", "1.26.x"),
        ("Dockerfile", "FROM registry.example.com/go-runner:v0.18.0-go-1.26.4.2023 AS runner\n", "1.26.4"),
        ("Dockerfile", "FROM registry.k8s.io/build-image/go-runner:v2.4.0-go1.26.4-bookworm.0\n", "1.26.4"),
    ],
)
def test_a_builders_own_mark_in_a_tag_hides_no_version(path: str, text: str, version: str) -> None:
    assert [found for _, _, found in named(path, text)] == [version]


@pytest.mark.parametrize(
    "text", ["FROM golang:1.14.6b4\n", "FROM goboring/golang:1.14.6bx\n", "FROM example.com/runner:v1-go-1.26.4.7\n"]
)
def test_the_twin_another_ending_is_not_taken_for_one(text: str) -> None:
    assert all(mention.version.exact is None for mention in mentions("Dockerfile", text))


def test_a_phase_of_nix_is_shell() -> None:
    text = (
        "{\n  configurePhase = ''\n    export GOSUMDB=off # GOSUMDB=off\n  '';\n  # GOSUMDB=off\n  go = go_1_26;\n}\n"
    )
    assert [(mention.line, mention.kind) for mention in mentions("a.nix", text)] == [(3, Kind.UNSAFE), (6, Kind.LOCKED)]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("go install example.com/tool@latest", 1),
        ('@echo "run: go install example.com/tool@latest"', 0),
        ("printf 'go install example.com/tool@latest'", 0),
        ("$(error no tool (`go install example.com/tool@latest` gets it))", 0),
        ('echo "installing"; go install example.com/tool@latest', 1),
        ('echo "installing" && go install example.com/tool@latest', 1),
        ("echo $(go install example.com/tool@latest)", 1),
        ("echo `go install example.com/tool@latest`", 1),
        ("myecho go install example.com/tool@latest", 1),
    ],
)
def test_advice_that_is_printed_is_not_run(line: str, told: int) -> None:
    assert sum(hit.kind is Kind.TOOL for hit in commands_in(line)) == told


@pytest.mark.parametrize(
    ("path", "text", "told"),
    [
        ("mise.toml", '[tools]\n"go:a.example/x/y" = "latest"\n', (2, "latest", "tool")),
        ("mise.toml", "[tools]\n'go:a.example/x/y' = {version = 'main', tags = 'x'}\n", (2, "main", "tool")),
        ("mise.toml", '[tools."go:a.example/x/y"]\nversion = "latest"\n', (2, "latest", "tool")),
        ("mise.toml", '[tasks.build.tools]\n"go:a.example/x/y" = "latest"\n', (2, "latest", "tool")),
        (".tool-versions", "go:a.example/x/y latest\n", (1, "latest", "tool")),
        ("mise.toml", 'tools.go = "1.25.3"\n', (1, "1.25.3", "exact")),
        ("mise.toml", '[tools]\n"core:go" = "1.25.3"\n', (2, "1.25.3", "exact")),
        ("mise.toml", '[tools]\ngo = "prefix:1.25"\n', (2, "prefix:1.25", "exact")),
        ("mise.toml", '[tools]\ngo = "sub-1:latest"\n', (2, "sub-1:latest", "exact")),
        (".tool-versions", "golang system\n", (1, "system", "exact")),
        (".tool-versions", "core:go 1.25.3\n", (1, "1.25.3", "exact")),
        ("mise.lock", '[[tools.go]]\nversion = "1.25.3"\nbackend = "core:go"\n', (2, "1.25.3", "exact")),
        (".config/mise.toml", '[tools]\ngo = "1.25.3"\n', (2, "1.25.3", "exact")),
        ("mise/config.toml", '[tools]\ngo = "1.25.3"\n', (2, "1.25.3", "exact")),
    ],
)
def test_mise_says_it_in_many_ways(path: str, text: str, told: tuple[int, str, str]) -> None:
    (mention,) = mentions(path, text)
    assert (mention.line, mention.text, mention.kind.value) == told


@pytest.mark.parametrize(
    "text",
    [
        '[tools]\n"go:a.example/x/y" = "1.2.3"\n',
        '[tools]\n"npm:go" = "latest"\n"cargo:go:x" = "latest"\n',
        '[settings]\n"go:a.example/x/y" = "latest"\n',
        '[env]\ngo = "latest"\n',
    ],
)
def test_what_mise_has_from_elsewhere_or_pinned_is_no_go(text: str) -> None:
    assert mentions("mise.toml", text) == []


@pytest.mark.parametrize(
    ("path", "text", "place"),
    [
        ("Dockerfile", "RUN apk add --no-cache git go make\n", (1, "go")),
        ("Dockerfile", "RUN apk --no-cache add go\n", (1, "go")),
        ("Dockerfile", "RUN apt-get update && apt-get install -y golang-go\n", (1, "golang-go")),
        ("Dockerfile", "RUN apt-get install -y \\\n    git \\\n    golang-any \\\n    make\n", (3, "golang-any")),
        ("Dockerfile", "RUN dnf -y install \\\n    golang \\\n    make\n", (2, "golang")),
        ("a.sh", "brew install go jq\n", (1, "go")),
        ("a.yml", "run: sudo apt-get install golang\n", (1, "golang")),
    ],
)
def test_a_package_without_a_version_moves(path: str, text: str, place: tuple[int, str]) -> None:
    (mention,) = mentions(path, text)
    assert ((mention.line, mention.text), str(mention.version)) == (place, "a moving version")
    assert "distribution" in mention.obstacle


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("Dockerfile", "RUN apk add git && go build ./...\n"),
        ("Dockerfile", "RUN apk add --no-cache go-task gopls\n"),
        ("Dockerfile", "RUN apt-get purge -y golang-go\n"),
        ("Dockerfile", "RUN go \\\n    install ./...\n"),
        ("a.sh", "pip install go\n"),
        ("a.yml", "labels:\n- golang\n"),
        ("a.yml", "run: brew install goreleaser\n"),
    ],
)
def test_other_packages_and_commands_are_no_package_of_go(path: str, text: str) -> None:
    assert mentions(path, text) == []


def test_a_makefiles_go_installs_tools_too() -> None:
    text = "GOBIN=$(BIN) $(GO) install -mod=mod example.com/x/cmd/y@latest\n"
    for line in (text, text.replace("$(GO)", "${GO}"), text.replace("$(GO)", "$(GOCMD)")):
        (mention,) = mentions("Makefile", f"t:\n\t{line}")
        assert (mention.line, mention.text, mention.kind) == (2, "latest", Kind.TOOL)


@pytest.mark.parametrize(
    "line",
    [
        'export GOTOOLCHAIN="go${GO_VERSION:-1.24.1}"',
        "GOTOOLCHAIN=go${V:-1.24.1} go build",
        "curl -O https://example.com/dl/go${V:-1.24.1}.linux-amd64.tar.gz",
    ],
)
def test_a_default_behind_go_is_a_mention_without_the_go(line: str) -> None:
    (hit,) = commands_in(line)
    assert (hit.text, line[hit.column : hit.column + len(hit.text)]) == ("1.24.1", "1.24.1")
