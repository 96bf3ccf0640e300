"""Crew: who does the tiles. This process, several on this machine, or the workers of a Dask cluster."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from napari_discern import __version__
from napari_discern.batch.settings import Batch
from napari_discern.errors import BadArgument

if TYPE_CHECKING:
    from distributed import Client

A = TypeVar("A")
B = TypeVar("B")
BEAT = 0.5
"""Seconds after which a crew that has nothing to tell says so, so that one can stop it."""
ANSWER = 10
"""Seconds that a scheduler has to answer."""


class Crew(Protocol):
    """Does pieces of work, in any order."""

    def each(self, do: Callable[[A], B], work: Iterable[A]) -> Iterator[B | None]:
        """The results, as they come; None now and then while there is none. Closing it calls the rest off."""


@dataclass(frozen=True)
class Alone:
    """The process itself, one piece after another."""

    def each(self, do: Callable[[A], B], work: Iterable[A]) -> Iterator[B | None]:
        """The results in the order of the work."""
        for piece in work:
            yield None
            yield do(piece)


@dataclass(frozen=True)
class Dask:
    """The workers of a Dask cluster. One that dies is replaced, and what it had at hand is done again."""

    client: Client

    def each(self, do: Callable[[A], B], work: Iterable[A]) -> Iterator[B | None]:
        """The results as they come.

        Raises
        ------
        BadArgument
            If pieces of work bring down one worker after another.
        """
        from distributed import KilledWorker, wait

        left: set[Any] = {self.client.submit(do, piece, pure=False) for piece in work}
        try:
            while left:
                try:
                    done, left = wait(left, timeout=BEAT, return_when="FIRST_COMPLETED")
                except TimeoutError:
                    yield None
                    continue
                for future in done:
                    yield _result(future, KilledWorker)
        finally:
            self.client.cancel(list(left))


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
    """So many processes, each with its share of the cores, or with a GPU of its own where there are several."""
    from distributed import Client, LocalCluster

    share = max(1, (os.cpu_count() or 1) // workers)
    with (
        LocalCluster(
            n_workers=workers, threads_per_worker=1, processes=True, dashboard_address=None, memory_limit=0,
            env={"OMP_NUM_THREADS": str(share), "MKL_NUM_THREADS": str(share)},
        ) as cluster,
        Client(cluster) as client,
    ):  # fmt: skip
        yield client


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
    """See to it that there are workers, with this version of us."""
    versions: dict[str, Any] = client.run(_version)
    if not versions:
        raise BadArgument(f"the scheduler at {address} has no workers; start some with `dask worker {address}`.")
    others = {worker: version for worker, version in versions.items() if version != __version__}
    if others:
        worker, version = next(iter(others.items()))
        raise BadArgument(
            f"{len(others)} of {len(versions)} workers have another napari-discern than {__version__} ({worker} has "
            f"{version or 'none'}); labels could differ. Install the same version there."
        )


def _version() -> str:
    from napari_discern import __version__ as version

    return version


def _result(future: Any, killed: type[Exception]) -> Any:
    try:
        return future.result()
    except killed as error:
        raise BadArgument(
            f"a worker died again and again on one piece of work ({error}). It may have too little memory: give "
            "smaller tiles (--tile, --memory) or fewer --workers. What is done is kept; go on with --resume."
        ) from error
