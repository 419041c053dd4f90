"""Delta packs: an expert as a small compressed change to its base (after GraftLLM's SkillPack, 2505.18502)."""
