"""Write the table of docs/operators.md from what the operators declare: ``python docs/operators_table.py``."""

from __future__ import annotations

from pathlib import Path

from merging.operators import Operator, get_operator, operator_names

PAGE = Path(__file__).with_name("operators.md")
BEGIN = "<!-- table: written by `python docs/operators_table.py`, checked by a test -->\n"
END = "<!-- end of table -->"
TITLES = {
    "2111.09832": "Fisher merging",
    "2203.05482": "Model soups",
    "2209.04836": "Git Re-Basin",
    "2212.04089": "Task arithmetic",
    "2212.09849": "RegMean",
    "2306.01708": "TIES",
    "2310.02575": "AdaMerging",
    "2310.05719": "Transformer fusion with OT",
    "2311.03099": "DARE",
    "2312.06795": "Breadcrumbs",
    "2402.16107": "FuseChat (VaRM)",
    "2403.13187": "Evolutionary model merging (data flow)",
    "2403.19522": "Model Stock",
    "2405.07813": "TALL masks, Consensus",
    "2406.11617": "DELLA",
    "2408.03092": "WIDEN",
    "2408.07990": "FuseChat (SCE)",
    "2408.13656": "Localize-and-Stitch",
    "2410.01335": "Layer Swapping",
    "2410.19735": "KnOTS",
    "2412.00081": "Task singular vectors",
    "2502.04959": "Iso-C, Iso-CTS",
    "2502.06876": "3H, reconstruction",
    "2503.08099": "WUDI",
    "2503.12649": "FW-Merging",
    "2505.16151": "FRANK",
    "2505.19892": "OptMerge, SWUDI",
    "2509.12951": "Evo-Merging",
    "2509.25712": "Expert Merging, ++",
    "2601.13572": "RAM, RAM+",
    "2603.04972": "Karcher merging",
    "none": "no paper; as in mergekit",
}


def table() -> str:
    """Return the Markdown table of all built-in operators."""
    rows = [
        "| operator | what it does | source | parameters | linear | cost | data | experts |",
        "|---|---|---|---|---|---|---|---|",
    ]
    rows += [_row(get_operator(name)) for name in operator_names()]
    return "\n".join(rows) + "\n"


def page() -> str:
    """Return docs/operators.md with the present table."""
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    return before + BEGIN + "\n" + table() + "\n" + END + rest.split(END)[1]


def _row(operator: Operator) -> str:
    source = TITLES[operator.paper] + (f" ({operator.paper})" if operator.paper != "none" else "")
    parameters = ", ".join(f"`{one.name}`" if one.searched else f"(`{one.name}`)" for one in operator.parameters)
    least, most = operator.min_models, operator.max_models
    experts = str(least) if least == most else f"{least}+" if most is None else f"{least} to {most}"
    return (
        f"| `{operator.name}` | {operator.summary.rstrip('.')} | {source} | {parameters} | {operator.linear_flag} "
        f"| {operator.cost} | {operator.data} | {experts} |"
    )


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
