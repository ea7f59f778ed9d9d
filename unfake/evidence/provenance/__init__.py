"""What a picture's file says of itself, read from its bytes alone: nothing is decoded, nothing is fetched."""

from unfake.evidence.provenance.credentials import load_anchors
from unfake.evidence.provenance.reading import read
from unfake.evidence.provenance.statement import Kind, Provenance, Says, State, Statement

__all__ = ["Kind", "Provenance", "Says", "State", "Statement", "load_anchors", "read"]
