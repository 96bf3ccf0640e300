"""Crew: who does the tiles. This process, several on this machine, or the workers of a Dask cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import metadata
from itertools import islice
from queue import Empty, Queue
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from napari_discern import __version__
from napari_discern.batch.settings import Batch
from napari_discern.errors import BadArgument, TileFailed

if TYPE_CHECKING:
    from distributed import Client

A = TypeVar("A")
B = TypeVar("B")
BEAT = 0.5
"""Seconds after which a crew that has nothing to tell says so, so that one can stop it."""
PROFILE = "DASK_DISTRIBUTED__WORKER__PROFILE__ENABLED"
"""Dask looks every hundredth of a second at what its workers do, for a tenth of their time."""
ANSWER = 10
"""Seconds that a scheduler has to answer."""
WAIT = 120
"""Seconds until a scheduler must have a worker."""
AHEAD = 3
"""Pieces of work that are handed out for each worker, so that none waits."""
THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")


class Crew(Protocol):
    """Does pieces of work, in any order."""

    def each(self, do: Callable[[A], B], work: Iterable[A]) -> Generator[B | None]:
        """The results, as they come; None now and then while there is none. Closing it calls the rest off."""


@dataclass(frozen=True)
class Alone:
    """The process itself, one piece after another."""

    def each(self, do: Callable[[A], B], work: Iterable[A]) -> Generator[B | None]:
        """The results in the order of the work."""
        for piece in work:
            yield None
            yield do(piece)


@dataclass(frozen=True)
class Dask:
    """The workers of a Dask cluster. One that dies is replaced, and what it had at hand is done again."""

    client: Client

    def each(self, do: Callable[[A], B], work: Iterable[A]) -> Generator[B | None]:
        """The results as they come.

        Raises
        ------
        TileFailed
            If pieces of work bring down one worker after another, or the scheduler is gone.
        """
        arrived: Queue[Any] = Queue()
        running: set[Any] = set()
        pieces = iter(work)

        def hand_out(number: int) -> None:
            for piece in islice(pieces, number):
                future = self.client.submit(do, piece, pure=False)
                running.add(future)
                future.add_done_callback(arrived.put)

        try:
            hand_out(AHEAD * max(1, len(self.client.nthreads())))
            while running:
                try:
                    future = arrived.get(timeout=BEAT)
                except Empty:
                    yield None
                    continue
                running.discard(future)
                hand_out(1)
                yield _result(future)
        finally:
            self.client.cancel(list(running))


@contextmanager
def crew_for(batch: Batch) -> Iterator[Crew]:
    """The crew that a batch asks for, let go at the end.

    Raises
    ------
    BadArgument
        If a scheduler does not answer, has no workers, or these have another version of us.
    """
    if batch.scheduler:
        with _client(batch.scheduler) as client:
            _check(client, batch.scheduler)
            yield Dask(client)
    elif batch.workers == 1:
        yield Alone()
    else:
        with _local(batch.workers) as client:
            yield Dask(client)


@contextmanager
def _local(workers: int) -> Iterator[Client]:
    """So many processes, each with its share of the cores."""
    import dask
    from distributed import Client, LocalCluster

    # In place of Dask's own, which also keep malloc from reusing large blocks: a network is three times slower then.
    wanted = {**{name: str(threads_each(workers)) for name in THREADS}, PROFILE: "False"}
    before = {name: os.environ.get(name) for name in wanted}
    with (
        dask.config.set({"distributed.nanny.pre-spawn-environ": wanted}),
        LocalCluster(
            n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None, memory_limit=0
        ) as cluster,
    ):
        for name, value in before.items():  # of this process, where the cluster has set them as well
            os.environ.pop(name, None) if value is None else os.environ.__setitem__(name, value)
        with Client(cluster) as client:
            yield client


def threads_each(workers: int) -> int:
    """Threads of each of so many processes on this machine."""
    return max(1, (os.cpu_count() or 1) // workers)


@contextmanager
def _client(address: str) -> Iterator[Client]:
    from distributed import Client

    try:
        client = Client(address, timeout=ANSWER)
    except (OSError, ValueError) as error:
        raise BadArgument(
            f"no Dask scheduler answers at {address!r} ({error}). Start one with `dask scheduler`, and give the "
            "address that it prints."
        ) from error
    with client:
        yield client


def _check(client: Client, address: str) -> None:
    """Wait for the first worker, and see to it that all have this version of us."""
    try:
        client.wait_for_workers(1, timeout=WAIT)
    except TimeoutError:
        raise BadArgument(
            f"the scheduler at {address} has no workers; start some with `dask worker {address}`."
        ) from None
    versions: dict[str, Any] = client.run(metadata.version, "napari-discern", on_error="return")
    others = {worker: version for worker, version in versions.items() if version != __version__}
    if others:
        worker, version = next(iter(others.items()))
        has = version if isinstance(version, str) else "none"
        raise BadArgument(
            f"{len(others)} of {len(versions)} workers have another napari-discern than {__version__} ({worker} has "
            f"{has}); labels could differ. Install the same version there."
        )


def _result(future: Any) -> Any:
    from distributed import CancelledError, KilledWorker

    try:
        return future.result()
    except KilledWorker as error:
        raise TileFailed(
            f"a worker died again and again on one piece of work ({error}). It may have too little memory: give "
            "smaller tiles (--tile, --memory) or fewer --workers. What is done is kept; go on with --resume."
        ) from error
    except CancelledError as error:
        raise TileFailed("the scheduler is gone. What is done is kept; go on with --resume.") from error
