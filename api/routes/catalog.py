"""What this server offers: models, tasks, merge methods, search algorithms."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path

from api.catalog.models import list_models as find_models
from api.catalog.tasks import list_tasks as find_tasks
from api.dependencies import PlannerDep, SettingsDep
from api.schemas.catalog import (
    AlgorithmList,
    AlgorithmView,
    MethodList,
    MethodView,
    ModelList,
    ModelView,
    TaskList,
    TaskView,
)
from evomerge.errors import NotFound, nearest

router = APIRouter(tags=["catalog"])
_Name = Annotated[str, Path(min_length=1, max_length=64)]


@router.get("/models")
def list_models(settings: SettingsDep) -> ModelList:
    """List the models that specs may name."""
    return ModelList(models=[ModelView.model_validate(one) for one in find_models(settings.model_roots)])


@router.get("/tasks")
def list_tasks(settings: SettingsDep) -> TaskList:
    """List the tasks that specs may name."""
    found = find_tasks(settings.task_roots, settings.tasks)
    return TaskList(tasks=[TaskView.model_validate(one) for one in found])


@router.get("/methods")
def list_methods(planner: PlannerDep) -> MethodList:
    """List the merge methods with their parameters, ranges and options."""
    return MethodList(methods=[MethodView.model_validate(one) for one in planner.methods])


@router.get("/methods/{name}")
def get_method(name: _Name, planner: PlannerDep) -> MethodView:
    """Show a merge method."""
    known = {one["name"]: one for one in planner.methods}
    if name not in known:
        raise NotFound("method", f"there is no merge method '{name}'", nearest(name, known))
    return MethodView.model_validate(known[name])


@router.get("/algorithms")
def list_algorithms(planner: PlannerDep) -> AlgorithmList:
    """List the search algorithms with their options."""
    return AlgorithmList(algorithms=[AlgorithmView.model_validate(one) for one in planner.algorithms])
