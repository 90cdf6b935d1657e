"""The errors that the cluster raises on purpose.

    ClusterError
    ├── SettingsError          a setting is wrong: the start is refused
    ├── ClusterUnavailable     Redis does not answer, or cannot serve now
    │   ├── ClusterFull        it is out of memory
    │   └── AccessRefused      it refuses our password or user
    ├── NoLiveNode             no node can take work now
    ├── BacklogFull            too many jobs wait already
    ├── QuotaReached           the submitter has as many unfinished jobs as one may have
    ├── NotAccepting           the quota is zero: nobody may submit
    ├── Conflict               the thing is in a state that forbids this
    │   └── NameTaken          another image worker holds the node's name
    ├── NotFound
    │   ├── UnknownNode
    │   └── UnknownPolicy
    ├── BadWeights             what `weighted` should weigh makes no sense
    ├── StoreError             the image store cannot be read or written
    │   └── StoreFull          it takes no more uploads, for now
    ├── NoRoom                 every node that could take the job is full (dispatcher's business)
    └── NothingToSend          none of a message's jobs waits any more: another dispatcher was faster

Each carries `detail`: one sentence for a person, saying what is wrong and what to do.
"""

from __future__ import annotations


class ClusterError(Exception):
    """Base of all; `detail` is the sentence shown to people."""

    def __init__(self, detail: str) -> None:
        super().__init__(detail)
        self.detail = detail


class SettingsError(ClusterError):
    pass


class ClusterUnavailable(ClusterError):
    pass


class ClusterFull(ClusterUnavailable):
    pass


class AccessRefused(ClusterUnavailable):
    pass


class NoLiveNode(ClusterError):
    pass


class BacklogFull(ClusterError):
    pass


class QuotaReached(ClusterError):
    pass


class NotAccepting(ClusterError):
    pass


class Conflict(ClusterError):
    pass


class NameTaken(Conflict):
    pass


class NotFound(ClusterError):
    pass


class UnknownNode(NotFound):
    pass


class UnknownPolicy(NotFound):
    pass


class BadWeights(ClusterError):
    pass


class StoreError(ClusterError):
    pass


class StoreFull(StoreError):
    pass


class NoRoom(ClusterError):
    pass


class NothingToSend(ClusterError):
    pass
