"""What hotslot-verify verifies, all of it: a Hotslot log, its key, its tree and its rules.

Nothing of Hotslot is needed for it, only Python 3.11 and the library `cryptography`. program.py,
beside it, finds the bytes and prints the outcome. Here three questions are answered:

1. Is it the log that the key's holder signed? The checkpoint is a C2SP signed note of the tree's
   size and RFC 6962 root. Every leaf is hashed again; tiles tell the first one that was changed.
2. Is it whole? Positions run from 1 without a gap, and so do the versions of every stream.
3. Were the rules kept? The entries are replayed on a small model: see Replay.
"""

import base64
import hashlib
import json
import multiprocessing
import re
import signal
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

WIDTH = 256  # hashes in a tile
CLOCKS_DIFFER_BY = timedelta(seconds=5)
NEVER = datetime.max.replace(tzinfo=UTC)


class Bad(Exception):  # noqa: N818 - a finding, and no error of this program
    """The log breaks a rule, at an entry (counted from 0, as the tree does) or as a whole."""

    def __init__(self, rule: str, text: str, index: int | None = None) -> None:
        super().__init__(rule, text, index)
        self.rule, self.text, self.index = rule, text, index


def need(right: object, rule: str, text: str, *told: object) -> None:
    """Raise Bad unless it is right."""
    if not right:
        raise Bad(rule, text % told if told else text)


# --- Keys and checkpoints: c2sp.org/signed-note, tlog-checkpoint and tlog-cosignature -------------
class Key(NamedTuple):
    """A key that the auditor trusts, and its ids in plain and in timed signatures."""

    name: str
    id: bytes
    timed_id: bytes
    public: Ed25519PublicKey


class Checkpoint(NamedTuple):
    """A log's size and root, as signed with a key at a time (None: not signed with the time)."""

    origin: str
    size: int
    root: bytes
    key: str
    at: datetime | None


def read_key(line: str) -> Key:
    """Read a verifier key, NAME+ID+KEY. Raises ValueError."""
    name, _, rest = line.partition("+")
    id_, _, material = rest.partition("+")
    raw = _unbase64(material)
    ids = [hashlib.sha256(f"{name}\n".encode() + a + raw[1:]).digest()[:4] for a in (b"\1", b"\4")]
    if not name or len(raw) != 33 or raw[0] != 1 or id_ != ids[0].hex():
        raise ValueError("not a verifier key, NAME+ID+KEY, of Ed25519, nor a file of such keys")
    return Key(name, ids[0], ids[1], Ed25519PublicKey.from_public_bytes(raw[1:]))


def read_checkpoint(note: bytes, keys: Sequence[Key]) -> Checkpoint:
    """Read a checkpoint and verify it. Other keys' signatures are passed over, bad ones are not."""
    signer, at = None, None
    try:
        text = note.decode()
        body, _, lines = text.rpartition("\n\n")
        origin, size, root = body.split("\n")[:3]
        right = re.fullmatch("0|[1-9][0-9]{0,17}", size) and len(_unbase64(root)) == 32 and origin
        if not right or not lines.endswith("\n") or any(c < " " and c != "\n" for c in text):
            raise ValueError
        for line in lines[:-1].split("\n"):
            dash, name, blob = line.split(" ")
            id_, signature = _unbase64(blob)[:4], _unbase64(blob)[4:]
            if dash != "\N{EM DASH}" or not signature:
                raise ValueError
            for key in keys:
                if (name, id_) == (key.name, key.id):
                    key.public.verify(signature, f"{body}\n".encode())
                    signer = key if name == origin else signer
                elif (name, id_) == (key.name, key.timed_id):
                    seconds = int.from_bytes(signature[:8], "big")
                    timed = f"cosignature/v1\ntime {seconds}\n{body}\n"
                    key.public.verify(signature[8:], timed.encode())
                    at = datetime.fromtimestamp(min(seconds, 253402300799), UTC)
    except InvalidSignature:
        raise Bad("signature", f"the checkpoint is not what key {key.id.hex()} signed") from None
    except ValueError:
        raise Bad("checkpoint", "it is no checkpoint in the form of a signed note") from None
    if signer is None:
        raise Bad("signature", f"no given key of the log {origin} has signed the checkpoint")
    return Checkpoint(origin, int(size), _unbase64(root), signer.id.hex(), at)


def _unbase64(text: str) -> bytes:
    raw = base64.b64decode(text.encode("ascii"), validate=True)
    if base64.b64encode(raw).decode() != text:
        raise ValueError("not base64 in its one right form")
    return raw


# --- The tree: RFC 6962, in the tiles of c2sp.org/tlog-tiles --------------------------------------
def fold(hashes: list[bytes]) -> bytes:
    """The root over the roots of neighboring subtrees, all of one height but for the last."""
    sha256 = hashlib.sha256
    while len(hashes) > 1:
        odd = hashes[len(hashes) & ~1 :]
        pairs = zip(hashes[::2], hashes[1::2], strict=False)
        hashes = [sha256(b"\1" + left + right).digest() for left, right in pairs] + odd
    return hashes[0] if hashes else sha256().digest()


class Tree:
    """The tile of each level that is not full yet; all are held against the log's own."""

    def __init__(self, given: Callable[[str, int], bytes | None]) -> None:
        self.levels: list[list[bytes]] = [[]]
        self.size = 0
        self.bad: list[Bad] = []
        self._given = given

    def add(self, leaves: list[bytes]) -> None:
        """Add the hashes of a tile's leaves: 256, or fewer at the end of the log."""
        self.levels[0] = leaves
        self.size += len(leaves)
        for level, hashes in enumerate(self.levels):  # which grows meanwhile
            if len(hashes) < WIDTH:
                return
            self.compare(level)
            if level + 1 == len(self.levels):
                self.levels.append([])
            self.levels[level + 1].append(fold(hashes))
            self.levels[level] = []

    def root(self, leaves: list[bytes]) -> bytes:
        """The root, with these leaves in the unfinished tile."""
        rest: list[bytes] = []
        for hashes in [leaves, *self.levels[1:]]:
            rest = [fold(hashes + rest)] if hashes or rest else []
        return fold(rest)

    def compare(self, level: int) -> None:
        """Hold the level's tile against the log's own, until one differs."""
        hashes, covers = self.levels[level], WIDTH**level
        if not hashes or self.bad:
            return
        path = tile_path(str(level), (self.size // covers - 1) // WIDTH, len(hashes))
        given = self._given(path, WIDTH * 32)
        if given is not None and given != b"".join(hashes):
            fits = [given[32 * i : 32 * i + 32] == hash_ for i, hash_ in enumerate(hashes)]
            index = (self.size // covers - len(hashes) + [*fits, False].index(False)) * covers
            self.bad = [Bad("tile" if level else "leaf", f"its hash is not that in {path}", index)]


def tile_path(level: str, index: int, width: int) -> str:
    """Where a tile lies: 1234067 is x001/x234/067; one that is not full has its width behind."""
    path = f"{index % 1000:03}"
    while index := index // 1000:
        path = f"x{index % 1000:03}/{path}"
    return f"tile/{level}/{path}" + (f".p/{width}" if width < WIDTH else "")


# --- The entries and their rules ------------------------------------------------------------------
# The events: types, shape and fields, in their one order. # is a whole number, @ a time, ! true or
# false, % an object, all others are text; ? is "or null".
EVENTS = """
license.issued 1 license product customer slots# expires_at@? activation_key_sha256
license.file-issued license.imported 1 license product customer slots# expires_at@? issued_at@ \
    deployment? key digest
license.renewed 1 license expires_at@?
license.resized 1 license slots#
license.lease-changed 1 license seconds#
license.suspended license.reinstated license.revoked 1 license
license.deployment-activated 1 license deployment mode term#
license.deployment-deactivated 1 license deployment term#
license.backup-registered 1 license deployment mode standby_for? term#
license.backup-unregistered 1 license deployment
license.backup-nominated 1 license deployment mode replaced? term#
license.backup-nominated 2 license deployment mode replaced? replaced_term#? term# asked_at@? \
    wait_for_release!
license.command-refused 1 command code license? deployment? asked% detail
deployment.bound 1 deployment license role mode standby_for? term#
deployment.promoted 1 deployment license mode term#
deployment.promoted 2 deployment license mode term# waits_for? waits_for_term#?
deployment.released 1 deployment license cause replaced_by?
deployment.took-over deployment.stood-down 1 deployment license term#
key.created 1 key role customer? deployment? sha256
key.revoked 1 key
audit.exported 1 key via position#
"""
KEY_LIFE = ("1", "created"), ("2", "revoked")
BY_LICENSE = {"deployment.bound", "deployment.promoted", "deployment.released"}
# A leaf is written in one way only, and this is it.
TEXT = r'[^"\\\x00-\x1f]*(?:\\(?:["\\/bfnrt]|u[0-9a-f]{4})[^"\\\x00-\x1f]*)*'
NAME, NUMBER = r"[!#-\[\]-~]+", "0|[1-9][0-9]{0,17}"
TIME = "[0-9]{4}(?:-[0-9]{2}){2}T[0-9]{2}(?::[0-9]{2}){2}(?:\\.[0-9]{1,6})?Z"
LEAF = re.compile(
    f'{{"position":({NUMBER}),"stream":"({NAME})","version":({NUMBER}),"type":"({NAME})","event":'
    f'{{"v":({NUMBER}),"context":({{"at":"({TIME})","actor":{{"kind":"{TEXT}","id":"{TEXT}"}},'
    f'"request_id":"{TEXT}","trace_id":(?:null|"{TEXT}"),"source":(?:null|"{TEXT}"),'
    f'"reason":(?:null|"{TEXT}")}}),"data":({{.*}})}}}}'
)
FORMS = {"": f'"(?P<%s>{TEXT})"', "@": f'"(?P<%s>{TIME})"', "#": f"(?P<%s>{NUMBER})"}
FORMS |= {"id": f'"(?P<%s>{NAME})"'}  # which has no other spelling
FORMS |= {f"{mark}?": f"(?:null|{form})" for mark, form in FORMS.items()}
FORMS |= {"!": "(?P<%s>true|false)", "%": "(?P<%s>{.*})"}
IDS = {"license", "deployment", "key", "replaced", "replaced_by", "standby_for", "waits_for"}
BEGIN, NONE = ("issued", "imported"), dict[str, str]()  # which is never written to


def _shape(fields: str) -> re.Pattern[str]:
    marked = re.findall(r"(\w+)(\S*)", fields)
    forms = [f'"{n}":{FORMS[f"id{mark}" if n in IDS else mark] % n}' for n, mark in marked]
    return re.compile("{" + ",".join(forms) + "}")


SHAPES = {
    (type_, shape): _shape(fields)
    for types, shape, fields in re.findall(r"^(.+?) (\d) (.+)$", EVENTS, re.MULTILINE)
    for type_ in types.split()
}


def _once(pairs: Any) -> None:
    if len(dict(pairs)) < len(pairs):  # NaN and the like, which are no JSON, have no pairs
        raise ValueError("a name comes twice")


def _time(text: str | None) -> datetime:
    return NEVER if text is None else datetime.fromisoformat(text)


def _quoted(id_: str | None) -> str:
    return "null" if id_ is None else f'"{id_}"'


_strictly = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_once).decode


class Stream:
    """What the events of a stream add up to: a license, a deployment, or just their number."""

    version = slots = term = 0
    active: dict[str, str] = NONE  # the deployments that are, and in which term each became that
    suspended = revoked = False
    expires_at = NEVER
    file: tuple[str, str, datetime] | None = None  # product, customer, time of issue
    role, license, mode = "unlicensed", "", ""
    owes: tuple[str, str, str] | None = None  # a change of an active role, to be confirmed


class Replay:
    """The entries in their order, each held against the rules, on a model of what they add up to.

    The rules are held against the events of licenses. What such a one does to deployments must
    follow at once, in their own streams and with the same context: a command is never torn apart.
    """

    def __init__(self) -> None:
        self.size, self._context = 0, ""
        self.streams: dict[str, Stream] = {}
        self.follow: list[tuple[str, str, str, str]] = []  # stream, type, shape, fields
        self.unknown: dict[str, int] = {}
        self.set_back: list[tuple[int, timedelta]] = []
        self.at = self.latest = datetime(1, 1, 2, tzinfo=UTC)

    def entry(self, leaf: bytes) -> None:
        """Replay one more entry. Raises Bad, or ValueError and the like if it is no entry."""
        self.size += 1
        if self.follow:
            name, type_, shape, text = self.follow.pop(0)
            stream = self._stream(name)
            stream.version += 1
            front = f'{{"position":{self.size},"stream":"{name}","version":{stream.version},'
            event = f'{{"v":{shape},"context":{self._context},"data":{text}}}'
            right = leaf == f'{front}"type":"{type_}","event":{event}}}'.encode()
            need(right, "command", "here must be %s: %s", type_, text)
            return
        if (read := LEAF.fullmatch(leaf.decode())) is None:
            raise ValueError("another form")
        position, name, version, type_, shape, context, at, text = read.groups()
        need(int(position) == self.size, "position", "it has %s, not %s", position, self.size)
        stream = self._stream(name)
        stream.version += 1
        need(int(version) == stream.version, "version", "%s of %s is a gap", version, name)
        if context != self._context:
            self._context, self.at = context, datetime.fromisoformat(at)
            if self.at < self.latest - CLOCKS_DIFFER_BY:
                self.set_back.append((self.size - 1, self.latest - self.at))
                self.latest = self.at
            self.latest = max(self.latest, self.at)
        form = SHAPES.get((type_, shape))
        if form is None:
            need((type_, "1") not in SHAPES, "shape", "shape %s of %s is not known", shape, type_)
            self.unknown[type_] = self.unknown.get(type_, 0) + 1
            _strictly(text)
            return
        if (values := form.fullmatch(text)) is None:
            raise ValueError("other fields")
        data = values.groupdict()
        if "asked" in data:
            _strictly(data["asked"])
        kind, _, what = type_.partition(".")
        owner = data["key" if kind == "audit" else kind]
        if owner is None:  # a refusal that is about no license
            kind, owner = "deployment", data["deployment"]
        need(name == f"{kind}:{owner}", "stream", "%s of %s stands in %s", type_, owner, name)
        need(type_ not in BY_LICENSE, "command", "no event of a license has led to this %s", type_)
        if kind == "license":
            self._license(what, stream, data, shape)
        elif what in ("took-over", "stood-down"):
            right = stream.owes == (what, data["license"], data["term"])
            need(right, "role", "%s %s, which was not to be confirmed", owner, what)
            stream.owes = None
        elif kind == "key":
            need((version, what) in KEY_LIFE, "key", "%s is %s by event %s", owner, what, version)

    def _stream(self, name: str) -> Stream:
        return self.streams.get(name) or self.streams.setdefault(name, Stream())

    def _license(self, what: str, it: Stream, d: dict[str, Any], shape: str) -> None:
        need(it.active is not NONE or what in BEGIN, "license", "a license that was never issued")
        match what:
            case "issued":
                need(it.version == 1, "license", "%s was there before", d["license"])
            case "imported":
                file, old = (d["product"], d["customer"], _time(d["issued_at"])), it.file
                right = it.version == 1 or (old and old[:2] == file[:2] and old[2] < file[2])
                need(right, "file", f"the file is not of {d['license']}, or not newer than before")
                it.file = file
            case "deployment-activated" | "backup-registered":
                right = it.file is None or d["mode"] == "offline"
                need(right, "file", "%s came in a file, and its roles take one", d["license"])
                role = "active" if what == "deployment-activated" else "backup"
                self._take(it, d, "unlicensed", role)
                self._bind(d, role)
            case "deployment-deactivated":
                self._leave(it, d, "active", "deactivated")
                it.term += 1
                need(d["term"] == str(it.term), "term", "%s goes to %s", d["license"], it.term)
            case "backup-unregistered":
                self._leave(it, d, "backup", "unregistered")
            case "backup-nominated":
                new, old, held = d["deployment"], d["replaced"], it.active.get(d["replaced"])
                right = old in it.active if it.active else old is None
                need(right, "nomination", "%s replaces %s, active are %s", new, old, [*it.active])
                since = d.get("replaced_term", held)
                need(since == held, "nomination", "%s is active since term %s", old, held)
                right = self._holder(d, "backup").mode == d["mode"] == "online"
                need(right, "offline-nomination", "%s is a backup by a file", new)
                text = f'{{"deployment":"{new}","license":"{d["license"]}","mode":"online",'
                text += f'"term":{d["term"]}'
                if shape == "2":
                    wait = old is not None and d["wait_for_release"] == "true"
                    since = held if wait else "null"
                    text += (
                        f',"waits_for":{_quoted(old if wait else None)},"waits_for_term":{since}'
                    )
                self.follow = [(f"deployment:{new}", "deployment.promoted", shape, text + "}")]
                if old is not None:
                    self._leave(it, d | {"deployment": old}, "active", "replaced", new)
                self._take(it, d, "backup", "active")
            case "renewed" | "resized":
                right = it.file is None and not it.revoked
                need(right, "status", "%s is revoked, or came in a file", d["license"])
            case "suspended" | "reinstated" | "revoked" | "lease-changed":
                already = (what, it.suspended) in (("suspended", True), ("reinstated", False))
                right = not it.revoked and not already
                need(right, "status", "%s is %s already, or revoked", d["license"], what)
                it.revoked = what == "revoked"
                it.suspended = what == "suspended" or (it.suspended and what != "reinstated")
        if what in BEGIN or what in ("renewed", "resized"):
            it.slots, it.active = int(d.get("slots", it.slots)), it.active or {}
            it.expires_at = _time(d["expires_at"]) if "expires_at" in d else it.expires_at
        need(len(it.active) <= it.slots, "slots", "%s have %s slots", [*it.active], it.slots)

    def _take(self, it: Stream, d: dict[str, Any], before: str, role: str) -> None:
        right = not it.revoked and not it.suspended and it.expires_at > self.at
        need(right, "status", "%s is revoked, suspended or expired", d["license"])
        taker = self._holder(d, before)
        taker.role, taker.license, taker.mode = role, d["license"], d["mode"]
        it.term += role == "active"
        need(d["term"] == str(it.term), "term", "%s goes to term %s", d["license"], it.term)
        if role == "active":
            it.active[d["deployment"]] = d["term"]
            taker.owes = ("took-over", d["license"], d["term"])

    def _leave(
        self, it: Stream, d: dict[str, Any], role: str, cause: str, by: str | None = None
    ) -> None:
        leaver, name = self._holder(d, role), d["deployment"]
        if role == "active":
            leaver.owes = ("stood-down", d["license"], it.active.pop(name))
        leaver.role, leaver.license = "unlicensed", ""
        text = f'{{"deployment":"{name}","license":"{d["license"]}","cause":"{cause}",'
        text += f'"replaced_by":{_quoted(by)}}}'
        self.follow.append((f"deployment:{name}", "deployment.released", "1", text))

    def _bind(self, d: dict[str, Any], role: str) -> None:
        name, standby_for = d["deployment"], _quoted(d.get("standby_for"))
        text = f'{{"deployment":"{name}","license":"{d["license"]}","role":"{role}",'
        text += f'"mode":"{d["mode"]}","standby_for":{standby_for},"term":{d["term"]}}}'
        self.follow.append((f"deployment:{name}", "deployment.bound", "1", text))

    def _holder(self, d: dict[str, Any], role: str) -> Stream:
        it = self._stream(f"deployment:{d['deployment']}")
        rule = "role" if it.license in ("", d["license"]) else "one-license"
        right = it.role == role and rule == "role"
        need(right, rule, "%s is %s of %s, not %s", d["deployment"], it.role, it.license, role)
        return it


def read_and_hash(pipes: Sequence[Any], opened: Callable[[], Any], size: int, then: int) -> None:
    """In a process of its own: pass on the lists of leaves, hash them, tell the outcome."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    pipes[0].close()  # so that the other process's end is noticed
    try:
        source = opened()
        tree, root_then, more = Tree(source.get), b"", False
        for found in source.leaves(size):
            pipes[1].send(leaves := found[: size - tree.size])
            hashes = [hashlib.sha256(b"\0" + leaf).digest() for leaf in leaves]
            if 0 <= then - tree.size <= len(hashes):
                root_then = tree.root(hashes[: then - tree.size])
            tree.add(hashes)
            if more := len(found) > len(leaves):
                break
        for level in range(len(tree.levels)):
            tree.compare(level)
        pipes[1].send((tree.size, tree.root(tree.levels[0]), root_then, tree.bad, more))
    except Exception as error:  # noqa: BLE001 - the other process, if it is there, tells of it
        if not isinstance(error, BrokenPipeError):
            pipes[1].send(error)


def verify(
    opened: Callable[[], Any], note: bytes, keys: Sequence[Key], last: Checkpoint | None, say: Any
) -> tuple[Checkpoint, list[Bad], list[str]]:
    """Hold the whole log against everything: problems make it bad, notices do not."""
    checkpoint = read_checkpoint(note, keys)
    pipes = multiprocessing.Pipe()  # both ways, since it holds more than one of one way
    asked = (pipes, opened, checkpoint.size, last.size if last else -1)
    reader = multiprocessing.Process(target=read_and_hash, args=asked, daemon=True)
    reader.start()
    pipes[1].close()
    replay, problems, read = Replay(), list[Bad](), 0
    try:
        while isinstance(result := pipes[0].recv(), list):
            read += len(result)
            try:
                for leaf in result if not problems else ():
                    replay.entry(leaf)
            except Bad as bad:
                problems.append(Bad(bad.rule, bad.text, replay.size - 1))
            except (ValueError, ArithmeticError, RecursionError):
                problems.append(Bad("entry", "it is not in the form of one", replay.size - 1))
            say(f"\r{read:,} of {checkpoint.size:,} entries")
    finally:
        reader.kill()  # whatever it inherited, it does not outlive this
    if isinstance(result, Exception):
        raise result
    size, root, root_then, bad_tiles, more = result
    notices = ["entries behind the signed ones are there, and count for nothing"] * more
    problems += bad_tiles
    is_signed = (size, root) == (checkpoint.size, checkpoint.root)
    if size < checkpoint.size:
        problems.append(Bad("entries", f"missing: {checkpoint.size} entries were signed", size))
    elif not is_signed:
        problems.append(Bad("root", "the entries do not make the root that was signed"))
    if last is not None and last.origin != checkpoint.origin:
        problems.append(Bad("forked", f"another log, {checkpoint.origin}, than {last.origin}"))
    elif last is not None and last.size > checkpoint.size:
        text = f"rolled back: {last.size} entries at --last, {checkpoint.size} now"
        problems.append(Bad("rolled-back", f"{text} (or it is an export made with --until)"))
    elif last is not None and last.size > 0:
        root_then = root_then if is_signed else last.root  # of other entries, it says nothing
        if last.root != (root_then if last.size < checkpoint.size else checkpoint.root):
            problems.append(Bad("forked", f"forked: its first {last.size} entries were others"))
    notices += [f"entry {index}: the clock was set back by {by}" for index, by in replay.set_back]
    notices += [f"{n} entries have the unknown type {type_}" for type_, n in replay.unknown.items()]
    if replay.follow and not problems:
        notices.append("the log ends within a command, whose other events are not signed yet")
    for what, at in (("its last entry", replay.latest), ("--last", last and last.at)):
        if at and checkpoint.at and checkpoint.at < at - CLOCKS_DIFFER_BY:
            notices.append(f"the checkpoint's time {checkpoint.at} is before {what}, {at}")
    return checkpoint, problems, notices
