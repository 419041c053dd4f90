"""Search algorithms behind one ask/tell interface."""

from optimizer.search.scalar import *  # noqa: F403  (transition; removed once the driver speaks the new interface)
from optimizer.search.scalar import Proposal, Search  # noqa: F401
