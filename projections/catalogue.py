"""Every projection there is."""

from projections.projection import Projection
from projections.proofs.projection import ProofsProjection
from projections.slots.projection import SlotsProjection
from projections.trail.projection import TrailProjection

PROJECTIONS: dict[str, Projection] = {
    projection.name: projection
    for projection in (SlotsProjection(), TrailProjection(), ProofsProjection())
}
"""The projections by name."""
