"""Write the catalogue's data from rows of facts about candidate systems.

    python scripts/catalogue.py FOLDER

FOLDER holds `candidates.jsonl` (one row per contract: system, name, category, vendor, contract, operations, auth,
spec, licence …), `index.jsonl` and `specs/` (the contracts that are at hand, with their sha256). What no row tells
stands in `catalogue_facts.toml` beside this script. Levels are never written: they are computed from evidence.
"""

import argparse
import gzip
import json
import re
import sys
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from ai_worker.connectors.catalogue import hints
from ai_worker.connectors.catalogue.system import BeyondContract, ContractFact, PagingHint, System, Way
from ai_worker.connectors.openapi.files import compile_file
from ai_worker.connectors.operation import ContractRefused

TARGET = Path(__file__).parent.parent / "src/ai_worker/connectors/catalogue/data"
FACTS = Path(__file__).with_name("catalogue_facts.toml")
MAX_NAME = 60
DOMAIN = re.compile(r"[a-z0-9.-]+\.[a-z]{2,6}(/.*)?")
EXACT = ("oauth2-authorizationCode", "oauth2-clientCredentials", "oauth2-implicit", "oauth2-password")
WAYS: tuple[tuple[str, Way], ...] = (
    ("openapi", "openapi"), ("odata", "odata"), ("graphql", "graphql"), ("rpc", "rpc"), ("sql", "sql"),
    ("ldap", "ldap"), ("webdav", "dav"), ("imap", "mail"), ("mcp", "mcp"), ("soap", "soap"), ("wsdl", "soap"),
)  # fmt: skip
ALIASES = {
    "access_token": "access-token", "token": "access-token", "corp access token": "access-token",
    "app-key + token": "access-token",
    "pat": "bearer", "api-key": "apiKey-header", "apiKey": "apiKey-header", "apikey-token": "apiKey-header",
    "basic apikey": "basic", "password": "user/password", "app-key + sign": "signed-request",
    "robot HMAC-SHA256 sign": "signed-request", "hmac-signed": "signed-request", "sigv4-signed": "signed-request",
    "signed-request / oauth2": "signed-request", "callback AES + SHA1 signature": "signed-request",
}  # fmt: skip
FLOWS = {"accessCode": "authorizationCode", "application": "clientCredentials"}
LIMITS = (
    ("429", rb'"?429"?\s*:'),
    ("retry-after", rb"(?i)\"?retry-after\"?\s*:"),
    ("rate-headers", rb"(?i)x-rate-?limit"),
)


def name_of(key: str, rows: Sequence[Mapping[str, Any]]) -> str:
    """Return a system's name from the names of its contracts: what they have in common at their beginning."""
    spoken = [row["name"].split(": ")[0] for row in rows if not DOMAIN.fullmatch(row["name"])]
    if not spoken:
        parts = rows[0]["name"].split("/")[0].split(".")
        return str(parts[-3] if parts[-2] in ("co", "com", "example") else parts[-2]).capitalize()
    if len(set(spoken)) == 1:
        return str(spoken[0])
    common = []
    for column in zip(*[re.split(r"[ _-]+", name) for name in spoken], strict=False):
        if len({word.lower() for word in column}) > 1:
            break
        common.append(column[0])
    return " ".join(common) or key.replace("-", " ").title()


def vendor_of(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return the vendor; nothing where only an independent publisher is known: often one person."""
    for row in rows:
        if row.get("vendor") and "independent-publisher" not in row["spec"] and not DOMAIN.fullmatch(row["vendor"]):
            return str(row["vendor"])[:MAX_NAME]
    return ""


def auth_of(rows: Iterable[Mapping[str, Any]]) -> tuple[str, ...]:
    """Return the kinds of proof, in our words."""
    found: dict[str, None] = {}
    for given in (kind for row in rows for kind in row["auth"]):
        kind = "gateway" if given.startswith(("secret:", "set:")) else given.removeprefix("http-").split(" (")[0]
        kind = ALIASES.get(kind, kind)
        family, _, flow = kind.partition("-")
        found[f"{family}-{FLOWS.get(flow, flow)}" if flow else family] = None
    exact = [kind for kind in found if kind in EXACT]
    kept = [kind for kind in found if not kind.startswith("oauth2") or kind in exact] + ([] if exact else
            ["oauth2"] * any(kind.startswith("oauth2") for kind in found))  # fmt: skip
    return tuple(kind for kind in kept if kind != "gateway" or len(kept) == 1)


def way_of(contract: str) -> Way:
    """Return how a contract is written, from the row's words."""
    return next((way for word, way in WAYS if word in contract), "rest")


def fact_of(row: Mapping[str, Any], at_hand: Mapping[str, Any] | None, beyond: BeyondContract | None) -> ContractFact:
    """Return what is known of one contract; its sha256 only where it is at hand."""
    licence = row.get("licence", "")
    short = "MIT (collection); CC0-1.0 or public source" if licence.startswith("MIT (collection)") else licence
    way = way_of(row["contract"])
    return ContractFact(
        row["spec"][:300],
        way,
        row["contract"].removeprefix("openapi-")[:20] if way == "openapi" else "",
        at_hand["sha256"] if at_hand else "",
        short[:MAX_NAME],
        row.get("operations") or 0,
        tuple(dict.fromkeys(policy.lower() for policy in row.get("gateway_policies") or ())),
        bool(row.get("needs_gateway_code")),
        beyond,
    )


def beyond_of(row: Mapping[str, Any]) -> BeyondContract:
    """Return what a contract's calls need besides it."""
    return msgspec.convert({key: row[key] for key in row if key != "contract"}, BeyondContract)


def compiled_hints(
    files: Sequence[Path], category: str
) -> tuple[PagingHint | None, tuple[str, ...], Mapping[str, str]]:
    """Return what the contracts at hand say of paging, limits and business verbs."""
    paging, limits, verbs = None, dict[str, None](), dict[str, str]()
    for file in files:
        try:
            contract = compile_file(file)
        except ContractRefused:
            continue
        paging = paging or hints.paging(contract)
        verbs = {**hints.verbs(contract, category), **verbs}
        data = gzip.decompress(file.read_bytes())
        limits |= {name: None for name, pattern in LIMITS if re.search(pattern, data)}
    return paging, tuple(limits), verbs


def systems(folder: Path, facts: Mapping[str, Any]) -> list[System]:
    """Return all systems: those of the rows, and those that only the facts tell of."""
    rows = [json.loads(line) for line in (folder / "candidates.jsonl").read_text().splitlines()]
    index = {row["source"]: row for row in map(json.loads, (folder / "index.jsonl").read_text().splitlines())}
    grouped: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        grouped[row["system"]].append(row)
    made = [_system(folder, facts, key, of, index) for key, of in grouped.items()]
    made += [
        System(one["id"], one["zh"], one["en"], one["category"], (ContractFact("vendor documentation", "rest"),),
               one["vendor"], tuple(one["auth"]))
        for one in facts["more"]
    ]  # fmt: skip
    return made


def _system(
    folder: Path,
    facts: Mapping[str, Any],
    key: str,
    rows: Sequence[Mapping[str, Any]],
    index: Mapping[str, Mapping[str, Any]],
) -> System:
    own = facts["id"].get(key) or re.sub(r"[^a-z0-9]+", "-", key.lower()).strip("-")
    name = (facts["en"].get(key) or name_of(key, rows))[:MAX_NAME]
    if re.search(r"[一-鿿]", name):
        name = re.sub(r"[（(].*", "", name).strip() if not re.search(r"[A-Za-z]", name) else name
        name = (re.findall(r"[A-Za-z][A-Za-z0-9 /+-]*", name) or [own.replace("-", " ").title()])[0].strip()
    beyond = {one["contract"]: beyond_of(one) for one in facts["beyond"]}
    files = [folder / "specs" / index[row["spec"]]["file"] for row in rows if row["spec"] in index]
    paging, limits, verbs = compiled_hints(files, rows[0]["category"])
    return System(
        own,
        facts["zh"].get(own, name),
        name,
        rows[0]["category"],
        tuple(fact_of(row, index.get(row["spec"]), beyond.get(row["spec"])) for row in rows),
        facts["vendor"].get(own) or vendor_of(rows),
        auth_of(rows),
        paging,
        limits,
        verbs,
    )


def _told(value: Any) -> Any:
    """Return a value without the fields that say nothing."""
    if isinstance(value, dict):
        return {key: _told(inner) for key, inner in value.items() if inner}
    return [_told(inner) for inner in value] if isinstance(value, list | tuple) else value


def main() -> None:
    """Write one file per category."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    found = systems(parser.parse_args().folder, tomllib.loads(FACTS.read_text("utf-8")))
    if len({one.id for one in found}) != len(found):
        sys.exit("two systems have one id")
    TARGET.mkdir(exist_ok=True)
    for category in sorted({one.category for one in found}):
        lines = [
            msgspec.json.encode(_told(msgspec.to_builtins(one)))
            for one in sorted(found, key=lambda one: one.id)
            if one.category == category
        ]
        (TARGET / f"{category}.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    print(f"{len(found)} systems, {sum(file.stat().st_size for file in TARGET.iterdir()):,} bytes")


if __name__ == "__main__":
    main()
