"""
Compare two records of the local exchange: what the official client sent, and what the adapter did.

    python official_compare.py RECORD_OF_THE_CLIENT RECORD_OF_THE_ADAPTER

Requests are equal in method, path, query, meaning of the body, and in the claims of their token;
messages of streams in their fields and claims. What may differ is in `ALLOWED`, with the reason.
"""

import base64
import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import unquote

ALLOWED: Final = {
    "nonce": "a token's nonce is drawn anew each time",
    "nbf, exp": "are the time; that they are 120 seconds apart is compared",
    "kid, sub": "are the key's name, and each of the two exchanges issues a key of its own",
    "host in uri": "the client signs the host it is pointed at, the adapter always that of the"
    " venue; of the venue itself both are the same",
    "body of GET": "the client sends an empty object, which is no body",
    "flags that are False": "the client sends get_tradability_status and get_all_products always;"
    " absent they are false",
    "token of public requests": "the client signs all requests where it has a key, also of /time",
    "empty product_ids": "the client names no products by an empty list, the adapter by no list",
    "products of heartbeats": "the client repeats the products of its call; the channel takes none",
    "trailing zeros": "100.00 and 100 are one number",
    "order of channels": "each is subscribed by a message of its own",
}
"""What differs between the two and means the same."""
EXTRA: Final = {
    "market buy by quote": ("GET", "/api/v3/brokerage/transaction_summary"),
}
"""Requests that the adapter sends beside: the fee, by which a quote-sized order is sized."""
_NUMBERS: Final = ("base_size", "quote_size", "limit_price", "stop_price")
_MARK: Final = "/mark/"
Record = dict[str, list[dict[str, Any]]]


def read(path: Path) -> Record:
    """Return what was sent, by operation."""
    found: Record = {}
    name = ""
    for line in path.read_text().splitlines():
        heard = json.loads(line)
        if heard.get("path", "").startswith(_MARK):
            name = unquote(heard["path"].removeprefix(_MARK))
            found[name] = []
        elif name:
            found[name].append(_meaning(heard))
    return found


def _meaning(heard: Mapping[str, Any]) -> dict[str, Any]:
    if "message" in heard:
        return _meaning_of_message(json.loads(heard["message"]))
    public = heard["path"].endswith("/time") or "/market/" in heard["path"]
    token = heard["authorization"].removeprefix("Bearer ")
    body = json.loads(heard["body"] or "{}")
    return {
        "method": heard["method"],
        "path": heard["path"],
        "query": {
            name: values for name, values in sorted(heard["query"].items()) if values != ["False"]
        },
        "body": _plain(body) or None,
        "token": None if public or not token else _claims(token),
    }


def _meaning_of_message(said: dict[str, Any]) -> dict[str, Any]:
    products = said.pop("product_ids", [])
    named = products if said["channel"] != "heartbeats" else []
    return {**said, "jwt": _claims(said["jwt"]), "product_ids": sorted(named)}


def _plain(value: Any) -> Any:
    """Return a body with its numbers written one way; their type still counts."""
    if not isinstance(value, dict):
        return value
    return {
        name: _trimmed(each) if name in _NUMBERS else _plain(each)
        for name, each in sorted(value.items())
    }


def _trimmed(number: Any) -> Any:
    is_text = isinstance(number, str) and "." in number
    return number.rstrip("0").rstrip(".") if is_text else number


def _claims(token: str) -> dict[str, Any]:
    """Return what a token says, without what is drawn or is the time."""
    header, claims = (
        json.loads(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))
        for part in token.split(".")[:2]
    )
    method, _, address = claims.pop("uri", "").partition(" ")
    own = claims.pop("sub") == header.pop("kid")
    lifetime = claims.pop("exp") - claims.pop("nbf")
    has_nonce = len(header.pop("nonce")) >= 32
    signed = f"{method} /{address.partition('/')[2]}"
    return {**header, **claims, "own": own, "lifetime": lifetime, "nonce": has_nonce, "for": signed}


def differences(official: Record, ours: Record) -> Iterator[str]:
    """Yield what is not equal, by operation."""
    if list(official) != list(ours):
        yield f"operations: {list(official)} against {list(ours)}"
    for name in official:
        left = [each for each in ours.get(name, []) if not _is_extra(name, each)]
        for sent in official[name]:
            if sent in left:
                left.remove(sent)
            else:
                yield f"{name}: only the client sends {sent}"
        for sent in left:
            yield f"{name}: only the adapter sends {sent}"


def _is_extra(name: str, sent: Mapping[str, Any]) -> bool:
    return EXTRA.get(name) == (sent.get("method"), sent.get("path"))


def _count(record: Record) -> tuple[int, int]:
    sent = [each for group in record.values() for each in group]
    messages = sum("channel" in each for each in sent)
    return len(sent) - messages, messages


def planted(official: Record) -> Iterator[tuple[str, Record]]:
    """Yield records with one thing changed in one request or message: each must be found."""
    for name, group in official.items():
        for number, sent in enumerate(group):
            for key in sent:
                changed = {**sent, key: [sent[key], "planted"]}
                yield (
                    f"{name}: {key}",
                    {**official, name: [*group[:number], changed, *group[number + 1 :]]},
                )


def compare(official_file: Path, our_file: Path) -> int:
    """Print what is equal and what is not; return 0 when nothing differs."""
    official, ours = read(official_file), read(our_file)
    found = list(differences(official, ours))
    for each in found:
        sys.stdout.write(f"differs: {each}\n")
    sys.stdout.writelines(f"allowed: {what}: {why}\n" for what, why in ALLOWED.items())
    differ = {each.partition(":")[0] for each in found}
    sys.stdout.writelines(f"equal: {name}\n" for name in official if name not in differ)
    wrong = list(planted(official))
    missed = [what for what, changed in wrong if not any(differences(changed, ours))]
    requests, messages = _count(official)
    for what in missed:
        sys.stdout.write(f"a change of {what} would not be found\n")
    sys.stdout.write(
        f"{len(official)} operations, {requests} requests and {messages} messages:"
        f" {len(found)} differ; {len(wrong)} planted differences, {len(missed)} not found\n"
    )
    is_empty = not requests or not messages or any(not group for group in official.values())
    return 1 if found or missed or is_empty else 0


if __name__ == "__main__":
    sys.exit(compare(Path(sys.argv[1]), Path(sys.argv[2])))
