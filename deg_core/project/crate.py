"""A study as an RO-Crate: files, the jobs that made them, programs, in linked data as JSON.

RO-Crate 1.1 with the profile Workflow Run Crate 0.5, which includes Process Run Crate. Written by
ourselves: a library would bring a handful of packages for what is one list of dictionaries.
"""

import base64
import json
import mimetypes
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import Any
from urllib.parse import quote as quote_text
from urllib.parse import unquote

from deg_core.ledger import Fact, fact_of
from deg_core.project.lineage import Key, Record, job_id

CRATE = "https://w3id.org/ro/crate/1.1"
WORKFLOW_CRATE = "https://w3id.org/workflowhub/workflow-ro-crate/1.0"
PROFILES = {
    "https://w3id.org/ro/wfrun/process/0.5": ("Process Run Crate", "0.5"),
    "https://w3id.org/ro/wfrun/workflow/0.5": ("Workflow Run Crate", "0.5"),
    WORKFLOW_CRATE: ("Workflow RO-Crate", "1.0"),
}
CONTEXT = [f"{CRATE}/context", "https://w3id.org/ro/terms/workflow-run/context"]
METADATA = "ro-crate-metadata.json"
WORKFLOW = "workflow/Snakefile"
BIOSCHEMAS = "https://bioschemas.org/profiles/ComputationalWorkflow/1.0-RELEASE"
_TYPES = {
    ".h5": "application/x-hdf5", ".md": "text/markdown", ".tsv": "text/tab-separated-values",
    ".yaml": "application/yaml",
}  # fmt: skip
# Names of files may be no UTF-8; the bytes that they are, are what a crate's paths hold.
quote = partial(quote_text, errors="surrogateescape")
Entity = dict[str, Any]


@dataclass(frozen=True)
class About:
    """What a person says of the study."""

    name: str
    description: str
    license: str
    published: str
    authors: Sequence[str] = ()


@dataclass
class Crate:
    """The graph of a crate, built up file by file and job by job.

    Attributes
    ----------
    about
        What a person says of the study.
    copied
        Files that are in the crate, by their path in it, which is that in the project.
    """

    about: About
    copied: Mapping[str, Fact]
    _entities: dict[str, Entity] = field(default_factory=dict)
    _actions: list[str] = field(default_factory=list)

    @cached_property
    def _by_content(self) -> dict[str | None, str]:
        return {fact.sha256: name for name, fact in self.copied.items()}

    def add_file(self, name: str, fact: Fact, **facts: Any) -> str:
        """Describe a file, in the crate or not, and return its identifier."""
        identifier = self.id_of(name, fact)
        away = identifier.startswith(("ni:", "#"))
        name = name if away else unquote(identifier, errors="surrogateescape")
        entity = self._entities.setdefault(
            identifier,
            {
                "@id": identifier,
                "@type": "File",
                "name": name,
                "contentSize": str(fact.bytes),
                "encodingFormat": encoding_of(name),
            },
        )
        if fact.sha256:
            entity["sha256"] = fact.sha256
        if entity["name"] != name:  # several names of one content
            others = {*entity.get("alternateName", []), name}
            entity["alternateName"] = sorted(others)
        entity |= facts
        return identifier

    def id_of(self, name: str, fact: Fact) -> str:
        """Name a version of a file: by its path if the crate holds it, else by its content."""
        if name in self.copied and fact.sha256 in (None, self.copied[name].sha256):
            return quote(name)
        if Path(name).is_absolute() and fact.sha256 in self._by_content:
            return quote(self._by_content[fact.sha256])  # the workflow, where it was installed
        if fact.sha256 is None:
            return f"#unknown-version-of-{quote(name, safe='')}"
        # Named information (RFC 6920): a file that is nowhere on the web, known by its digest.
        digest = base64.urlsafe_b64encode(bytes.fromhex(fact.sha256)).decode().rstrip("=")
        return f"ni:///sha-256;{digest}"

    def add_job(self, record: Record) -> None:
        """Describe a job: what it was, what it read and made, when and where."""
        identifier = f"#job-{quote(job_id(record), safe='')}"
        first = next(iter(record["outputs"]))
        action = {
            "@id": identifier,
            "@type": "CreateAction",
            "name": f"{record['stage']}: {first}",
            "description": record["command"],
            "instrument": _ref(self._program(record)),
            "startTime": record["started"],
            "endTime": record["ended"],
            "actionStatus": "http://schema.org/CompletedActionStatus",
            "object": _refs([*self._files(record["inputs"]), *self._values(identifier, record)]),
            "result": _refs(self._files(record["outputs"])),
            "environment": _refs(self._machine(record)),
            **self._agent(),
        }
        self._entities[identifier] = action
        self._actions.append(identifier)

    def graph(self, workflow: Entity, run: Entity) -> dict[str, Any]:
        """Return the whole metadata, as JSON has it.

        Parameters
        ----------
        workflow
            More facts of the workflow's entry file.
        run
            Facts of the run as a whole.
        """
        identifiers = [self.add_file(name, fact) for name, fact in self.copied.items()]
        self._entities[WORKFLOW] |= self._workflow() | workflow
        whole = {"@id": "#run", "@type": "CreateAction", "instrument": _ref(WORKFLOW)}
        self._entities["#run"] = whole | run | self._agent()
        entities = [self._descriptor(), self._root(identifiers), *self._entities.values()]
        entities += [
            {"@id": url, "@type": "CreativeWork", "name": name, "version": version}
            for url, (name, version) in PROFILES.items()
        ]
        entities += [{"@id": _person(n), "@type": "Person", "name": n} for n in self.about.authors]
        if self._has_link:
            link = self.about.license
            entities.append({"@id": link, "@type": "CreativeWork", "name": link})
        return {"@context": CONTEXT, "@graph": entities}

    @property
    def _has_link(self) -> bool:
        return self.about.license.startswith(("https://", "http://"))

    def _descriptor(self) -> Entity:
        return {
            "@id": METADATA,
            "@type": "CreativeWork",
            "conformsTo": _refs([CRATE, WORKFLOW_CRATE]),
            "about": _ref("./"),
        }

    def _root(self, copied: Iterable[str]) -> Entity:
        # Files that are not in the crate are its parts nevertheless: the study rests on them.
        away = [i for i, e in self._entities.items() if e["@type"] == "File" and "://" in i]
        root = {
            "@id": "./",
            "@type": "Dataset",
            "name": self.about.name,
            "description": self.about.description,
            "datePublished": self.about.published,
            "license": _ref(self.about.license) if self._has_link else self.about.license,
            "conformsTo": _refs(PROFILES),
            "hasPart": _refs(dict.fromkeys([*copied, *away])),
            "mainEntity": _ref(WORKFLOW),
            "mentions": _refs(["#run", *self._actions]),
        }
        if self.about.authors:
            root["author"] = _refs(map(_person, self.about.authors))
        return root

    def _workflow(self) -> Entity:
        language = {
            "@id": "https://snakemake.github.io",
            "@type": "ComputerLanguage",
            "name": "Snakemake",
            "url": _ref("https://snakemake.github.io"),
        }
        self._entities[language["@id"]] = language
        return {
            "@type": ["File", "SoftwareSourceCode", "ComputationalWorkflow"],
            "name": "deg-core: from videos of animals to ethograms",
            "programmingLanguage": _ref(language["@id"]),
            "conformsTo": _ref(BIOSCHEMAS),
        }

    def _program(self, record: Record) -> str:
        """Describe the stage, as it was in that version of the program."""
        software = record["software"]
        program = f"#deg-core-{software['code'][:12]}"
        self._entities[program] = {
            "@id": program,
            "@type": "SoftwareApplication",
            "name": "deg-core",
            "softwareVersion": software["deg-core"],
            "identifier": f"code sha256 {software['code']}, commit {software['commit']}",
        }
        stage = f"#{record['stage']}-{record['version']}-{software['code'][:12]}"
        self._entities[stage] = {
            "@id": stage,
            "@type": "SoftwareApplication",
            "name": f"deg {record['stage'].replace('_', '-')}",
            "softwareVersion": str(record["version"] or software["deg-core"]),
            "softwareRequirements": _ref(program),
        }
        return stage

    def _files(self, entries: Mapping[str, Mapping[str, Any]]) -> list[str]:
        return [self.add_file(name, fact_of(entry)) for name, entry in entries.items()]

    def _values(self, job: str, record: Record) -> list[str]:
        """Describe settings and seed of a job."""
        return [
            self._value(f"{job}-{name}", name, value)
            for name, value in {**record["settings"], "seed": record["seed"]}.items()
            if value is not None
        ]

    def _machine(self, record: Record) -> list[str]:
        """Describe the machine and the packages, which many jobs share."""
        told = {"Python": record["software"]["python"], **record["software"]["packages"]}
        told |= {n: v for n, v in record["machine"].items() if n != "environment"}
        told |= record["machine"]["environment"]
        found = []
        for name, value in told.items():
            if value not in (None, []):
                short = quote(f"{name}-{_text(value)}", safe="")
                found.append(self._value(f"#with-{short}", name, value))
        return found

    def _value(self, identifier: str, name: str, value: Any) -> str:
        self._entities[identifier] = {
            "@id": identifier, "@type": "PropertyValue", "name": name, "value": _text(value)
        }  # fmt: skip
        return identifier

    def _agent(self) -> Entity:
        return {"agent": _refs(map(_person, self.about.authors))} if self.about.authors else {}


def whole_run(
    records: Iterable[Record], crate: Crate, *, sources: Mapping[Key, Fact], products: Iterable[str]
) -> Entity:
    """Describe all jobs as one run of the workflow.

    Parameters
    ----------
    records
        Of the jobs.
    crate
        Where the files are described.
    sources
        What the run began with, by name and digest.
    products
        Names of copied results.
    """
    records = list(records)
    results = [crate.id_of(name, crate.copied[name]) for name in products]
    return {
        "name": "All jobs of the study",
        "description": "Each job is an action of its own; see there for settings and machine.",
        "startTime": min((r["started"] for r in records), default=crate.about.published),
        "endTime": max((r["ended"] for r in records), default=crate.about.published),
        "object": _refs([crate.add_file(name, fact) for (name, _), fact in sources.items()]),
        "result": _refs(results),
    }


def encoding_of(name: str) -> str:
    """Return the media type of a file, from how its name ends."""
    ending = "." + name.rsplit(".", 1)[-1].lower()
    return _TYPES.get(ending) or mimetypes.guess_type(name)[0] or "application/octet-stream"


def _ref(identifier: str) -> Entity:
    return {"@id": identifier}


def _refs(identifiers: Iterable[str]) -> list[Entity] | Entity:
    """Refer to several entities; to one alone without a list, as the standard recommends."""
    found = [_ref(identifier) for identifier in identifiers]
    return found[0] if len(found) == 1 else found


def _person(name: str) -> str:
    return f"#{quote(name, safe='')}"


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
