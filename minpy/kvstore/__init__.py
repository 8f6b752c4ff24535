"""Key-value stores: sums of gradients over devices, and the weights that they update; `mx.kv` for short."""

from minpy.kvstore.base import KVStoreBase, TestStore, create
from minpy.kvstore.kvstore import KVStore

__all__ = ["KVStore", "KVStoreBase", "TestStore", "create"]
