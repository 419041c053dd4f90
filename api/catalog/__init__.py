"""What this server offers: models, tasks, methods; and the limits of what a spec may name."""
