"""A prior without data: steps that change the model equally, from the sizes of the task vectors.

As in AP-BMM (2512.09972), where differences between the layers of the models shape the search before anything is
scored: a slot in which the experts hardly changed can move far, one in which they changed much cannot.
"""

from __future__ import annotations

import numpy as np

from merging.models import ModelSet
from merging.operators.base import MergeInputs
from optimizer.priors.gaussians import slots_prior
from optimizer.priors.surrogate import Surrogate, inputs_of, surrogate
from optimizer.search.interface import Prior, Vector
from optimizer.space import Genome


def layers_prior(genome: Genome, models: ModelSet) -> Prior:
    """Return steps inversely proportional to the relative change of weights that they make where they act.

    Reads every tensor once. Coordinates of the same parameter and initial step are compared with each other, so that
    the deviations of a hierarchy stay smaller than what they deviate from. Coordinates that are no share of a task
    vector, such as densities, keep their step.

    Raises:
        RecipeError: a model is damaged.
    """
    inputs = inputs_of(models, genome.models)
    found = surrogate(genome, np.zeros(genome.dimension), inputs)
    groups = [(gene.parameter, round(gene.step, 9)) for gene in genome.genes]
    return slots_prior(relative_changes(inputs, found), groups, "sizes of the task vectors in every slot")


def relative_changes(inputs: MergeInputs, at: Surrogate) -> Vector:
    """Return the norm of the change that each coordinate makes, relative to the weights it acts on, shape (dimension,).

    Changes of several experts are added as if they were orthogonal, which task vectors nearly are (2212.04089).
    """
    dimension = at.jacobian.shape[2]
    changed, whole = np.zeros(dimension), np.zeros(dimension)
    row = 0
    for name, ends in at.ends.items():
        tensor = inputs.load(name)
        start = 0
        for end in ends:
            base = float(tensor.base.reshape(-1)[start:end].float().square().sum())
            sizes = np.array(
                [0.0 if d is None else float(d.reshape(-1)[start:end].square().sum()) for d in tensor.deltas]
            )
            moved = sizes @ at.jacobian[row] ** 2
            changed += moved
            whole += np.where(moved > 0, base, 0.0)
            row, start = row + 1, end
    found: Vector = np.sqrt(changed / np.where(whole > 0, whole, 1.0))
    return found
