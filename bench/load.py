"""A closed-loop HTTP/1.1 load generator, in a process of its own.

It shares a small machine with what it measures, so it must be cheap: requests are bytes made
beforehand, responses are only searched for their status and length, the clock is read once a
request, and nothing is parsed. It talks to 127.0.0.1 and to nothing else.

Each client has one connection and a list of requests, which it repeats in order, sending the next
one when the answer to the last has arrived.
"""

import asyncio
import gc
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from functools import partial

import msgspec
import uvloop

HEAD_END = b"\r\n\r\n"
LENGTH = b"content-length: "


class Plan(msgspec.Struct, frozen=True):
    """One run: who sends what, and until when."""

    port: int
    clients: list[list[bytes]]
    """For each client, the requests that it repeats in order."""
    seconds: float
    """How long requests are counted."""
    warmup: float = 0.0
    """Seconds of load before that, not counted."""
    stop_after: int = 1
    """A client stops only after a multiple of this many requests: 2 lets every pair end."""
    limit: int | None = None
    """Stop after this many requests in all, though time is left."""


class Load(msgspec.Struct, frozen=True):
    """What a run measured. Latencies are in milliseconds."""

    requests: int
    seconds: float
    per_second: float
    p50: float
    p90: float
    p99: float
    slowest: float
    generator_us: float
    """CPU time that the generator itself used for each request, in microseconds."""


class Outcome(msgspec.Struct, frozen=True):
    """What the generator's process reports: a load, or why there is none."""

    load: Load | None
    failure: str | None = None


class LoadFailedError(Exception):
    """A request was answered with something other than 2xx, or not at all."""


def request(
    method: str, path: str, headers: Mapping[str, str], body: object | None = None
) -> bytes:
    """Return the bytes of one request; a body is sent as JSON."""
    content = b"" if body is None else msgspec.json.encode(body)
    lines = [f"{method} {path} HTTP/1.1", "host: 127.0.0.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    if content:
        lines += ["content-type: application/json", f"content-length: {len(content)}"]
    return "\r\n".join(lines).encode() + HEAD_END + content


def percentile(ordered: list[float], share: float) -> float:
    """Return the value that `share` (0 to 1) of the ordered values do not exceed."""
    if not ordered:
        return 0.0
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


class Run:
    """What the clients of one run share."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.sent = 0
        self.latencies: list[float] = []
        self.failure: str | None = None
        self.starts = time.perf_counter() + plan.warmup
        self.ends = self.starts + plan.seconds
        self.last = self.starts

    def over(self, now: float) -> bool:
        limit = self.plan.limit
        return (
            now >= self.ends
            or self.failure is not None
            or (limit is not None and self.sent >= limit)
        )

    def summary(self, cpu: float) -> Load:
        ordered = sorted(self.latencies)
        seconds = self.last - self.starts
        return Load(
            requests=len(ordered),
            seconds=seconds,
            per_second=len(ordered) / seconds if seconds > 0 else 0.0,
            p50=percentile(ordered, 0.5) * 1e3,
            p90=percentile(ordered, 0.9) * 1e3,
            p99=percentile(ordered, 0.99) * 1e3,
            slowest=(ordered[-1] if ordered else 0.0) * 1e3,
            generator_us=cpu / max(1, self.sent) * 1e6,
        )


class Client(asyncio.Protocol):
    """One connection that always has one request under way."""

    def __init__(self, run: Run, requests: list[bytes]) -> None:
        self.run = run
        self.requests = requests
        self.count = len(requests)
        self.next = 0
        self.sent_at = 0.0
        self.buffer = b""
        self.write: Callable[[bytes], None]
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.fail(f"the connection ended before the answer: {exc or 'closed by the server'}")

    def begin(self, transport: asyncio.WriteTransport) -> None:
        """Send the first request."""
        self.write = transport.write
        self.sent_at = time.perf_counter()
        self.send()

    def send(self) -> None:
        self.run.sent += 1
        index = self.next
        self.next = index + 1
        self.write(self.requests[index % self.count])

    def data_received(self, data: bytes) -> None:
        if self.buffer:
            data = self.buffer + data
        head_end = data.find(HEAD_END)
        if head_end < 0:
            self.buffer = data
            return
        at = data.find(LENGTH, 0, head_end)
        if at < 0:
            self.fail(f"an answer without content-length: {data[:head_end]!r}")
            return
        length = int(data[at + len(LENGTH) : data.find(b"\r", at)])
        if len(data) < head_end + 4 + length:
            self.buffer = data
            return
        self.buffer = b""
        if data[9] != ord("2"):
            sent = self.requests[(self.next - 1) % self.count].split(b"\r\n", 1)[0].decode()
            self.fail(f"{sent} was answered with {data[9 : head_end + 404].decode()}")
            return
        self.answered(time.perf_counter())

    def answered(self, now: float) -> None:
        """Count the answer and go on, or end."""
        run = self.run
        if run.starts <= self.sent_at and now <= run.ends:
            run.latencies.append(now - self.sent_at)
            run.last = now
        if run.over(now) and self.next % run.plan.stop_after == 0:
            self.done.set_result(None)
            return
        self.sent_at = now
        self.send()

    def fail(self, why: str) -> None:
        if self.run.failure is None:
            self.run.failure = why
        if not self.done.done():
            self.done.set_result(None)


async def drive(plan: Plan) -> Outcome:
    """Run the plan in this process."""
    loop = asyncio.get_running_loop()
    run = Run(plan)
    clients = [
        await loop.create_connection(partial(Client, run, requests), "127.0.0.1", plan.port)
        for requests in plan.clients
    ]
    # Connecting took time: the clock starts when all clients stand ready.
    run.starts = time.perf_counter() + plan.warmup
    run.ends = run.starts + plan.seconds
    cpu = time.process_time()
    for transport, client in clients:
        client.begin(transport)
    waiting = asyncio.gather(*(client.done for _, client in clients))
    try:
        await asyncio.wait_for(waiting, plan.warmup + plan.seconds + 30)
    except TimeoutError:
        run.failure = "requests were still unanswered 30 s after the end"
    cpu = time.process_time() - cpu
    for transport, _ in clients:
        transport.close()
    if run.failure is not None:
        return Outcome(load=None, failure=run.failure)
    return Outcome(load=run.summary(cpu))


def measure(plan: Plan) -> Load:
    """Run the plan in a process of its own and return what it measured.

    Raises LoadFailedError when any request failed: figures of a failing service mean nothing.
    """
    done = subprocess.run(
        [sys.executable, "-m", "bench.load"],
        input=msgspec.msgpack.encode(plan),
        stdout=subprocess.PIPE,
        check=True,
        timeout=plan.warmup + plan.seconds + 60,
    )
    outcome = msgspec.msgpack.decode(done.stdout, type=Outcome)
    if outcome.load is None:
        raise LoadFailedError(outcome.failure)
    return outcome.load


def main() -> None:
    """Read a plan from standard input and write the outcome to standard output."""
    plan = msgspec.msgpack.decode(sys.stdin.buffer.read(), type=Plan)
    gc.disable()  # a pause of the generator would count as latency of the service
    outcome = uvloop.run(drive(plan))
    sys.stdout.buffer.write(msgspec.msgpack.encode(outcome))


if __name__ == "__main__":
    main()
