"""Priors: where good points are expected before a single candidate is scored."""

from optimizer.priors.choose import Circumstances, choose_prior
from optimizer.priors.gradient import GradientOptions

__all__ = ["Circumstances", "GradientOptions", "choose_prior"]
